// Real brokers, each in a process of its own on a free port of 127.0.0.1: they can be killed, and started again there.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { program, type Requirement } from "./require.ts";

export interface BrokerOptions {
  /** Files for TLS; without them it speaks plain TCP. */
  tls?: { ca: string; cert: string; key: string };
  /** mosquitto only: whether sessions and retained messages survive a restart. */
  persistence?: boolean;
  /** mosquitto only: where it speaks WebSocket, too. */
  webSocketPort?: number;
  /** mosquitto only: more lines of its configuration, for its listener. */
  config?: readonly string[];
}

export abstract class RealBroker {
  readonly port: number;
  readonly options: BrokerOptions;
  protected readonly folder = mkdtempSync(join(tmpdir(), "mote-broker-"));
  protected child: ChildProcess | undefined;
  private _log: string[] = [];

  constructor(port: number, options: BrokerOptions) {
    this.port = port;
    this.options = options;
  }

  get url(): string {
    return `${this.options.tls ? "mqtts" : "mqtt"}://127.0.0.1:${this.port}`;
  }

  /** Starts it, also after `kill`; resolves once it listens. */
  async start(): Promise<void> {
    const [command, ...args] = this.command();
    const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
    this.child = child;
    const onExit = (): unknown => child.kill("SIGKILL");
    process.once("exit", onExit);
    child.once("exit", () => process.off("exit", onExit));
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the broker does not start:\n${this._log.join("\n")}`)), 10_000);
      child.once("exit", () => clearTimeout(timer));
      const onLine = (line: string): void => {
        this._log.push(line);
        if (!/\brunning$/.test(line)) return;
        clearTimeout(timer);
        resolve();
      };
      createInterface(child.stdout).on("line", onLine);
      createInterface(child.stderr).on("line", onLine);
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`the broker ended with ${code}:\n${this._log.join("\n")}`)));
    });
  }

  /** SIGKILL: nothing is said to anybody, nothing is saved. */
  async kill(): Promise<void> {
    const child = this.child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    await exit;
  }

  /** For good. */
  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  protected abstract command(): string[];
}

const mosquittoProgram = program("mosquitto", "on Debian: apt-get install mosquitto");

export class Mosquitto extends RealBroker {
  protected command(): string[] {
    const { tls, persistence = false, webSocketPort, config: more = [] } = this.options;
    const config = join(this.folder, "mosquitto.conf");
    const secure = tls ? [`cafile ${tls.ca}`, `certfile ${tls.cert}`, `keyfile ${tls.key}`] : [];
    const lines = [
      `listener ${this.port} 127.0.0.1`,
      "allow_anonymous true",
      "set_tcp_nodelay true",
      "log_dest stderr", // it does not buffer that
      `persistence ${persistence}`,
      ...(persistence ? [`persistence_location ${this.folder}/`] : []),
      ...(process.getuid?.() === 0 ? ["user root"] : []), // else it could not read the folder
      ...secure,
      ...more,
      // Without the domain libwebsockets takes an address of IPv4 for any of IPv6.
      ...(webSocketPort === undefined
        ? []
        : [`listener ${webSocketPort} 127.0.0.1`, "protocol websockets", "socket_domain ipv4", ...secure]),
    ];
    writeFileSync(config, lines.join("\n") + "\n");
    return [mosquittoProgram.path, "-c", config];
  }

  /** Makes it save its sessions; resolves once they are on the disk. */
  async save(): Promise<void> {
    const file = join(this.folder, "mosquitto.db");
    const controller = new AbortController();
    const saved = new Promise<void>((resolve) => {
      watch(this.folder, { signal: controller.signal }, () => existsSync(file) && resolve());
    });
    this.child!.kill("SIGUSR1");
    await saved;
    controller.abort();
  }
}

export class AedesChild extends RealBroker {
  private readonly _witness = join(this.folder, "witness");

  protected command(): string[] {
    const script = fileURLToPath(new URL("aedes-child.mjs", import.meta.url));
    const { tls } = this.options;
    return [process.execPath, script, JSON.stringify({ port: this.port, witness: this._witness, tls })];
  }

  /** What it got from clients, as "topic payload", over all its lives. */
  get received(): string[] {
    return existsSync(this._witness) ? readFileSync(this._witness, "utf8").split("\n").slice(0, -1) : [];
  }
}

export const mosquitto: Requirement = mosquittoProgram;

/** The brokers that every test of the real path runs against. */
export const brokers: {
  name: string;
  requirement: Requirement;
  start: (options?: BrokerOptions) => Promise<RealBroker>;
}[] = [
  { name: "aedes", requirement: { name: "aedes", missing: undefined }, start: startAedes },
  { name: "mosquitto", requirement: mosquitto, start: startMosquitto },
];

export async function startMosquitto(options: BrokerOptions = {}): Promise<Mosquitto> {
  const broker = new Mosquitto(await freePort(), options);
  await broker.start();
  return broker;
}

export async function startAedes(options: BrokerOptions = {}): Promise<AedesChild> {
  const broker = new AedesChild(await freePort(), options);
  await broker.start();
  return broker;
}

/** A port of 127.0.0.1 that nobody listens at. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}
