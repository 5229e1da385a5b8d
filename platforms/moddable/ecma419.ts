// What Mote needs of ECMA-419's classes: the options and methods that it uses, and no more.

/** How a URL's scheme is reached, by the scheme's name: `mqtt`, `mqtts`. The shape of Moddable's `device.network`. */
export type Network = Readonly<Record<string, Pick<Route, "socket"> & Partial<Pick<Route, "dns">>>>;

export interface Route {
  /** A class of TCP Client's pattern (ECMA-419, 13.2), such as TCP or TLSSocket, and options for its constructor. */
  readonly socket: SocketRoute;
  /** A class of DNS Resolver's pattern (ECMA-419, 22), and options for its constructor. */
  readonly dns: { readonly io: ResolverClass; readonly [option: string]: unknown };
}

export interface SocketRoute {
  readonly io: SocketClass;
  /** For a class that is above TCP: which. */
  readonly TCP?: SocketRoute;
  readonly [option: string]: unknown;
}

// The classes of an SDK declare more, and each its own: only what is called is asked for.
export type SocketClass = new (options: never) => Socket;
export type ResolverClass = new (options: never) => Resolver;

export interface Socket {
  /** Fills the whole buffer; throws when fewer bytes are there. */
  read(buffer: Uint8Array): unknown;
  /** Sends the whole buffer; throws when it is more than may be written. Answers how much may be written then, or nothing. */
  write(buffer: Uint8Array): unknown;
  close(): void;
}

export interface SocketOptions {
  address: string;
  host: string;
  port: number;
  onReadable(count: number): void;
  onWritable(count: number): void;
  onError(error?: unknown): void;
}

export interface Resolver {
  resolve(options: ResolveOptions): void;
  close(): void;
}

export interface ResolveOptions {
  host: string;
  onResolved(host: string, address: string): void;
  onError(error?: unknown): void;
}

declare global {
  /** What a Moddable project's configuration provides, if it provides anything. */
  var device: { readonly network?: Network } | undefined;
}
