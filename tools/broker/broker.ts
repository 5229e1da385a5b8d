import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { Readable } from "node:stream";
import { Aedes } from "aedes";
import { ExitCode, UserError } from "../cli/errors.ts";

export interface BrokerOptions {
  /** The address to listen at. 127.0.0.1 by default: nobody outside reaches it unless asked for. */
  host?: string;
  /** 0 for any that is free. 1883 by default. */
  port?: number;
}

/** Told of what happens at the broker. */
export interface BrokerListener {
  onConnect?(clientId: string): void;
  onDisconnect?(clientId: string): void;
  /** A connection that broke the protocol, or broke; `clientId` is undefined before CONNECT. */
  onError?(clientId: string | undefined, message: string): void;
}

/** The bundled broker: aedes, on TCP. It keeps everything in memory. */
export class Broker {
  readonly host: string;
  readonly port: number;
  private readonly _aedes: Aedes;
  private readonly _server: Server;
  private readonly _sockets = new Set<Socket>();

  /** Starts a broker. @throws UserError when the address or port cannot be had. */
  static async start(options: BrokerOptions = {}, listener: BrokerListener = {}): Promise<Broker> {
    const { host = "127.0.0.1", port = 1883 } = options;
    const aedes = await Aedes.createBroker();
    markRepetitions((aedes as unknown as { persistence: Persistence }).persistence);
    const server = createServer();
    try {
      server.listen(port, host);
      await once(server, "listening");
    } catch (error) {
      aedes.close();
      throw explain(error as NodeJS.ErrnoException, host, port);
    }
    return new Broker(aedes, server, host, listener);
  }

  private constructor(aedes: Aedes, server: Server, host: string, listener: BrokerListener) {
    this._aedes = aedes;
    this._server = server;
    this.host = host;
    this.port = (server.address() as { port: number }).port;
    aedes.on("clientReady", (client) => listener.onConnect?.(client.id));
    aedes.on("clientDisconnect", (client) => listener.onDisconnect?.(client.id));
    aedes.on("clientError", (client, error) => listener.onError?.(client.id, error.message));
    aedes.on("connectionError", (client, error) => listener.onError?.(client?.id ?? undefined, error.message));
    server.on("connection", (socket) => {
      this._sockets.add(socket);
      socket.on("close", () => this._sockets.delete(socket));
      socket.setNoDelay(true);
      aedes.handle(socket);
    });
  }

  get url(): string {
    return `mqtt://${this.host.includes(":") ? `[${this.host}]` : this.host}:${this.port}`;
  }

  /** Ends all connections, and the broker. */
  async stop(): Promise<void> {
    const closed = once(this._server, "close");
    this._server.close();
    for (const socket of this._sockets) socket.destroy();
    await new Promise<void>((resolve) => this._aedes.close(resolve));
    await closed;
  }
}

/** What of aedes's store a connection sends again. */
interface Persistence {
  outgoingStream(client: unknown): Readable;
}

/**
 * Gives DUP to what a broker sends again [MQTT-3.3.1-1], which aedes leaves out: a client that lost its power knows a repetition
 * by it. What has a packet identifier in the store was sent before.
 */
function markRepetitions(persistence: Persistence): void {
  const stored = persistence.outgoingStream.bind(persistence);
  async function* marked(packets: Readable): AsyncGenerator {
    for await (const packet of packets as AsyncIterable<{ cmd: string; messageId?: number; dup: boolean }>) {
      if (packet.cmd === "publish" && packet.messageId) packet.dup = true;
      yield packet;
    }
  }
  persistence.outgoingStream = (client) => Readable.from(marked(stored(client)));
}

function explain(error: NodeJS.ErrnoException, host: string, port: number): Error {
  const where = `port ${port} of ${host}`;
  switch (error.code) {
    case "EADDRINUSE":
      return new PortTakenError(port, host, error);
    case "EACCES":
      return new UserError(`The broker may not listen at ${where}: choose a port above 1023.`, ExitCode.UNAVAILABLE, {
        cause: error,
      });
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new UserError(`${host} is no address of this machine: try --host 127.0.0.1.`, ExitCode.USAGE, {
        cause: error,
      });
  }
  return error;
}

/** The port is in use: by another broker, most likely. */
export class PortTakenError extends UserError {
  constructor(port: number, host: string, cause: Error) {
    super(
      `Port ${port} of ${host} is in use, perhaps by another broker: end that one, or choose another port with --port.`,
      ExitCode.UNAVAILABLE,
      { cause },
    );
    this.name = "PortTakenError";
  }
}
