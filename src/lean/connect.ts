import { writeUint16 } from "../packet/bytes.ts";
import { ConnectFlag } from "../packet/constants.ts";
import type { Text } from "../platform.ts";
import type { LeanOptions } from "./client.ts";
import { close, write, writeField } from "./text.ts";

/** Where the parts of CONNECT are, behind room for its fixed header. */
enum At {
  PROTOCOL = 5,
  FLAGS = 12,
  KEEP_ALIVE = 13,
  PAYLOAD = 15,
}

enum First {
  CONNECT = 0x10,
}

/** CONNECT as the options ask for it (3.1). */
export function encodeConnect(options: LeanOptions, text: Text): Uint8Array {
  const clientId = options.clientId ?? "";
  const username = options.username;
  const password = username === undefined ? username : options.password; // only with a user name [MQTT-3.1.2-22]
  const will = options.will;
  // A character is three bytes at most; what is not there, and bytes as text, only make it longer.
  const bytes = new Uint8Array(100 + (clientId + username + password + (will && will.topic + will.payload)).length * 3);
  write(text, "\0\x04MQTT\x04", bytes, At.PROTOCOL);
  // A QoS or RETAIN that is not there becomes 0.
  bytes[At.FLAGS] =
    (options.cleanSession === false ? 0 : ConnectFlag.CLEAN) |
    (will
      ? ConnectFlag.WILL | (will.qos! << ConnectFlag.WILL_QOS_SHIFT) | (+will.retain! * ConnectFlag.WILL_RETAIN)
      : 0) |
    (username === undefined ? 0 : ConnectFlag.USERNAME) |
    (password === undefined ? 0 : ConnectFlag.PASSWORD);
  writeUint16(bytes, At.KEEP_ALIVE, options.keepAlive ?? 60);
  let end = writeField(text, clientId, bytes, At.PAYLOAD);
  if (will) end = writeField(text, will.payload, bytes, writeField(text, will.topic, bytes, end));
  end = writeField(text, password, bytes, writeField(text, username, bytes, end));
  return bytes.slice(0, close(bytes, 0, end, First.CONNECT));
}
