import { type Payload, Published } from "../../../src/client/publisher.ts";
import type { Engine } from "../engine.ts";
import type { Client } from "./client.ts";
import { flush } from "./connection.ts";
import { First, Limit } from "./limit.ts";
import { chars, must, packet } from "./text.ts";

declare const E: Engine["E"];

/** A prepared topic. The engine finds the first properties fastest. */
export interface Publisher {
  publish(payload: Payload, start?: number, end?: number): Published;
  readonly _client: Client;
  /** The length of payload that `_head` is right for; -1 with QoS 1. */
  _length: number;
  /** With QoS 0, the packet up to its payload. */
  _head: string;
  /** The packet's first byte. */
  readonly _first: number;
  readonly _topic: string;
  readonly _decimals: number;
}

/** What `publish` was called with, bytes or a number, as a string of bytes. */
function payloadOf(payload: Uint8Array | number, decimals: number, values: IArguments): string {
  if (typeof payload === "number") {
    const scale = Math.pow(10, decimals);
    const size = Math.abs(payload) * scale;
    if (!(size < 1e14 /* up to here it has all its digits, and one to spare */)) return payload.toFixed(decimals);
    // Halves are rounded away from zero. The engine's toFixed cuts off what is left, or makes 99.99 of 99.999.
    const rounded = Math.round(size);
    return (payload < 0 && rounded ? "-" : "") + ((rounded + 0.1) / scale).toFixed(decimals);
  }
  const start = values[1] ?? 0;
  const end = values[2] ?? (payload ? payload.length : -1);
  must("payload", start >= 0 && start <= end && end <= payload.length, "text, a number, or bytes from start to end");
  return E.toString(payload).substr(start, end - start);
}

/** Takes a message into the outbox, and prepares to send the next without when that has the same length. */
function enqueue(publisher: Publisher, payload: string): Published {
  const client = publisher._client;
  const id = (client._lastId % Limit.MESSAGE_ID) + 1;
  let variable = publisher._topic;
  const once = publisher._first < First.PUBLISH_QOS_1;
  if (!once) variable += chars(id >> 8, id);
  variable = packet(publisher._first, variable.length + payload.length, variable);
  if (variable.length + payload.length > client._outboxBytes - client._outboxUsed) return Published.FULL;
  if (once) {
    publisher._head = variable;
    publisher._length = payload.length;
  } else client._lastId = id;
  payload = variable + payload;
  client._outboxUsed += payload.length;
  client._outbox.push(payload);
  flush(client);
  return client.queued ? Published.QUEUED : Published.SENT;
}

// What most messages need is here, and what is rarer outside of it: the engine reads all the text of a function that it
// runs, also what follows a return. Parameters and locals are variables: `start` and `end` are among `arguments`.
export function publish(this: Publisher, payload: Payload): Published {
  const client = this._client;
  let bytes: string;
  // eslint-disable-next-line prefer-rest-params
  if (typeof payload !== "string") payload = payloadOf(payload, this._decimals, arguments);
  try {
    if (payload.length === this._length && client._direct) {
      client._direct.write((bytes = this._head + payload));
      if ((client._unsent += bytes.length) > Limit.UNSENT_BYTES) client._direct = 0;
      return Published.SENT;
    }
  } catch {
    // The connection is closed, and about to say so: the message waits for the next.
  }
  return enqueue(this, payload);
}
