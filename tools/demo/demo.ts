import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { platform } from "../../platforms/node/index.ts";
import { Client, type Message } from "../../src/index.ts";
import { Broker, PortTakenError } from "../broker/broker.ts";
import { packageRoot } from "../cli/package.ts";
import { bundle, type Program } from "../simulator/bundle.ts";
import { Device, type Engine } from "../simulator/device.ts";
import type { Statistics } from "../simulator/machine.ts";
import { Ledger } from "./ledger.ts";

export interface DemoOptions {
  /** Engine of the first device; the others run on Node. */
  engine: Engine;
  /** How many devices run on Node besides the first. */
  companions: number;
  /** Port of the broker. When it is in use, any that is free is taken. */
  port: number;
  /** ms from one sample to the next. */
  intervalMs: number;
  seed: number;
  /** The sensors' program; by default the example. */
  program?: string;
  /** Gets what a person should read: the port that was in use, what a device prints, how a device ended. */
  onNotice: (line: string) => void;
}

/** Where the demo stands; all counts are of QoS 1, and of all devices that have not ended. */
export interface DemoState {
  /** Devices that ended by themselves: the program threw, or the heap was too small. */
  devicesEnded: number;
  /** Devices that are connected to the broker. */
  connected: number;
  published: number;
  acknowledged: number;
  received: number;
  /** Messages that came again. */
  duplicates: number;
  inFlight: number;
  /** Commands that reached the devices. */
  commands: number;
  /** The first device's counters; undefined when it has ended. */
  first: Statistics | undefined;
}

/**
 * The outcome, as `--report` writes it. Counts of messages are of QoS 1 where the name says nothing else, and of the devices
 * that did not end. Figures of the first device's heap are null when it ended.
 */
export interface DemoReport {
  engine: Engine;
  /** Bytes of a slot of the first device's heap; 16 on an ESP32. 0 on Node. */
  slotBytes: number | null;
  devices: number;
  /** Devices that ended by themselves: the program threw, or the heap was too small. */
  devicesEnded: number;
  /** Messages that the devices' outboxes accepted. */
  published: number;
  acknowledged: number;
  /** Messages that reached the subscriber, each counted once. */
  received: number;
  receivedQos0: number;
  lost: number;
  duplicates: number;
  /** Commands that reached the devices. */
  commands: number;
  /**
   * Heap that the first device took, once warm, for each message it published: in all it did, acknowledgements and
   * keep-alive included. null when the demo ended before there was any.
   */
  slotsPerPublish: number | null;
  chunkBytesPerPublish: number | null;
  /** Heap that it took when data came in, for each message among them. */
  slotsPerMessage: number | null;
  chunkBytesPerMessage: number | null;
  /** Collections on the first device since its program started. */
  collections: number | null;
  /** Peak of the first device's heap above the engine's own, slots and chunks together. */
  heapPeakBytes: number | null;
  heapLimitBytes: number | null;
  /** Bytes of the program, minified; and as XS bytecode. */
  bundleBytes: number;
  codeBytes: number | null;
}

/** The device whose heap is watched. */
const FIRST = "greenhouse-1";
const COMMAND_INTERVAL_MS = 1_000;
/** After this the first device is warm: it has connected, published and been commanded. */
const WARM_UP_MS = 1_500;
/** Room in the outbox for the commands to a device: the one under way, and the last. */
const COMMAND_BYTES = 128;
/** An interval that ends sampling, for all that a demo lasts. */
const LONGEST_INTERVAL_MS = 3_600_000;
const DRAIN_MS = 10_000;
const POLL_MS = 50;

/**
 * Telemetry end to end: the bundled broker, the example sensor on several simulated devices, and a subscriber that keeps
 * the books.
 */
export class Demo {
  readonly broker: Broker;
  readonly program: Program;
  private readonly _options: DemoOptions;
  private readonly _ledger = new Ledger();
  private readonly _devices = new Map<string, Device>();
  private readonly _subscriber: Client;
  private readonly _connected: Set<string>;
  private _devicesEnded = 0;
  private _commands: NodeJS.Timeout | undefined;
  private _warmUp: NodeJS.Timeout | undefined;
  private _warm: Statistics | undefined;

