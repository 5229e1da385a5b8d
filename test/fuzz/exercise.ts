import type { Client } from "../../src/client/client.ts";
import type { ClientOptions } from "../../src/client/options.ts";
import type { Subscription } from "../../src/client/subscriptions.ts";
import type { Platform } from "../../src/platform.ts";
import { Client as Client311 } from "../../src/index.ts";
import { Client as LeanClient, type ClientOptions as LeanOptions } from "../../src/lean/index.ts";
import { ExactlyOnce } from "../../src/qos2.ts";
import { Streaming } from "../../src/streaming.ts";
import { Client as Client5, type PublisherOptions } from "../../src/v5.ts";
import type { Level } from "../simulation/wire.ts";

/** Where the client publishes, and what it listens to: its own messages come back. */
export const TOPIC = "greenhouse/7/temperature";
export const FILTERS = ["greenhouse/#", "greenhouse/+/set"] as const;
/** Larger than its receive buffer. */
export const LARGE = "x".repeat(300);

const OPTIONS = {
  url: "mqtt://127.0.0.1",
  clientId: "sensor",
  keepAlive: 1,
  will: { topic: "greenhouse/7/state", payload: "offline", qos: 1, retain: true },
  receiveBytes: 256,
} as const;

export interface Exercised<Its extends Client | LeanClient = Client> {
  client: Its;
  /** Texts that arrived; of what came in pieces, "…". */
  got: string[];
}

/** What any of them publishes with. */
interface Publishing {
  publisher(topic: string, options?: PublisherOptions): { publish(payload: string): unknown };
  publish(topic: string, payload: string, options?: { qos?: 0 | 1 | 2 }): unknown;
}

/** A client that uses all that there is, always in the same way: so what a broker answered to one means something to the next. */
export function exercise(
  platform: Platform,
  level: Level,
  streaming: boolean,
  more: Partial<ClientOptions>,
): Exercised {
  const common = { ...OPTIONS, exactlyOnce: new ExactlyOnce(8), ...more };
  const got: string[] = [];
  const client = level === 4 ? new Client311(platform, { ...common, cleanSession: false }) : client5(platform, common);
  const parts = streaming ? new Streaming(client) : undefined;
  client.onMessage = (message) => got.push(message.text());
  client.onSkipped = (message) => got.push(`${message.length} bytes`);
  const pieces = parts?.pieces(({ last }) => last && got.push("…"));
  client.subscribe(FILTERS[0], 2, pieces ?? ((message) => got.push(message.text())));
  const second: Subscription = client.subscribe(FILTERS[1], 1, () => second.unsubscribe());
  for (const qos of [0, 1, 2] as const) publishAll(client, level, qos);
  return { client, got };
}

/** The same with the lean client, as far as that goes. */
export function exerciseLean(platform: Platform, more: Partial<LeanOptions>): Exercised<LeanClient> {
  const client = new LeanClient(platform, { ...OPTIONS, ...more, cleanSession: false });
  const got: string[] = [];
  client.onMessage = (message) => got.push(message.text());
  client.onSkipped = (message) => got.push(`${message.length} bytes`);
  client.subscribe(FILTERS[0], 1, (message) => got.push(message.text()));
  const second = client.subscribe(FILTERS[1], 1, () => second.unsubscribe());
  for (const qos of [0, 1] as const) publishAll(client, 4, qos);
  return { client, got };
}

function client5(platform: Platform, common: ClientOptions): Client {
  const client = new Client5(platform, {
    ...common,
    cleanStart: false,
    sessionExpiryInterval: 600,
    topicAliasMaximum: 3,
    receiveMaximum: 6,
    requestResponseInformation: true,
    userProperties: [["made", "by hand"]],
  });
  // Whatever there is to be read, is read.
  client.onRejected = (message) => void (message.text() + message.topic);
  return client;
}

function publishAll(client: Publishing, level: Level, qos: 0 | 1 | 2): void {
  const options: PublisherOptions = {
    qos,
    retain: qos === 1,
    ...(level === 5 && {
      topicAlias: true,
      contentType: "text/plain",
      payloadFormatIndicator: 1,
      messageExpiryInterval: 60,
      responseTopic: "greenhouse/7/answer",
      correlationData: Uint8Array.of(1, 2, 3),
      userProperties: [["unit", "°C"]],
    }),
  };
  const publisher = client.publisher(TOPIC, options);
  publisher.publish(`${qos}`);
  publisher.publish("");
  client.publish("greenhouse/7/set", "on", { qos });
}
