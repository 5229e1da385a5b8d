import { writeUint16 } from "./bytes.ts";
import { NO_ROOM } from "./constants.ts";
import { firstByte, type PacketType } from "./fixed-header.ts";

/**
 * Writes a packet that is a fixed header and a packet id, or with packet id 0 a fixed header alone, at `at`. Returns where it
 * ends, or `NO_ROOM`.
 */
export function encodeShortPacket(into: Uint8Array, at: number, type: PacketType, packetId: number): number {
  const length = packetId ? 2 : 0;
  if (at + 2 + length > into.length) return NO_ROOM;
  into[at] = firstByte(type);
  into[at + 1] = length;
  if (length) writeUint16(into, at + 2, packetId);
  return at + 2 + length;
}
