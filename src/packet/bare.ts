import { checkBodySize, type PacketType } from "./fixed-header.ts";
import type { Reason } from "./reason.ts";
import { encodeShortPacket } from "./short-packet.ts";

/** The packets that are a fixed header and nothing else (3.12 to 3.14). */
export type BarePacketType = PacketType.PINGREQ | PacketType.PINGRESP | PacketType.DISCONNECT;

/** Writes PINGREQ, PINGRESP or DISCONNECT at `at`. Returns where it ends, or `NO_ROOM`. */
export function encodeBarePacket(into: Uint8Array, at: number, type: BarePacketType): number {
  return encodeShortPacket(into, at, type, 0);
}

/** Checks the body of a bare packet: there is none. */
export function checkBarePacket(start: number, end: number): Reason {
  return checkBodySize(start, end, 0);
}
