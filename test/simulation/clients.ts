// The clients that are simulated: of 3.1.1, of MQTT 5, and the lean one.

import { Client } from "../../src/client/client.ts";
import { Message } from "../../src/client/message.ts";
import type { Published } from "../../src/client/publisher.ts";
import { Subscriptions } from "../../src/client/subscriptions.ts";
import { Piece } from "../../src/client/streaming/pieces.ts";
import { PropertyReader } from "../../src/client/v5/property-reader.ts";
import { Client as LeanClient } from "../../src/lean/index.ts";
import { Message as LeanMessage } from "../../src/lean/message.ts";
import type { Reason } from "../../src/packet/index.ts";
import { PublishView } from "../../src/packet/v5/index.ts";
import type { Platform } from "../../src/platform.ts";
import { ExactlyOnce } from "../../src/qos2.ts";
import { Client as Client5, type PublisherOptions } from "../../src/v5.ts";
import { MemoryStore } from "../support/memory-store.ts";
import { VirtualClock } from "../support/virtual-platform.ts";
import { AuditedTransport } from "./auditor.ts";
import { census } from "./census.ts";
import type { Scenario } from "./scenario.ts";

export const CLIENT_ID = "sensor";

/** What all of them have. */
export interface SimulatedClient {
  readonly connected: boolean;
  readonly queued: number;
  readonly inFlight: number;
  onConnect?(sessionPresent: boolean): void;
  onDisconnect?(reason: Reason): void;
  onSkipped?(message: Received): void;
  connect(): void;
  disconnect(): void;
  subscribe(filter: string, qos: 0 | 1 | 2, handler: Handler): SimulatedSubscription;
}

export interface SimulatedSubscription {
  readonly qos: number;
  readonly granted: number;
  onGranted?: ((granted: number) => void) | undefined;
  unsubscribe(): void;
}

export interface SimulatedPublisher {
  /** The lean one has no `start` and `end`. */
  publish(payload: string | Uint8Array, start?: number, end?: number): Published;
}

export type Received = Pick<Message, "topic" | "qos" | "length" | "text">;
export type Handler = (message: Received) => void;

export function makeClient(scenario: Scenario, platform: Platform): SimulatedClient {
  const { level, lean, options, maximumReceived, v5 } = scenario;
  const { cleanSession, ...common } = { ...options, url: "mqtt://broker", clientId: CLIENT_ID };
  if (lean) return new LeanClient(platform, { ...common, cleanSession });
  const exactlyOnce = maximumReceived ? { exactlyOnce: new ExactlyOnce(maximumReceived) } : undefined;
  if (level === 4) return new Client(platform, { ...common, ...exactlyOnce, cleanSession });
  return new Client5(platform, { ...common, ...exactlyOnce, ...v5 });
}

/** The publisher of `index` in the scenario. */
export function makePublisher(
  client: SimulatedClient,
  scenario: Scenario,
  topic: string,
  index: number,
): SimulatedPublisher {
  const { up, aliased, adorned } = scenario;
  const qos = up[index] as 0 | 1 | 2;
  if (client instanceof LeanClient) return client.publisher(topic, { qos: qos as 0 | 1 });
  if (!(client instanceof Client5)) return (client as Client).publisher(topic, { qos });
  const properties = { contentType: "text/plain", userProperties: [["publisher", `${index}`]] } as const;
  const options: PublisherOptions = { qos, topicAlias: aliased[index], ...(adorned[index] && properties) };
  return client.publisher(topic, options);
}

/**
 * What is the platform's, and not the client's; messages, pieces and properties, which hold on to bytes that they were lent, and of
 * which the client makes those for rejections when it first needs them; and the table of subscriptions, which the
 * application makes, as many as `maximumSubscriptions` says.
 */
const OUTSIDE = [
  AuditedTransport,
  VirtualClock,
  MemoryStore,
  Message,
  LeanMessage,
  Piece,
  PropertyReader,
  PublishView,
  Subscriptions,
];

/** The client's memory in words: what it may not have more or less of while it runs. */
export function memoryOf(client: SimulatedClient): string {
  const table = client instanceof LeanClient ? client["_subscriptions"] : undefined;
  return census(client, (value) => value === table || OUTSIDE.some((type) => value instanceof type));
}
