import Timer from "timer";
import { Reason } from "../../src/packet/reason.ts";
import type { Endpoint, Transport, TransportListener } from "../../src/platform.ts";
import type { Resolver, Route, Socket, SocketOptions, SocketRoute } from "./ecma419.ts";
import { FlexibleBuffer } from "./flexible-buffer.ts";

/** The most that is read or written at once: a packet of Ethernet's less its headers is some more. */
const CHUNK_BYTES = 1_024;

/**
 * A socket of ECMA-419, its name resolved first. `read` and `write` there take a whole buffer, and a view of a part is
 * 4 slots on XS; so each direction has one view that follows the length of a resizable buffer, which costs nothing.
 */
export class ModdableTransport implements Transport {
  /** How much the socket takes at present. */
  writable = 0;
  /** Whether what arrives is left where it is; `resume` goes on. */
  paused = false;
  private readonly _routeOf: (scheme: string) => Route | undefined;
  private readonly _input = new FlexibleBuffer(CHUNK_BYTES);
  private readonly _output = new FlexibleBuffer(CHUNK_BYTES);
  private _listener: TransportListener | undefined;
  private _resolver: Resolver | undefined;
  private _socket: Socket | undefined;
  /** Tells of the failure once whoever caused it has returned. */
  private _failing: Timer | undefined;
  /** Counts connections: what still comes from an earlier one is dropped. */
  private _connection = 0;
  private _opened = false;
  private _readable = 0;
  private _reading = false;
  /** Whether the listener is being told something: an exception then is the application's, and ends the program. */
  private _handing = false;

  constructor(routeOf: (scheme: string) => Route | undefined) {
    this._routeOf = routeOf;
  }

  open(endpoint: Endpoint, listener: TransportListener): void {
    const scheme = endpoint.scheme;
    const route = this._routeOf(scheme);
    if (!route) {
      throw new TypeError(
        `url has the scheme "${scheme}": name its socket and dns in createPlatform({ ${scheme}: … }) or device.network.${scheme}`,
      );
    }
    this.close();
    this._listener = listener;
    const connection = this._connection;
    const current = (): boolean => connection === this._connection;
    try {
      const resolver: Resolver = new route.dns.io(route.dns as never);
      this._resolver = resolver;
      resolver.resolve({
        host: endpoint.hostname,
        // Its own word for the host may be an address; TLS compares the name with the broker's certificate.
        onResolved: (_host, address) => {
          if (current()) this._connect(route, endpoint, address, current);
        },
        onError: () => {
          if (current()) this._fail(Reason.HOST_NOT_FOUND);
        },
      });
    } catch {
      this._fail(Reason.CONNECTION_FAILED);
    }
  }

  private _connect(route: Route, endpoint: Endpoint, address: string, current: () => boolean): void {
    this._closeResolver();
    const options: SocketOptions & Record<string, unknown> = {
      nodelay: true,
      ...route.socket,
      address,
      host: endpoint.hostname,
      port: endpoint.port,
      onReadable: (count) => {
        if (!current()) return;
        this._readable = count;
        this._drain();
      },
      onWritable: (count) => {
        if (!current()) return;
        this.writable = count;
        this._tellWritable();
      },
      onError: () => {
        if (current()) this._fail(this._opened ? Reason.CONNECTION_LOST : Reason.CONNECTION_FAILED);
      },
    };
    if (route.socket.TCP) options.TCP = this._guarded(route.socket.TCP, current);
    try {
      this._socket = new route.socket.io(options as never);
    } catch {
      this._fail(Reason.CONNECTION_FAILED); // no network, no memory, or not an address
    }
  }

  /**
   * Moddable's TLSSocket throws what is wrong with a certificate or record out of the callbacks of the TCP below it, where
   * it would end the program. So that TCP's callbacks catch it; what the application throws passes.
   */
  private _guarded(tcp: SocketRoute, current: () => boolean): SocketRoute {
    const guard = (callback: (count?: number) => void) => (count?: number) => {
      try {
        if (current()) callback(count);
      } catch (error) {
        if (this._handing) throw error;
        if (current()) this._fail(Reason.TLS_FAILED);
      }
    };
    const TCP = tcp.io as new (options: SocketOptions) => Socket;
    function GuardedTCP(options: SocketOptions): Socket {
      return new TCP({
        ...options,
        onReadable: guard(options.onReadable as () => void),
        onWritable: guard(options.onWritable as () => void),
        onError: guard(options.onError),
      });
    }
    return { ...tcp, io: GuardedTCP as unknown as SocketRoute["io"] };
  }

  resume(): void {
    this.paused = false;
    this._drain();
  }

  private _drain(): void {
    if (this._reading) return; // from within onData: the loop below goes on
    const connection = this._connection;
    const input = this._input;
    this._reading = true;
    // What is left unread is not announced again, so all of it is read, unless the listener closes the connection.
    while (this._readable > 0 && !this.paused && connection === this._connection) {
      const size = Math.min(this._readable, CHUNK_BYTES);
      this._readable -= size;
      try {
        this._socket!.read(input.resize(size));
      } catch {
        this._fail(Reason.CONNECTION_LOST);
        break;
      }
      this._handing = true;
      this._listener!.onData(input.view, 0, size);
      this._handing = false;
    }
    this._reading = false;
  }

  private _tellWritable(): void {
    this._handing = true;
    if (this._opened) this._listener!.onWritable();
    else {
      this._opened = true;
      this._listener!.onOpen();
    }
    this._handing = false;
  }

  write(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end && this.writable > 0) {
      const size = Math.min(end - at, this.writable, CHUNK_BYTES);
      let room;
      try {
        room = this._socket!.write(this._output.fill(bytes, at, at + size));
      } catch {
        this._fail(Reason.CONNECTION_LOST);
        break;
      }
      // TLS takes more of what may be written than it was given.
      this.writable = typeof room === "number" ? room : this.writable - size;
      at += size;
    }
    return at - start;
  }

  close(): void {
    const socket = this._socket;
    this._connection++;
    this._socket = this._listener = undefined;
    this._opened = false;
    this._readable = this.writable = 0;
    this.paused = false;
    Timer.clear(this._failing);
    this._failing = undefined;
    this._closeResolver();
    socket?.close();
  }

  private _closeResolver(): void {
    const resolver = this._resolver;
    this._resolver = undefined;
    resolver?.close();
  }

  /** The connection is of no use any more. Its listener is told later: the cause may lie in a call of its own. */
  private _fail(reason: Reason): void {
    const listener = this._listener!;
    this.close();
    this._failing = Timer.set(() => {
      this._failing = undefined;
      listener.onClose(reason);
    });
  }
}
