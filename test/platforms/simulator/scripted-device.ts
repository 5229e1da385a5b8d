// A simulated device on either engine, on a virtual clock, with a broker that does nothing but what the test says.

import { join } from "node:path";
import { PacketType, type Reason } from "../../../src/packet/index.ts";
import { packageRoot } from "../../../tools/cli/package.ts";
import { bundle } from "../../../tools/simulator/bundle.ts";
import type { Board, Machine, Statistics } from "../../../tools/simulator/machine.ts";
import { NodeMachine } from "../../../tools/simulator/node-machine.ts";
import type { XsHost } from "../../../tools/simulator/xs/build.ts";
import { XsMachine } from "../../../tools/simulator/xs/machine.ts";
import { type Packet, type Subscribe, toHex } from "../../packet/model.ts";
import { CODEC, type PacketCodec, packetReader } from "../../support/packet-link.ts";

/** More than most tests send through one connection: the credit is no part of what is tested there. */
const CREDIT = 1_000_000;

const programs = new Map<string, Promise<string>>();

/** The script of programs/<name>.ts, or of a program anywhere in the package. */
function program(name: string): Promise<string> {
  let code = programs.get(name);
  if (!code) {
    const file = name.includes("/") ? name : `test/platforms/simulator/programs/${name}.ts`;
    programs.set(name, (code = bundle(join(packageRoot, file)).then((program) => program.code)));
  }
  return code;
}

const running: { stop(): Promise<void> }[] = [];

/** Ends the devices that a test started. */
export async function stopDevices(): Promise<void> {
  await Promise.all(running.splice(0).map((device) => device.stop()));
}

export interface ScriptedDeviceOptions {
  settings?: Record<string, unknown>;
  seed?: number;
  /** How many bytes a connection takes before `grant`. */
  credit?: number;
}

export class ScriptedDevice<P extends { type: PacketType } = Packet> {
  /** Now, on the device's clock. */
  time = 0;
  /** What the device printed. */
  readonly lines: string[] = [];
  /** Every connection that the device opened and closed, and what it wrote, in order. */
  readonly wire: string[] = [];
  /** Why the device ended, if it did. */
  ended: string | undefined;
  /** How many connections the device opened. */
  attempts = 0;
  /** Gets each packet that the device sends, but subscriptions: those are granted. */
  onPacket: (packet: P) => void | Promise<void> = () => undefined;
  /** Gets what the device sends in place of `onPacket`: packets that are larger than a test's buffer, or cut. */
  onBytes: ((bytes: Uint8Array) => void) | undefined;

  private readonly _machine: Machine;
  private readonly _codec: PacketCodec<P>;
  private _read!: (bytes: Uint8Array) => void;
  private readonly _credit: number;
  private _socket = -1;
  private _alarm = Infinity;
  private readonly _written: Uint8Array[] = [];
  private readonly _unanswered: P[] = [];
  private _answering = false;

  /** Starts a program on XS, or on Node. */
  static async start<P extends { type: PacketType } = Packet>(
    engine: XsHost | "node",
    name: string,
    options: ScriptedDeviceOptions = {},
    codec = CODEC as unknown as PacketCodec<P>,
  ): Promise<ScriptedDevice<P>> {
    const device = new ScriptedDevice<P>(engine, options, codec);
    running.push(device);
    await device._event(async (machine) => machine.start(await program(name)));
    return device;
  }

  private constructor(
    engine: XsHost | "node",
    { settings = {}, seed = 1, credit = CREDIT }: ScriptedDeviceOptions,
    codec: PacketCodec<P>,
  ) {
    this._credit = credit;
    this._codec = codec;
    const board: Board = {
      open: (socket, hostname, port, secure) => {
        this.attempts++;
        this._socket = socket;
        this._read = packetReader(codec, (packet) => this._unanswered.push(packet));
        this.wire.push(`open ${hostname}:${port}${secure ? " with TLS" : ""}`);
      },
      write: (_socket, bytes) => {
        this._written.push(bytes);
        if (!this.onBytes) this.wire.push(toHex(bytes));
      },
      close: () => {
        this._socket = -1;
        this.wire.push("close");
      },
      wakeAt: (time) => (this._alarm = time),
      print: (line) => this.lines.push(line),
      onEnd: (message) => (this.ended = message),
    };
    const options = { settings: JSON.stringify(settings), seed };
    this._machine =
      engine === "node" ? new NodeMachine(board, options) : new XsMachine(board, { ...options, host: engine });
  }

