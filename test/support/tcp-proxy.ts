import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { Transform } from "node:stream";

/** Real TCP between a client and a broker, which a test cuts, stalls or slows down. */
export class TcpProxy {
  readonly port: number;
  /** How many connections there were. */
  connections = 0;
  /** How fast it passes on what the client sends … */
  bytesPerSecond = Infinity;
  /** … and what the broker sends. */
  bytesPerSecondToClient = Infinity;
  /** Whether each connection ends as soon as it is made. */
  unplugged = false;
  /** Gets what the broker sends, with the number of the connection. */
  onBrokerData: ((connection: number, chunk: Buffer) => void) | undefined;
  private readonly _server: Server;
  private readonly _pairs = new Set<[Socket, Socket]>();

  static async start(targetPort: number): Promise<TcpProxy> {
    const server = createServer({ pauseOnConnect: true }).listen(0, "127.0.0.1");
    await once(server, "listening");
    return new TcpProxy(server, targetPort);
  }

  private constructor(server: Server, targetPort: number) {
    this._server = server;
    this.port = (server.address() as { port: number }).port;
    server.on("connection", (client: Socket) => {
      if (this.unplugged) {
        client.on("error", () => undefined).resetAndDestroy();
        return;
      }
      const number = ++this.connections;
      const target = connect(targetPort, "127.0.0.1");
      const pair: [Socket, Socket] = [client, target];
      this._pairs.add(pair);
      const brakes = [brake(() => this.bytesPerSecond), brake(() => this.bytesPerSecondToClient)] as const;
      client.pipe(brakes[0]).pipe(target);
      target.pipe(brakes[1]).pipe(client);
      target.on("data", (chunk: Buffer) => this.onBrokerData?.(number, chunk));
      for (const socket of pair) {
        socket.on("error", () => undefined);
        socket.on("close", () => {
          this._pairs.delete(pair);
          client.destroy();
          target.destroy();
          for (const brake of brakes) brake.destroy();
        });
      }
    });
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  /** Resets all connections, as a network does that breaks. */
  cut(): void {
    for (const [client, target] of this._pairs) {
      client.resetAndDestroy();
      target.resetAndDestroy();
    }
  }

  /** Passes nothing on any more, and says nothing: half-open, for both ends. */
  stall(): void {
    for (const [client, target] of this._pairs) {
      client.unpipe();
      target.unpipe();
    }
  }

  async stop(): Promise<void> {
    this.cut();
    this._server.close();
    await once(this._server, "close");
  }
}

/** Lets bytes pass no faster than that. */
function brake(bytesPerSecond: () => number): Transform {
  return new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      const ms = (chunk.length * 1_000) / bytesPerSecond();
      if (ms < 1) done(null, chunk);
      else setTimeout(() => done(null, chunk), ms);
    },
  });
}
