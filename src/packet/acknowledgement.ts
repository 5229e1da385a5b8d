import { readUint16 } from "./bytes.ts";
import { checkBodySize, type PacketType } from "./fixed-header.ts";
import { Reason } from "./reason.ts";
import { encodeShortPacket } from "./short-packet.ts";

/** The packets that carry a packet id and nothing else (3.4 to 3.7, 3.11). */
export type AcknowledgementType =
  PacketType.PUBACK | PacketType.PUBREC | PacketType.PUBREL | PacketType.PUBCOMP | PacketType.UNSUBACK;

/** Writes an acknowledgement of `packetId`, 1 to 65,535, at `at`. Returns where it ends, or `NO_ROOM`. */
export function encodeAcknowledgement(
  into: Uint8Array,
  at: number,
  type: AcknowledgementType,
  packetId: number,
): number {
  return encodeShortPacket(into, at, type, packetId);
}

/** Checks the body of an acknowledgement; its packet id is then `readUint16(bytes, start)`. */
export function checkAcknowledgement(bytes: Uint8Array, start: number, end: number): Reason {
  return checkBodySize(start, end, 2) || (readUint16(bytes, start) ? Reason.OK : Reason.PACKET_ID_ZERO);
}
