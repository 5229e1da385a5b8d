import { NO_ROOM } from "../constants.ts";
import { firstByte, packetSize, PacketType, writeFixedHeader } from "../fixed-header.ts";
import type { Reason } from "../reason.ts";
import { PropertyOwner } from "./properties.ts";
import { decodeReason, reasonSize, ReasonView, writeReason } from "./reason-and-properties.ts";

/**
 * Writes DISCONNECT at `at`, with the encoded `properties` if there are any, in its shortest form (3.14.2.1, 3.14.2.2.1).
 * Returns where it ends, or `NO_ROOM`.
 */
export function encodeDisconnect(into: Uint8Array, at: number, reasonCode: number, properties?: Uint8Array): number {
  const length = reasonSize(reasonCode, properties);
  if (at + packetSize(length) > into.length) return NO_ROOM;
  at = writeFixedHeader(into, at, firstByte(PacketType.DISCONNECT), length);
  return writeReason(into, at, reasonCode, properties);
}

/** What a decoded DISCONNECT says. */
export class DisconnectView extends ReasonView {}

/** Reads the body of DISCONNECT, which came from the server unless `toServer` is true, into `view`. */
export function decodeDisconnect(
  bytes: Uint8Array,
  start: number,
  end: number,
  view: DisconnectView,
  toServer?: boolean,
): Reason {
  const owner = toServer ? PropertyOwner.DISCONNECT_TO_SERVER : PropertyOwner.DISCONNECT_TO_CLIENT;
  return decodeReason(PacketType.DISCONNECT, bytes, start, end, owner, view);
}
