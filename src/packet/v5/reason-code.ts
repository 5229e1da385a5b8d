import { PacketType } from "../fixed-header.ts";
import { Reason } from "../reason.ts";

/** The reason codes that tell of success (table 2-6). Those of errors are in `Reason`, with the same values. */
export enum ReasonCode {
  SUCCESS = 0x00,
  GRANTED_QOS_1 = 0x01,
  GRANTED_QOS_2 = 0x02,
  DISCONNECT_WITH_WILL_MESSAGE = 0x04,
  NO_MATCHING_SUBSCRIBERS = 0x10,
  NO_SUBSCRIPTION_EXISTED = 0x11,
  CONTINUE_AUTHENTICATION = 0x18,
  REAUTHENTICATE = 0x19,
}

/** Whether packets of this type may have this reason code (table 2-6). */
export function isReasonCode(type: PacketType, code: number): boolean {
  if (code < 0x20) return ((successCodes(type) >> code) & 1) === 1;
  if (code < 0x80) return false;
  if (code < 0xa0) return ((errorCodes(type) >> (code & 31)) & 1) === 1;
  return code < 0xa3 && (type === PacketType.DISCONNECT || (type === PacketType.SUBACK && code > 0xa0));
}

/** Bit n for code n. */
function successCodes(type: PacketType): number {
  switch (type) {
    case PacketType.PUBACK:
    case PacketType.PUBREC:
      return 1 | (1 << ReasonCode.NO_MATCHING_SUBSCRIBERS);
    case PacketType.SUBACK:
      return 0b111;
    case PacketType.UNSUBACK:
      return 1 | (1 << ReasonCode.NO_SUBSCRIPTION_EXISTED);
    case PacketType.DISCONNECT:
      return 1 | (1 << ReasonCode.DISCONNECT_WITH_WILL_MESSAGE);
    case PacketType.AUTH:
      return 1 | (1 << ReasonCode.CONTINUE_AUTHENTICATION) | (1 << ReasonCode.REAUTHENTICATE);
    default:
      return 1;
  }
}

/** Bit n for code 0x80 + n. */
function errorCodes(type: PacketType): number {
  switch (type) {
    case PacketType.CONNACK:
      return 0xbea1_17ff;
    case PacketType.PUBACK:
    case PacketType.PUBREC:
      return 0x0283_0089;
    case PacketType.PUBREL:
    case PacketType.PUBCOMP:
      return 0x0004_0000;
    case PacketType.SUBACK:
      return 0x4082_8089;
    case PacketType.UNSUBACK:
      return 0x0002_8089;
    case PacketType.DISCONNECT:
      return 0xfff9_fa8f;
    default:
      return 0;
  }
}

/**
 * The reason code to close the network connection with (4.13.1): of DISCONNECT, or of CONNACK in answer to a CONNECT.
 * What cannot be parsed is a Malformed Packet, what was parsed but is not allowed a Protocol Error (1.2), unless there is
 * a code for it in particular.
 */
export function disconnectReason(reason: Reason): Reason {
  if (reason >= Reason.UNSPECIFIED_ERROR) return reason;
  switch (reason) {
    case Reason.OK:
    case Reason.DISCONNECTED:
      return Reason.OK;
    case Reason.PACKET_TOO_LARGE:
      return Reason.PACKET_TOO_LARGE_V5;
    case Reason.TOO_MANY_UNFINISHED:
      return Reason.RECEIVE_MAXIMUM_EXCEEDED;
    case Reason.TOPIC_ALIAS:
      return Reason.TOPIC_ALIAS_INVALID;
    case Reason.TOPIC_ALIAS_TOO_LONG:
      return Reason.IMPLEMENTATION_SPECIFIC_ERROR;
    case Reason.PROTOCOL_NAME:
    case Reason.PROTOCOL_LEVEL:
      return Reason.UNSUPPORTED_PROTOCOL_VERSION; // [MQTT-3.1.2-1], [MQTT-3.1.2-2]
    case Reason.PACKET_ID_ZERO:
    case Reason.EMPTY_TOPIC:
    case Reason.WILDCARD_IN_TOPIC:
    case Reason.MISPLACED_WILDCARD:
    case Reason.NO_TOPIC_FILTER:
    case Reason.SESSION_PRESENT:
      return Reason.PROTOCOL_ERROR;
  }
  if (reason < Reason.UNEXPECTED_PACKET) return Reason.MALFORMED_PACKET;
  return reason < Reason.CLOSED_BY_BROKER ? Reason.PROTOCOL_ERROR : Reason.UNSPECIFIED_ERROR;
}
