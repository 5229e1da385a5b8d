import { NO_ROOM } from "./constants.ts";
import { checkBodySize, firstByte, PacketType } from "./fixed-header.ts";
import { Reason } from "./reason.ts";

/** Writes CONNACK at `at`. `returnCode` is 0 to 5 (table 3.1). Returns where it ends, or `NO_ROOM`. */
export function encodeConnack(into: Uint8Array, at: number, sessionPresent: boolean, returnCode: number): number {
  if (at + 4 > into.length) return NO_ROOM;
  into[at] = firstByte(PacketType.CONNACK);
  into[at + 1] = 2;
  into[at + 2] = sessionPresent ? 1 : 0;
  into[at + 3] = returnCode;
  return at + 4;
}

/** What a decoded CONNACK says. */
export class ConnackView {
  sessionPresent = false;
  /** 0 is accepted; 1 to 5 are the refusals of table 3.1, with the values of `Reason`. */
  returnCode = 0;
}

/** Reads the body of CONNACK into `view`. */
export function decodeConnack(bytes: Uint8Array, start: number, end: number, view: ConnackView): Reason {
  const reason = checkConnack(bytes, start, end);
  if (reason) return reason;
  view.sessionPresent = bytes[start] === 1;
  view.returnCode = bytes[start + 1];
  return Reason.OK;
}

/** Checks the body of CONNACK: its first byte is then 1 when the session is present, its second one the return code. */
export function checkConnack(bytes: Uint8Array, start: number, end: number): Reason {
  const reason = checkBodySize(start, end, 2);
  if (reason) return reason;
  if (bytes[start] > 1) return Reason.CONNACK_FLAGS;
  if (bytes[start + 1] > 5) return Reason.CONNACK_CODE;
  return bytes[start] && bytes[start + 1] ? Reason.SESSION_PRESENT : Reason.OK; // [MQTT-3.2.2-4]
}
