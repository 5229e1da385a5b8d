// The part of Espruino that the platform touches. Types only: nothing of this file is in a bundle.

export interface Espruino {
  /** The string behind a whole Uint8Array, as it is and without a copy; of a part of one, a copy. */
  toString(bytes: Uint8Array): string;
  /** The bytes of a string, without a copy. */
  toArrayBuffer(text: string): ArrayBuffer;
}

export interface Socket {
  /** Takes everything, whatever it returns: what cannot be sent yet is kept. Throws once the socket is closed. */
  write(data: string): boolean;
  /** Closes once everything is sent. */
  end(): void;
  on(event: "data", callback: (data: string) => void): void;
  on(event: "error", callback: (error: { code: number }) => void): void;
  on(event: "drain" | "close", callback: () => void): void;
}

export interface SocketLibrary {
  /** Throws when the host has no address or refuses. */
  connect(options: { host: string; port: number }, onConnect: () => void): Socket;
}

/** The globals. */
export interface Engine {
  E: Espruino;
  /** Seconds, with a fraction. */
  getTime(): number;
  require(name: "net" | "tls"): SocketLibrary;
  setTimeout(callback: () => void, delayMs: number): number;
  clearTimeout(timeout: number): void;
  setInterval(callback: () => void, intervalMs: number): number;
  clearInterval(interval: number): void;
}
