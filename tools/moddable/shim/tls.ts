// `embedded:io/socket/tcp/tls`, without cryptography: what it was asked for, it prints, and what was sent it reads later.

import type TCP from "./tcp.ts";

declare const host: { print(line: string): void };

interface Options {
  host: string;
  secure: Record<string, unknown>;
  TCP: { io: new (options: unknown) => TCP };
  onReadable?: (count: number) => void;
  onWritable?: (count: number) => void;
  onError?: () => void;
}

/** What the real class takes off what TCP grants, for the record around the data. */
const OVERHEAD = 96;
/** The first byte of a record that the real class would throw at (an alert). */
const ALERT = 0x15;

export default class TLSSocket {
  private readonly _tcp: TCP;
  private readonly _options: Options;
  private _data: Uint8Array | undefined;
  private _at = 0;

  constructor(options: Options) {
    // The server's name is the host's, unless the options have another: as the real class makes it out.
    const secure: Record<string, unknown> = { serverName: options.host, ...options.secure };
    host.print(`secure ${JSON.stringify(secure, (_, value: unknown) => printable(value))}`);
    this._options = options;
    this._tcp = new options.TCP.io({
      ...options,
      onReadable: (count: number) => this._onReadable(count),
      onWritable: (count: number) => {
        if (count > OVERHEAD) options.onWritable?.(count - OVERHEAD);
      },
      onError: () => options.onError?.(),
    });
  }

  /** Fewer bytes than asked for are no error here. */
  read(buffer: Uint8Array): number | undefined {
    const data = this._data;
    if (!data) return undefined;
    const count = Math.min(buffer.byteLength, data.length - this._at);
    buffer.set(data.subarray(this._at, this._at + count));
    this._at += count;
    if (this._at === data.length) this._data = undefined;
    return count;
  }

  write(buffer: Uint8Array): number {
    return Math.max(0, (this._tcp.write(buffer) ?? 0) - 32);
  }

  close(): void {
    this._tcp.close();
  }

  private _onReadable(count: number): void {
    if (this._data) return;
    const data = new Uint8Array(count);
    this._tcp.read(data);
    if (data[0] === ALERT) throw new Error("certificate: auth err");
    this._data = data;
    this._at = 0;
    this._options.onReadable?.(count);
  }
}

function printable(value: unknown): unknown {
  return value instanceof Uint8Array || value instanceof ArrayBuffer ? `${value.byteLength} bytes` : value;
}
