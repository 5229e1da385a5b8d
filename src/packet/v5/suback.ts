import { NO_ROOM } from "../constants.ts";
import { copyBytes, readUint16, writeUint16 } from "../bytes.ts";
import { firstByte, packetSize, PacketType, writeFixedHeader } from "../fixed-header.ts";
import { Reason } from "../reason.ts";
import { decodeProperties, Properties, propertiesSize, writeProperties } from "./properties.ts";
import { isReasonCode } from "./reason-code.ts";

/** Writes SUBACK at `at`: a reason code for each filter of the SUBSCRIBE. Returns where it ends, or `NO_ROOM`. */
export function encodeSuback(
  into: Uint8Array,
  at: number,
  packetId: number,
  codes: Uint8Array,
  properties?: Uint8Array,
): number {
  return encodeReasonCodes(into, at, PacketType.SUBACK, packetId, codes, properties);
}

/** Where the reason codes of a decoded SUBACK are. Below 0x80 they are the QoS granted, 0 to 2. */
export class SubackView {
  packetId = 0;
  readonly properties: Properties = new Properties();
  codesStart = 0;
  codesEnd = 0;
}

/** Reads the body of SUBACK into `view`. */
export function decodeSuback(bytes: Uint8Array, start: number, end: number, view: SubackView): Reason {
  return decodeReasonCodes(PacketType.SUBACK, bytes, start, end, view);
}

/** Writes SUBACK or UNSUBACK, which differ in nothing but the codes they may have. */
export function encodeReasonCodes(
  into: Uint8Array,
  at: number,
  type: PacketType.SUBACK | PacketType.UNSUBACK,
  packetId: number,
  codes: Uint8Array,
  properties: Uint8Array | undefined,
): number {
  const propertiesLength = properties ? properties.length : 0;
  const length = 2 + propertiesSize(propertiesLength) + codes.length;
  if (at + packetSize(length) > into.length) return NO_ROOM;
  at = writeFixedHeader(into, at, firstByte(type), length);
  writeUint16(into, at, packetId);
  at = writeProperties(into, at + 2, properties, 0, propertiesLength);
  copyBytes(into, at, codes, 0, codes.length);
  return at + codes.length;
}

/** Reads the body of SUBACK or UNSUBACK into `view`. */
export function decodeReasonCodes(
  type: PacketType.SUBACK | PacketType.UNSUBACK,
  bytes: Uint8Array,
  start: number,
  end: number,
  view: SubackView,
): Reason {
  if (start + 2 > end) return Reason.TRUNCATED;
  const packetId = readUint16(bytes, start);
  if (packetId === 0) return Reason.PACKET_ID_ZERO;
  const reason = decodeProperties(bytes, start + 2, end, type as number, view.properties);
  if (reason) return reason;
  const codesStart = view.properties.end;
  if (codesStart === end) return Reason.TRUNCATED; // a code for each filter, of which there was one at least
  for (let at = codesStart; at < end; at++) {
    if (!isReasonCode(type, bytes[at])) return Reason.REASON_CODE; // [MQTT-3.9.3-2], [MQTT-3.11.3-2]
  }
  view.packetId = packetId;
  view.codesStart = codesStart;
  view.codesEnd = end;
  return Reason.OK;
}
