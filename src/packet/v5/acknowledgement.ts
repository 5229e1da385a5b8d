import { NO_ROOM } from "../constants.ts";
import { readUint16, writeUint16 } from "../bytes.ts";
import { firstByte, packetSize, type PacketType, writeFixedHeader } from "../fixed-header.ts";
import { Reason } from "../reason.ts";
import { decodeReason, reasonSize, ReasonView, writeReason } from "./reason-and-properties.ts";

/** The packets that acknowledge a PUBLISH, or a PUBREC or PUBREL in turn (3.4 to 3.7). */
export type AcknowledgementType = PacketType.PUBACK | PacketType.PUBREC | PacketType.PUBREL | PacketType.PUBCOMP;

/**
 * Writes an acknowledgement of `packetId`, 1 to 65,535, at `at`, with the encoded `properties` if there are any, in its
 * shortest form (3.4.2.1, 3.4.2.2.1). Returns where it ends, or `NO_ROOM`.
 */
export function encodeAcknowledgement(
  into: Uint8Array,
  at: number,
  type: AcknowledgementType,
  packetId: number,
  reasonCode: number,
  properties?: Uint8Array,
): number {
  const length = 2 + reasonSize(reasonCode, properties);
  if (at + packetSize(length) > into.length) return NO_ROOM;
  at = writeFixedHeader(into, at, firstByte(type), length);
  writeUint16(into, at, packetId);
  return writeReason(into, at + 2, reasonCode, properties);
}

/** What a decoded acknowledgement says. */
export class AcknowledgementView extends ReasonView {
  packetId = 0;
}

/** Reads the body of an acknowledgement into `view`. */
export function decodeAcknowledgement(
  type: AcknowledgementType,
  bytes: Uint8Array,
  start: number,
  end: number,
  view: AcknowledgementView,
): Reason {
  if (start + 2 > end) return Reason.TRUNCATED;
  view.packetId = readUint16(bytes, start);
  if (view.packetId === 0) return Reason.PACKET_ID_ZERO;
  return decodeReason(type, bytes, start + 2, end, type as number, view);
}