  statistics(): Promise<Statistics> {
    return this._machine.statistics(this.time);
  }

  async stop(): Promise<void> {
    await this._machine.stop();
  }

  get connecting(): boolean {
    return this._socket >= 0;
  }

  /** Lets time pass, and all happen that the device has asked for by then. */
  async advance(ms: number): Promise<void> {
    const until = this.time + ms;
    while (this._alarm <= until && this.ended === undefined) {
      this.time = Math.max(this.time, this._alarm);
      this._alarm = Infinity;
      await this._event((machine) => machine.wake(this.time));
    }
    this.time = until;
  }

  /** Lets time pass until the device opens a connection. */
  async nextAttempt(): Promise<void> {
    const before = this.attempts;
    while (this.attempts === before) {
      if (this._alarm === Infinity || this.ended !== undefined) throw new Error(`no further attempt: ${this.ended}`);
      await this.advance(this._alarm - this.time);
    }
  }

  /** The connection opens. */
  async opened(): Promise<void> {
    await this._event((machine) => machine.opened(this.time, this._socket, this._credit));
  }

  /** The connection opens, and the broker accepts it; of MQTT 5, with these properties. */
  async connect(sessionPresent = false, properties = {}): Promise<void> {
    if (!this.connecting) await this.nextAttempt();
    await this.opened();
    await this._answerWith({ type: PacketType.CONNACK, sessionPresent, returnCode: 0, reasonCode: 0, properties });
  }

  /** The connection takes so many bytes more. */
  async grant(credit: number): Promise<void> {
    await this._event((machine) => machine.writable(this.time, this._socket, credit));
  }

  send(...packets: P[]): Promise<void> {
    return this.deliver(new Uint8Array(Buffer.concat(packets.map((packet) => this._codec.encode(packet)))));
  }

  /** Sends a packet with the fields that either version has: a codec makes use of its own. */
  private _answerWith(packet: { type: PacketType; [field: string]: unknown }): Promise<void> {
    return this.send({ properties: {}, ...packet } as unknown as P);
  }

  /** The connection brings these pieces, one after the other, for as long as there is one. */
  async deliver(...pieces: Uint8Array[]): Promise<void> {
    for (const piece of pieces) {
      if (this.connecting) await this._event((machine) => machine.received(this.time, this._socket, piece));
    }
  }

  /** The connection fails, or ends; `code` is one of `Reason`'s. */
  async closed(code: Reason): Promise<void> {
    const socket = this._socket;
    this._socket = -1;
    await this._event((machine) => machine.closed(this.time, socket, code));
  }

  /** One event, and all that the device does about it, and the broker about that. */
  private async _event(send: (machine: Machine) => void | Promise<void>): Promise<void> {
    const machine = this._machine;
    await send(machine);
    if (machine instanceof XsMachine) await machine.settled();
    if (this.onBytes) {
      for (const bytes of this._written.splice(0)) this.onBytes(bytes);
    } else {
      for (const bytes of this._written.splice(0)) this._read(bytes);
    }
    if (this._answering) return;
    this._answering = true;
    for (let packet; (packet = this._unanswered.shift());) await this._answer(packet);
    this._answering = false;
  }

  private async _answer(packet: P): Promise<void> {
    if (packet.type === PacketType.SUBSCRIBE) {
      const { packetId, entries } = packet as unknown as Subscribe;
      await this._answerWith({ type: PacketType.SUBACK, packetId, codes: entries.map(({ qos }) => qos) });
    } else {
      await this.onPacket(packet);
    }
  }
}
