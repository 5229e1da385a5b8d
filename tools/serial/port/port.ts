/**
 * A byte stream to a board, whatever carries it: a serial port, a pseudo-terminal or a TCP connection to an emulator.
 * Bytes that arrive before `onData` is set are lost; an unplugged board is an `onClose`, and every later call rejects.
 */
export interface Port {
  readonly path: string;
  readonly baudRate: number;
  /** Whether DTR and RTS reach the board, so that it can be reset from here. */
  readonly hasControlLines: boolean;
  readonly usbVendorId?: number | undefined;
  readonly usbProductId?: number | undefined;
  onData: (bytes: Uint8Array) => void;
  /** The other side went away. Not called for `close()`. */
  onClose: () => void;
  /** Resolves once the bytes are handed to the system; rejects when that takes longer than `WRITE_TIMEOUT_MS`. */
  write(bytes: Uint8Array): Promise<void>;
  setBaudRate(baudRate: number): Promise<void>;
  /** Sets both lines in one call: a board's reset circuit sees no state between. */
  setSignals(dtr: boolean, rts: boolean): Promise<void>;
  close(): Promise<void>;
}

/** The speed of every ESP32 boot ROM and of both engines' consoles. */
export const DEFAULT_BAUD_RATE = 115_200;

export const WRITE_TIMEOUT_MS = 10_000;

/** What every call on a port rejects with once the other side is gone. */
export class PortClosedError extends Error {
  constructor(path: string, options?: ErrorOptions) {
    super(`${path} is gone`, options);
    this.name = "PortClosedError";
  }
}

/** Rejects when `work` takes longer than `timeoutMs`; the work itself is left to end by itself. */
export async function within<T>(work: Promise<T>, timeoutMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
