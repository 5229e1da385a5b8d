import type { Client } from "./client/client.ts";
import type { TlsOptions } from "./tls.ts";

// The part of Espruino that the platform touches. Types only: nothing of this file is in a bundle.

export interface Espruino {
  /** The string behind a whole Uint8Array, as it is and without a copy; of a part of one, a copy. */
  toString(bytes: Uint8Array): string;
  /** The bytes of a string, without a copy. */
  toArrayBuffer(text: string): ArrayBuffer;
  /** That of zlib, without a sign. */
  CRC32(text: string): number;
}

export interface Socket {
  /** The client that it is of, until that is done with it. */
  _client?: Client | 0;
  /** Takes everything, whatever it returns: what cannot be sent yet is kept. Throws once the socket is closed. */
  write(data: string): boolean;
  /** Closes once everything is sent. */
  end(): void;
  /** Callbacks get the socket as `this`. */
  on(event: "data", callback: (this: Socket, data: string) => void): void;
  on(event: "error", callback: (this: Socket, error: { code: number }) => void): void;
  on(event: "drain" | "close", callback: (this: Socket) => void): void;
}

export interface SocketOptions extends TlsOptions {
  host: string;
  port: number;
}

export interface SocketLibrary {
  /** Throws when the host has no address or refuses, or a certificate cannot be read. */
  connect(options: SocketOptions, onConnect: (this: Socket) => void): Socket;
}

/** Files in flash. `write` throws where something was written before, or when there is no room. */
export interface Storage {
  /** Makes a file of `size` bytes when `offset` is 0. */
  write(name: string, data: string, offset: number, size?: number): boolean;
  read(name: string, offset?: number, length?: number): string | undefined;
  erase(name: string): void;
}

/** The globals. */
export interface Engine {
  E: Espruino;
  console: { log(text: string, value?: unknown): void };
  /** Seconds, with a fraction. */
  getTime(): number;
  require(name: "Storage"): Storage;
  require(name: "net" | "tls"): SocketLibrary;
  setTimeout(callback: () => void, delayMs: number): number;
  clearTimeout(timeout: number): void;
  setInterval<Argument>(callback: (argument: Argument) => void, intervalMs: number, argument?: Argument): number;
  clearInterval(interval: number): void;
}
