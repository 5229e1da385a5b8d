import { BARE_PACKET_SIZE, NO_ROOM } from "./constants.ts";
import { firstByte, type PacketType } from "./fixed-header.ts";
import { Reason } from "./reason.ts";

/** The packets that are a fixed header and nothing else (3.12 to 3.14). */
export type BarePacketType = PacketType.PINGREQ | PacketType.PINGRESP | PacketType.DISCONNECT;

/** Writes PINGREQ, PINGRESP or DISCONNECT at `at`. Returns where it ends, or `NO_ROOM`. */
export function encodeBarePacket(into: Uint8Array, at: number, type: BarePacketType): number {
  if (at + BARE_PACKET_SIZE > into.length) return NO_ROOM;
  into[at] = firstByte(type);
  into[at + 1] = 0;
  return at + BARE_PACKET_SIZE;
}

/** Checks the body of a bare packet: there is none. */
export function checkBarePacket(start: number, end: number): Reason {
  return start === end ? Reason.OK : Reason.TRAILING_BYTES;
}
