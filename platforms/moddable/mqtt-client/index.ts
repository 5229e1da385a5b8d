// The MQTT Client class pattern of ECMA-419 (25), on Mote's codec: `embedded:network/mqtt/client`.

import type Standard from "embedded:network/mqtt/client";
import { Connection } from "./connection.ts";
import type { Data, MQTTClientOptions, WriteOptions } from "./options.ts";

export type { ControlMessage, Data, MQTTClientOptions, ReadableOptions, WriteOptions } from "./options.ts";

/** The class of the standard, as `@moddable/typings` has it: shows the standard's names and no others. */
export default class MQTTClient implements Standard {
  static readonly CONNECT = 1;
  static readonly CONNACK = 2;
  static readonly PUBLISH = 3;
  static readonly PUBACK = 4;
  static readonly PUBREC = 5;
  static readonly PUBREL = 6;
  static readonly PUBCOMP = 7;
  static readonly SUBSCRIBE = 8;
  static readonly SUBACK = 9;
  static readonly UNSUBSCRIBE = 10;
  static readonly UNSUBACK = 11;
  static readonly PINGREQ = 12;
  static readonly PINGRESP = 13;
  static readonly DISCONNECT = 14;

  target: unknown;
  private readonly _connection: Connection;

  constructor(options: MQTTClientOptions) {
    if (options.target !== undefined) this.target = options.target;
    this.format = options.format ?? "buffer";
    this._connection = new Connection(this, options);
  }

  get format(): "buffer" {
    return "buffer";
  }

  set format(format: "buffer") {
    if (format !== "buffer") throw new RangeError(`format must be "buffer", not "${format}"`);
  }

  /**
   * Takes bytes of the current message: all that are there, at most as many as a number says, or as many as a buffer
   * holds. Returns them, or for a buffer how many there were; undefined when there are none.
   */
  read(count: number): ArrayBuffer;
  read(buffer: Data): number;
  read(): ArrayBuffer | undefined;
  read(into?: number | Data): ArrayBuffer | number | undefined {
    return this._connection.read(into);
  }

  /** Sends a packet, or a fragment of a message. Returns how many bytes may be written then. */
  write(data: Data | null, options?: WriteOptions): number {
    return this._connection.write(data, options);
  }

  /** Ends the connection, without DISCONNECT. Nothing is called afterwards. */
  close(): void {
    this._connection.close();
  }
}
