import { Reason } from "../reason.ts";

/**
 * Reads the Variable Byte Integer at `at` (1.5.5), or returns minus the reason why it cannot. It takes
 * `remainingLengthSize` of its value in bytes: other encodings are malformed [MQTT-1.5.5-1].
 */
export function readVariableByteInteger(bytes: Uint8Array, at: number, end: number): number {
  let value = 0;
  for (let shift = 0; shift < 28; shift += 7) {
    if (at >= end) return -Reason.TRUNCATED;
    const byte = bytes[at++];
    value |= (byte & 127) << shift;
    if (byte < 128) return byte === 0 && shift ? -Reason.VARIABLE_BYTE_INTEGER : value;
  }
  return -Reason.VARIABLE_BYTE_INTEGER;
}

/** Writes a Variable Byte Integer, up to 268,435,455, at `at`. Returns where it ends. */
export function writeVariableByteInteger(into: Uint8Array, at: number, value: number): number {
  while (value > 127) {
    into[at++] = (value & 127) | 128;
    value >>= 7;
  }
  into[at++] = value;
  return at;
}
