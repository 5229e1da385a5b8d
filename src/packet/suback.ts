import { NO_ROOM, SUBSCRIPTION_FAILED } from "./constants.ts";
import { copyBytes, readUint16, writeUint16 } from "./bytes.ts";
import { firstByte, packetSize, PacketType, writeFixedHeader } from "./fixed-header.ts";
import { Reason } from "./reason.ts";

/** Writes SUBACK at `at`, a return code for each filter of the SUBSCRIBE. Returns where it ends, or `NO_ROOM`. */
export function encodeSuback(into: Uint8Array, at: number, packetId: number, codes: Uint8Array): number {
  const length = 2 + codes.length;
  if (at + packetSize(length) > into.length) return NO_ROOM;
  at = writeFixedHeader(into, at, firstByte(PacketType.SUBACK), length);
  writeUint16(into, at, packetId);
  copyBytes(into, at + 2, codes, 0, codes.length);
  return at + length;
}

/** Where the return codes of a decoded SUBACK are. */
export class SubackView {
  packetId = 0;
  codesStart = 0;
  codesEnd = 0;
}

/** Reads the body of SUBACK into `view`. */
export function decodeSuback(bytes: Uint8Array, start: number, end: number, view: SubackView): Reason {
  if (start + 3 > end) return Reason.TRUNCATED;
  const packetId = readUint16(bytes, start);
  if (packetId === 0) return Reason.PACKET_ID_ZERO;
  for (let at = start + 2; at < end; at++) {
    if (bytes[at] > 2 && bytes[at] !== SUBSCRIPTION_FAILED) return Reason.SUBACK_CODE;
  }
  view.packetId = packetId;
  view.codesStart = start + 2;
  view.codesEnd = end;
  return Reason.OK;
}
