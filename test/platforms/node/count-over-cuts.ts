import { expect } from "vitest";
import { Published, type Publisher } from "../../../src/client/publisher.ts";
import type { Journal } from "../../support/journal.ts";
import type { TcpProxy } from "../../support/tcp-proxy.ts";

/** A client of either version that notes what happens to it, and what it gets as "topic payload". */
interface Noting {
  readonly client: { readonly queued: number; readonly inFlight: number };
  readonly events: Journal<string>;
  readonly messages: Journal<string>;
}

/** Counts on `topic` while all connections are cut five times. Nothing may be lost, come twice, or out of order. */
export async function countOverCuts(
  proxy: TcpProxy,
  counter: Publisher,
  topic: string,
  publisher: Noting,
  subscriber: Noting,
): Promise<void> {
  let next = 0;
  const timer = setInterval(() => {
    if (counter.publish(next) !== Published.FULL) next++;
  }, 1);
  for (let round = 1; round <= 5; round++) {
    await subscriber.messages.count(subscriber.messages.items.length + 20);
    proxy.cut();
    for (const { events } of [publisher, subscriber]) await events.count(2 * round + 1);
  }
  clearInterval(timer);
  await subscriber.messages.count(next);
  await expect.poll(() => [publisher.client.queued, publisher.client.inFlight]).toEqual([0, 0]);
  expect(subscriber.messages.items).toEqual(Array.from({ length: next }, (_, index) => `${topic} ${index}`));
}
