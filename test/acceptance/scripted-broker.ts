import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { generate, type Packet, parser } from "mqtt-packet";

/** A connection to a broker that does as the test says. */
export interface Connection {
  readonly socket: Socket;
  /** Packets received. */
  readonly packets: Packet[];
  send(packet: Packet): void;
}

/** Answers a packet, or does not. */
export type Script = (packet: Packet, connection: Connection) => void;

/** A broker that keeps to no rules but those of its script; its packets are read and written by mqtt-packet. */
export class ScriptedBroker {
  readonly connections: Connection[] = [];
  readonly url: string;
  private readonly _server: Server;
  private readonly _waiting: (() => void)[] = [];

  static async start(script: Script): Promise<ScriptedBroker> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new ScriptedBroker(server, script);
  }

  private constructor(server: Server, script: Script) {
    this._server = server;
    this.url = `mqtt://127.0.0.1:${(server.address() as { port: number }).port}`;
    server.on("connection", (socket) => {
      socket.setNoDelay(true);
      socket.on("error", () => socket.destroy());
      const connection: Connection = { socket, packets: [], send: (packet) => socket.write(generate(packet)) };
      this.connections.push(connection);
      const stream = parser({ protocolVersion: 4 });
      stream.on("packet", (packet) => {
        connection.packets.push(packet);
        script(packet, connection);
        this._waiting.splice(0).forEach((check) => check());
      });
      socket.on("data", (chunk) => stream.parse(chunk));
    });
  }

  /** All packets of a kind, over all connections. */
  received<Command extends Packet["cmd"]>(command: Command): Extract<Packet, { cmd: Command }>[] {
    const all = this.connections.flatMap(({ packets }) => packets);
    return all.filter((packet): packet is Extract<Packet, { cmd: Command }> => packet.cmd === command);
  }

  /** Waits until so many packets of a kind have come. */
  async until<Command extends Packet["cmd"]>(
    command: Command,
    count: number,
    timeoutMs = 10_000,
  ): Promise<Extract<Packet, { cmd: Command }>[]> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const found = this.received(command);
      if (found.length >= count) return found;
      await new Promise<void>((resolve, reject) => {
        const timeout = setTimeout(
          () => reject(new Error(`${found.length} ${command} came instead of ${count}`)),
          Math.max(0, deadline - Date.now()),
        );
        this._waiting.push(() => {
          clearTimeout(timeout);
          resolve();
        });
      });
    }
  }

  async stop(): Promise<void> {
    for (const { socket } of this.connections) socket.destroy();
    this._server.close();
    await once(this._server, "close");
  }
}

/** The script of a broker that keeps the rules, as far as a test does not say otherwise. */
export const wellBehaved: Script = (packet, connection) => {
  switch (packet.cmd) {
    case "connect":
      return connection.send({ cmd: "connack", returnCode: 0, sessionPresent: false });
    case "subscribe":
      return connection.send({
        cmd: "suback",
        messageId: packet.messageId!,
        granted: packet.subscriptions.map(({ qos }) => qos),
      });
    case "publish":
      if (packet.qos === 1) connection.send({ cmd: "puback", messageId: packet.messageId! });
      return;
    case "pingreq":
      return connection.send({ cmd: "pingresp" });
  }
};
