import { afterEach } from "vitest";
import { type NodePlatformOptions, createPlatform } from "../../platforms/node/index.ts";
import { Client } from "../../src/client/client.ts";
import type { ClientOptions } from "../../src/client/options.ts";
import { Client as LeanClient } from "../../src/lean/index.ts";
import type { Platform } from "../../src/platform.ts";
import { Reason } from "../../src/packet/index.ts";
import { ExactlyOnce } from "../../src/qos2.ts";
import { Journal } from "./journal.ts";

/** A client on platforms/node that is quick to notice and to try again, and notes what happens. */
export class RealClient {
  readonly client: Client;
  /** "connected", "connected to the kept session", or the name of a reason. */
  readonly events = new Journal<string>();
  /** "topic payload", with " (retained)" where it was. */
  readonly messages = new Journal<string>();

  constructor(options: Partial<ClientOptions> & { url: string }, platform: NodePlatformOptions = {}) {
    const quick = { tickMs: 5, reconnectMinMs: 10, reconnectMaxMs: 200 };
    this.client = this._create(createPlatform(platform), { ...quick, ...options });
    this.client.onConnect = (kept) => this.events.add(kept ? "connected to the kept session" : "connected");
    this.client.onDisconnect = (reason) => this.events.add(Reason[reason]);
    this.client.onMessage = (message) => this._note(message.topic, message.text(), message.retain);
    clients.push(this.client);
  }

  protected _create(platform: Platform, options: ClientOptions): Client {
    return new Client(platform, { exactlyOnce: new ExactlyOnce(1_000), ...options }); // aedes has no limit of its own
  }

  private _note(topic: string, text: string, retained: boolean): void {
    this.messages.add(`${topic} ${text}${retained ? " (retained)" : ""}`);
  }

  async connect(): Promise<this> {
    const before = this.events.items.length;
    this.client.connect();
    await this.events.until((items) => items.slice(before).some((item) => item.startsWith("connected")));
    return this;
  }

  /** Subscribes, and waits until the broker has granted it. */
  async subscribe(filter: string, qos: 0 | 1 | 2 = 1): Promise<this> {
    const granted = new Journal<number>();
    this.client.subscribe(filter, qos, (message) =>
      this._note(message.topic, message.text(), message.retain),
    ).onGranted = (code) => granted.add(code);
    await granted.has(qos);
    return this;
  }
}

/** The same with the client of `mote-mqtt/lean`, whose face is the other's: test/lean/types.test.ts. */
export class RealLeanClient extends RealClient {
  protected override _create(platform: Platform, options: ClientOptions): Client {
    return new LeanClient(platform, options) as unknown as Client;
  }
}

const clients: Client[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) {
    client.onDisconnect = undefined;
    client.disconnect();
  }
});
