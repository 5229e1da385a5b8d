import { writeField, writeUint16 } from "./bytes.ts";
import { NO_ROOM } from "./constants.ts";
import { firstByte, packetSize, PacketType, writeFixedHeader } from "./fixed-header.ts";

/** Writes SUBSCRIBE or UNSUBSCRIBE with one topic filter in UTF-8 at `at`. Returns where it ends, or `NO_ROOM`. */
export function encodeRequest(
  into: Uint8Array,
  at: number,
  type: PacketType.SUBSCRIBE | PacketType.UNSUBSCRIBE,
  packetId: number,
  filter: Uint8Array,
  qos: number,
): number {
  const qosSize = type === PacketType.SUBSCRIBE ? 1 : 0;
  const length = 4 + filter.length + qosSize;
  if (at + packetSize(length) > into.length) return NO_ROOM;
  at = writeFixedHeader(into, at, firstByte(type), length);
  writeUint16(into, at, packetId);
  at = writeField(into, at + 2, filter);
  if (qosSize) into[at] = qos;
  return at + qosSize;
}
