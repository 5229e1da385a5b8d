import { PacketType } from "../fixed-header.ts";
import type { Reason } from "../reason.ts";
import { decodeReasonCodes, encodeReasonCodes, SubackView } from "./suback.ts";

/** Writes UNSUBACK at `at`: a reason code for each filter of the UNSUBSCRIBE. Returns where it ends, or `NO_ROOM`. */
export function encodeUnsuback(
  into: Uint8Array,
  at: number,
  packetId: number,
  codes: Uint8Array,
  properties?: Uint8Array,
): number {
  return encodeReasonCodes(into, at, PacketType.UNSUBACK, packetId, codes, properties);
}

/** Where the reason codes of a decoded UNSUBACK are. */
export class UnsubackView extends SubackView {}

/** Reads the body of UNSUBACK into `view`. */
export function decodeUnsuback(bytes: Uint8Array, start: number, end: number, view: UnsubackView): Reason {
  return decodeReasonCodes(PacketType.UNSUBACK, bytes, start, end, view);
}