  static async start(options: DemoOptions): Promise<Demo> {
    const connected = new Set<string>();
    const program = await bundle(options.program ?? join(packageRoot, "platforms/simulator/example/sensor.ts"));
    const demo = new Demo(options, program, await startBroker(options, connected), connected);
    try {
      await demo._start();
    } catch (error) {
      await demo.stop();
      throw error;
    }
    return demo;
  }

  private constructor(options: DemoOptions, program: Program, broker: Broker, connected: Set<string>) {
    this._options = options;
    this.program = program;
    this.broker = broker;
    this._connected = connected;
    this._subscriber = new Client(platform, {
      url: broker.url,
      clientId: "mote-demo",
      outboxBytes: (1 + options.companions) * COMMAND_BYTES,
    });
  }

  private async _start(): Promise<void> {
    await this._subscribe();
    for (let number = 1; number <= 1 + this._options.companions; number++) await this._startDevice(number);
    this._commands = setInterval(() => this._command(this._options.intervalMs), COMMAND_INTERVAL_MS);
    this._warmUp = setTimeout(() => void this._measureWarm(), WARM_UP_MS);
  }

  private _subscribe(): Promise<void> {
    const subscription = this._subscriber.subscribe("sensors/+/+", 1, (message) => this._take(message));
    this._subscriber.connect();
    return new Promise((resolve, reject) => {
      this._subscriber.onDisconnect = () => reject(new Error("The demo's subscriber could not reach its own broker."));
      subscription.onGranted = () => resolve();
    });
  }

  private _take(message: Message): void {
    if (message.retain) return; // kept from before this connection, and counted then
    const [, id, name] = message.topic.split("/") as [string, string, string];
    this._ledger.take(id, name, message.text(), message.qos);
  }

  private async _startDevice(number: number): Promise<void> {
    const { engine, intervalMs, seed, onNotice } = this._options;
    const id = `greenhouse-${number}`;
    const device = await Device.create({
      engine: id === FIRST ? engine : "node",
      settings: JSON.stringify({ id, url: this.broker.url, intervalMs }),
      seed: (seed + number - 1) >>> 0,
      onPrint: onNotice,
      onEnd: (message) => {
        onNotice(`${id} ended: ${message}`);
        this._devices.delete(id);
        this._devicesEnded++;
      },
    });
    this._devices.set(id, device);
    await device.start(this.program.code);
  }

  private _command(intervalMs: number): void {
    for (const id of this._devices.keys()) {
      this._subscriber.publish(`sensors/${id}/set/interval`, intervalMs, { qos: 1 });
    }
  }

  private async _measureWarm(): Promise<void> {
    this._warm = (await this.state()).first;
  }

  async state(): Promise<DemoState> {
    const devices = [...this._devices];
    // The books first: what is in them, the devices have counted by the time they answer.
    const booked = new Map(devices.map(([id]) => [id, this._ledger.receivedFrom(id)]));
    const online = new Map(devices.map(([id]) => [id, this._ledger.onlineFrom(id)]));
    const duplicates = this._ledger.duplicates;
    const answers = await Promise.all(devices.map(([, device]) => device.statistics().catch(() => undefined)));
    const all = new Map<string, Statistics>();
    for (const [index, [id]] of devices.entries()) {
      const answer = answers[index];
      // One that ended meanwhile is not counted: what it published in the end is not known.
      if (answer && this._devices.has(id)) all.set(id, answer);
    }
    const sum = (name: string): number =>
      [...all.values()].reduce((total, { reports }) => total + (reports[name] ?? 0), 0);
    // A sensor says once for each connection that it is online; what is more came again.
    const said = (id: string): number => all.get(id)!.reports.online ?? 0;
    const ids = [...all.keys()];
    return {
      devicesEnded: this._devicesEnded,
      connected: ids.filter((id) => this._connected.has(id)).length,
      published: sum("published"),
      acknowledged: sum("acknowledged"),
      received: ids.reduce((total, id) => total + booked.get(id)! + Math.min(online.get(id)!, said(id)), 0),
      duplicates: ids.reduce((total, id) => total + Math.max(0, online.get(id)! - said(id)), duplicates),
      inFlight: sum("inFlight"),
      commands: sum("received"),
      first: all.get(FIRST),
    };
  }

