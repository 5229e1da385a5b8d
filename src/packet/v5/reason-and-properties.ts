import type { PacketType } from "../fixed-header.ts";
import { Reason } from "../reason.ts";
import {
  clearProperties,
  decodeProperties,
  Properties,
  propertiesSize,
  type PropertyOwner,
  writeProperties,
} from "./properties.ts";
import { isReasonCode } from "./reason-code.ts";

// How PUBACK, PUBREC, PUBREL, PUBCOMP, DISCONNECT and AUTH end: a reason code and properties, of which the tail is left
// out when it says nothing: reason code 0 without properties, or no properties.

/** What such a packet says. */
export class ReasonView {
  reasonCode = 0;
  readonly properties: Properties = new Properties();
}

/** The size of reason code and properties in the shortest form. */
export function reasonSize(reasonCode: number, properties: Uint8Array | undefined): number {
  if (properties && properties.length) return 1 + propertiesSize(properties.length);
  return reasonCode ? 1 : 0;
}

/** Writes reason code and properties in the shortest form. Returns where they end. */
export function writeReason(
  into: Uint8Array,
  at: number,
  reasonCode: number,
  properties: Uint8Array | undefined,
): number {
  const hasProperties = properties !== undefined && properties.length > 0;
  if (reasonCode || hasProperties) into[at++] = reasonCode;
  return hasProperties ? writeProperties(into, at, properties, 0, properties.length) : at;
}

/** Reads reason code and properties, from `at` to the packet's end, into `view`. */
export function decodeReason(
  type: PacketType,
  bytes: Uint8Array,
  at: number,
  end: number,
  owner: PropertyOwner,
  view: ReasonView,
): Reason {
  const properties = view.properties;
  clearProperties(end, properties);
  view.reasonCode = at < end ? bytes[at++] : 0;
  if (!isReasonCode(type, view.reasonCode)) return Reason.REASON_CODE;
  if (at === end) return Reason.OK;
  const reason = decodeProperties(bytes, at, end, owner, properties);
  if (reason) return reason;
  return properties.end === end ? Reason.OK : Reason.TRAILING_BYTES;
}
