import { platform } from "../../platforms/node/index.ts";
import type { Platform, Transport } from "../../src/platform.ts";
import type { Board, Machine, MachineOptions, Statistics } from "./machine.ts";
import { NodeMachine } from "./node-machine.ts";
import { XsMachine } from "./xs/machine.ts";

export type Engine = "xs" | "node";

export interface DeviceOptions extends MachineOptions {
  engine: Engine;
  /** What makes its connections: Node's platform, or one around that. */
  network?: Pick<Platform, "createTransport">;
  /** Gets each line that the device prints. */
  onPrint?: (line: string) => void;
  /** Told, with a sentence, that the device ended by itself: its program threw, or its heap was too small. */
  onEnd?: (message: string) => void;
}

/** Bytes a device may have under way in a connection: lwIP's default send buffer on an ESP32. */
const SEND_BUFFER_BYTES = 5_744;
/** The longest delay that Node's timers take. */
const LONGEST_DELAY_MS = 2_147_483_647;

interface Connection {
  transport: Transport;
  /** Taken from the device, and not yet by the connection. */
  unsent: Uint8Array[];
}

/** A simulated device: a machine on real time, with real sockets. */
export class Device implements Board {
  private readonly _options: DeviceOptions;
  private readonly _started = performance.now();
  private readonly _connections = new Map<number, Connection>();
  private _machine: Machine | undefined;
  private _alarm: NodeJS.Timeout | undefined;
  private _stopped = false;

  /** Makes a device; on XS this compiles the engine at the first use. `start` starts it. */
  static async create(options: DeviceOptions): Promise<Device> {
    const device = new Device(options);
    device._machine =
      options.engine === "xs" ? await XsMachine.create(device, options) : new NodeMachine(device, options);
    return device;
  }

  private constructor(options: DeviceOptions) {
    this._options = options;
  }

  start(program: string): Promise<void> {
    return this._machine!.start(program);
  }

  statistics(): Promise<Statistics> {
    return this._machine!.statistics(this._now());
  }

  /** Pulls the plug: the program is not asked. */
  async stop(): Promise<void> {
    this._stopped = true;
    clearTimeout(this._alarm);
    for (const { transport } of this._connections.values()) transport.close();
    this._connections.clear();
    await this._machine?.stop();
  }

  private _now(): number {
    return performance.now() - this._started;
  }

  // Board

  open(socket: number, hostname: string, port: number, secure: boolean): void {
    if (this._stopped) return;
    const machine = this._machine!;
    const connection: Connection = { transport: (this._options.network ?? platform).createTransport(), unsent: [] };
    this._connections.set(socket, connection);
    connection.transport.open(
      { scheme: secure ? "mqtts" : "mqtt", hostname, port, path: "" },
      {
        onOpen: () => machine.opened(this._now(), socket, SEND_BUFFER_BYTES),
        onData: (bytes, start, end) => machine.received(this._now(), socket, bytes.subarray(start, end)),
        onWritable: () => {
          for (const bytes of connection.unsent.splice(0)) this._send(socket, connection, bytes);
        },
        onClose: (reason) => {
          this._connections.delete(socket);
          machine.closed(this._now(), socket, reason);
        },
      },
    );
  }

  write(socket: number, bytes: Uint8Array): void {
    const connection = this._connections.get(socket);
    if (connection) this._send(socket, connection, bytes);
  }

  /** What Node does not take waits, and holds back the device's credit: so it is no more than that. */
  private _send(socket: number, { transport, unsent }: Connection, bytes: Uint8Array): void {
    const taken = transport.write(bytes, 0, bytes.length);
    if (taken < bytes.length) unsent.push(bytes.subarray(taken));
    if (taken > 0) this._machine!.writable(this._now(), socket, taken);
  }

  close(socket: number): void {
    this._connections.get(socket)?.transport.close();
    this._connections.delete(socket);
  }

  wakeAt(time: number): void {
    if (this._stopped) return;
    clearTimeout(this._alarm);
    const delay = Math.min(Math.max(0, time - this._now()), LONGEST_DELAY_MS);
    this._alarm = setTimeout(() => this._machine!.wake(this._now()), delay);
  }

  print(line: string): void {
    this._options.onPrint?.(line);
  }

  onEnd(message: string): void {
    if (this._stopped) return;
    void this.stop();
    this._options.onEnd?.(message);
  }
}