  /** Lets what is under way arrive, ends everything, and draws the balance. */
  async finish(): Promise<DemoReport> {
    clearInterval(this._commands);
    clearTimeout(this._warmUp);
    const end = await this.state();
    this._command(LONGEST_INTERVAL_MS);
    const last = await this._drain();
    await this.stop();
    return this._report(end.first, last);
  }

  /** Ends everything. */
  async stop(): Promise<void> {
    clearInterval(this._commands);
    clearTimeout(this._warmUp);
    await Promise.all([...this._devices.values()].map((device) => device.stop()));
    this._subscriber.onDisconnect = undefined;
    this._subscriber.disconnect();
    await this.broker.stop();
  }

  /** Waits until all that was published has been acknowledged and has arrived, for as long as that may take. */
  private async _drain(): Promise<DemoState> {
    const deadline = performance.now() + DRAIN_MS;
    for (;;) {
      const before = this._ledger.received;
      const state = await this.state();
      const drained = state.acknowledged === state.published && state.received === state.published;
      if ((drained && before === this._ledger.received) || performance.now() > deadline) return state;
      await sleep(POLL_MS);
    }
  }

  private _report(end: Statistics | undefined, last: DemoState): DemoReport {
    return {
      engine: this._options.engine,
      slotBytes: end ? end.slotBytes : null,
      devices: 1 + this._options.companions,
      devicesEnded: last.devicesEnded,
      published: last.published,
      acknowledged: last.acknowledged,
      received: last.received,
      receivedQos0: this._ledger.receivedQos0,
      lost: last.published - last.received,
      duplicates: last.duplicates,
      commands: last.commands,
      ...this._costs(end),
      collections: end ? end.collections : null,
      heapPeakBytes: end ? end.slotsPeak * end.slotBytes + end.chunkBytesPeak : null,
      heapLimitBytes: end ? end.slotsLimit * end.slotBytes + end.chunkBytesLimit : null,
      bundleBytes: this.program.bytes,
      codeBytes: end ? end.codeBytes : null,
    };
  }

  /** What the first device's heap took since it was warm, for each message. */
  private _costs(
    end: Statistics | undefined,
  ): Pick<DemoReport, "slotsPerPublish" | "chunkBytesPerPublish" | "slotsPerMessage" | "chunkBytesPerMessage"> {
    const warm = this._warm;
    const since = (name: keyof Omit<Statistics, "reports">): number => (end?.[name] ?? 0) - (warm?.[name] ?? 0);
    const share = (cost: number, name: string): number | null => {
      const count = (end?.reports[name] ?? 0) - (warm?.reports[name] ?? 0);
      return warm && count > 0 ? cost / count : null;
    };
    return {
      slotsPerPublish: share(since("wakeSlots") + since("receivedSlots"), "messages"),
      chunkBytesPerPublish: share(since("wakeChunkBytes") + since("receivedChunkBytes"), "messages"),
      slotsPerMessage: share(since("receivedSlots"), "received"),
      chunkBytesPerMessage: share(since("receivedChunkBytes"), "received"),
    };
  }
}

/** A broker at the port asked for, or where that is in use at any that is free. */
async function startBroker({ port, onNotice }: DemoOptions, connected: Set<string>): Promise<Broker> {
  const listener = {
    onConnect: (clientId: string) => connected.add(clientId),
    onDisconnect: (clientId: string) => connected.delete(clientId),
  };
  try {
    return await Broker.start({ port }, listener);
  } catch (error) {
    if (!(error instanceof PortTakenError)) throw error;
    const broker = await Broker.start({ port: 0 }, listener);
    onNotice(`Port ${port} is in use, perhaps by another broker: this one listens at port ${broker.port}.`);
    return broker;
  }
}
