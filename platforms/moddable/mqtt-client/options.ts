// What an application hands to the class, and is told by it, in the standard's terms.

import { connectFields, inRange } from "../../../src/client/options.ts";
import type { ConnectFields } from "../../../src/packet/connect.ts";
import { utf8Text } from "../../../src/utf8-text.ts";
import type { Route } from "../ecma419.ts";
import type MQTTClient from "./index.ts";

export type Data = ArrayBufferLike | ArrayBufferView;

/** The second argument of `onReadable`; the last three are there on a message's first fragment only. */
export interface ReadableOptions {
  more: boolean;
  topic?: string;
  QoS?: number;
  byteLength?: number;
}

export interface ControlMessage {
  operation: number;
  id?: number;
  /** SUBACK's return codes. */
  payload?: number[];
  /** CONNACK's. */
  returnCode?: number;
  sessionPresent?: boolean;
}

export interface MQTTClientOptions extends Route {
  host: string;
  port?: number;
  id?: string;
  user?: string;
  password?: string | Data;
  /** Milliseconds. */
  keepAlive?: number;
  clean?: boolean;
  will?: { topic: string; message: string | Data; QoS?: number; retain?: boolean | number };
  format?: "buffer";
  target?: unknown;
  onReadable?(this: MQTTClient, count: number, options: ReadableOptions): void;
  onWritable?(this: MQTTClient, count: number): void;
  onControl?(this: MQTTClient, operation: number, message: ControlMessage): void;
  /** The connection failed; `error.reason` is one of Mote's `Reason`. `onClose` follows. */
  onError?(this: MQTTClient, error: Error): void;
  /** The connection ended without `close`. */
  onClose?(this: MQTTClient): void;
}

export interface WriteOptions {
  operation?: number;
  id?: number;
  topic?: string;
  QoS?: number;
  retain?: boolean | number;
  duplicate?: boolean;
  byteLength?: number;
  items?: readonly { topic: string; QoS?: number }[];
}

/** CONNECT, as the options ask for it. Throws what Mote's own client throws, at once. */
export function fieldsOf(options: MQTTClientOptions): ConnectFields {
  const will = options.will;
  return connectFields(
    {
      url: "",
      clientId: options.id ?? "",
      cleanSession: options.clean ?? true,
      keepAlive: Math.ceil((options.keepAlive ?? 0) / 1_000),
      ...(options.user === undefined ? {} : { username: options.user }),
      ...(options.password === undefined ? {} : { password: textOrBytes(options.password) }),
      ...(will
        ? {
            will: {
              topic: will.topic,
              payload: textOrBytes(will.message),
              qos: inRange("will.QoS", will.QoS, 0, 0, 2) as 0 | 1 | 2,
              retain: !!will.retain,
            },
          }
        : {}),
    },
    utf8Text,
  );
}

/** The bytes of a buffer of whatever kind; none of null. */
export function toBytes(data: Data | null): Uint8Array {
  if (data instanceof Uint8Array) return data;
  if (data === null || data === undefined) return new Uint8Array(0);
  if (!ArrayBuffer.isView(data)) return new Uint8Array(data);
  if ((data as Partial<Uint16Array>).BYTES_PER_ELEMENT! > 1) throw new TypeError("a buffer must be of bytes");
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function textOrBytes(value: string | Data): string | Uint8Array {
  return typeof value === "string" ? value : toBytes(value);
}
