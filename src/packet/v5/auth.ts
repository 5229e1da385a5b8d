import { NO_ROOM } from "../constants.ts";
import { firstByte, packetSize, PacketType, writeFixedHeader } from "../fixed-header.ts";
import { Reason } from "../reason.ts";
import { propertiesSize, Property, PropertyOwner, writeProperties } from "./properties.ts";
import { decodeReason, ReasonView } from "./reason-and-properties.ts";

/**
 * Writes AUTH at `at`. Among the encoded `properties` is the authentication method [MQTT-4.12.0-5]. Returns where the
 * packet ends, or `NO_ROOM`.
 */
export function encodeAuth(into: Uint8Array, at: number, reasonCode: number, properties: Uint8Array): number {
  const length = 1 + propertiesSize(properties.length);
  if (at + packetSize(length) > into.length) return NO_ROOM;
  at = writeFixedHeader(into, at, firstByte(PacketType.AUTH), length);
  into[at] = reasonCode;
  return writeProperties(into, at + 1, properties, 0, properties.length);
}

/** What a decoded AUTH says. */
export class AuthView extends ReasonView {}

/**
 * Reads the body of AUTH into `view`. It may be empty (3.15.2.1), which is success without an authentication method;
 * otherwise it has a method (3.15.2.2.2).
 */
export function decodeAuth(bytes: Uint8Array, start: number, end: number, view: AuthView): Reason {
  if (end - start === 1) return Reason.TRUNCATED; // no short form with a reason code alone
  const reason = decodeReason(PacketType.AUTH, bytes, start, end, PropertyOwner.AUTH, view);
  if (reason || start === end) return reason;
  return view.properties.has(Property.AUTHENTICATION_METHOD) ? Reason.OK : Reason.NO_AUTHENTICATION_METHOD;
}
