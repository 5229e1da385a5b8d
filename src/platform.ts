import type { Reason } from "./packet/reason.ts";

/**
 * What a client needs of the engine it runs on. A platform is made once and may serve many clients.
 */
export interface Platform {
  readonly clock: Clock;
  readonly text: Text;
  /** A number from 0 up to, not including, 1. It spreads reconnections; it guards no secret. */
  random(): number;
  /** A transport for one client, which opens it again and again. */
  createTransport(): Transport;
}

/** Where a broker is. */
export interface Endpoint {
  /** The scheme of the URL without `://`, such as "mqtt" or "mqtts". */
  readonly scheme: string;
  readonly hostname: string;
  /** 1 to 65,535. */
  readonly port: number;
  /** The path of the URL with its leading slash, or "". Only WebSocket has a use for it. */
  readonly path: string;
}

/** A stream of bytes to a broker and back, one connection at a time. */
export interface Transport {
  /**
   * Opens a connection; `onOpen` or `onClose` follows, never from within this call. Throws an error with a sentence when
   * the platform does not have the endpoint's scheme: that is a mistake of the programmer.
   */
  open(endpoint: Endpoint, listener: TransportListener): void;

  /**
   * Takes bytes `start` up to, not including, `end`, which may change once the call returns.
   *
   * @returns how many bytes were taken. When fewer than offered, `onWritable` follows once there is room.
   */
  write(bytes: Uint8Array, start: number, end: number): number;

  /** Closes the connection after what was taken is sent. No event of it follows, not even `onClose`. */
  close(): void;
}

/** The events of a connection. Each failure, at whatever moment and in whatever form, arrives as one `onClose`. */
export interface TransportListener {
  onOpen(): void;
  /** Bytes `start` up to, not including, `end` have arrived; they are only lent. */
  onData(bytes: Uint8Array, start: number, end: number): void;
  onWritable(): void;
  /** The connection failed to open, or ended. `reason` is one of `Reason`'s codes from 64 on. */
  onClose(reason: Reason): void;
}

/** Time, as far as a client needs it. */
export interface Clock {
  /** Milliseconds from some moment on. The client bears it that the number jumps, runs back or wraps at 32 bits. */
  now(): number;
  /** Calls `callback` about every `intervalMs` until `stopTicking` gets what this returned. */
  startTicking(intervalMs: number, callback: () => void): unknown;
  stopTicking(ticking: unknown): void;
}

/** Strings to UTF-8 and back, in the engine's fastest way. */
export interface Text {
  /**
   * Writes `text` at `at`. Lone surrogates become U+FFFD.
   *
   * @returns where it ends, or -1 when that would be beyond `limit`.
   */
  encode(text: string, into: Uint8Array, at: number, limit: number): number;
  /** The string at bytes `start` up to, not including, `end`. What is not UTF-8 becomes U+FFFD. */
  decode(bytes: Uint8Array, start: number, end: number): string;
}

/**
 * Memory that outlives a reboot: numbered records of a few bytes up to `outboxBytes`, in flash or in files. The session
 * layer has a checksum in each record, and never writes over one that counts: a store need only keep what it was given.
 *
 * Power may be cut within any call. What `read` then says of the record that was being written or removed may be
 * anything (the record, none, another length, other bytes); the other records are unharmed. What has returned lasts.
 * Calls come from one client; none of them throws.
 */
export interface Store {
  /**
   * Reads record `key` into bytes `start` up to, not including, `end`. Where those are too few, it may have read a part.
   *
   * @param key from 0 on without gaps, below `2 * records` of the saved session and QoS 2's `maximumReceived` together.
   * @returns the length of the whole record, or -1 when there is none.
   */
  read(key: number, into: Uint8Array, start: number, end: number): number;

  /**
   * Writes bytes `start` up to, not including, `end` as record `key`, which is not there, or is of no value any more.
   *
   * @returns whether it is there to stay; false when the store is full or fails.
   */
  write(key: number, bytes: Uint8Array, start: number, end: number): boolean;

  /**
   * Removes record `key`; there may be none.
   *
   * @returns whether it is gone for good.
   */
  remove(key: number): boolean;
}
