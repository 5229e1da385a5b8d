import { Reason } from "./reason.ts";

/** MQTT control packet types (2.2.1). */
export enum PacketType {
  CONNECT = 1,
  CONNACK = 2,
  PUBLISH = 3,
  PUBACK = 4,
  PUBREC = 5,
  PUBREL = 6,
  PUBCOMP = 7,
  SUBSCRIBE = 8,
  SUBACK = 9,
  UNSUBSCRIBE = 10,
  UNSUBACK = 11,
  PINGREQ = 12,
  PINGRESP = 13,
  DISCONNECT = 14,
  /** MQTT 5 alone; in 3.1.1 this type is reserved. */
  AUTH = 15,
}

enum Types {
  /** Those whose flags are 0010 instead of 0000 (table 2.2), a bit each: PUBREL, SUBSCRIBE, UNSUBSCRIBE. */
  WITH_FLAG_1 = 0b101_0100_0000,
}

/** The first byte of a packet of any type but PUBLISH, whose flags are its own (2.2.2). */
export function firstByte(type: PacketType): number {
  return (type << 4) | (((Types.WITH_FLAG_1 >> type) & 1) << 1);
}

/** Whether a first byte can begin a packet: its type, its flags, and PUBLISH's QoS and DUP. */
export function checkFirstByte(header: number): Reason {
  const type = header >> 4;
  if (type === PacketType.PUBLISH) {
    const qos = (header >> 1) & 3;
    if (qos === 3) return Reason.QOS;
    return qos === 0 && header & 8 ? Reason.DUP_WITH_QOS_0 : Reason.OK;
  }
  if (type === 0 || type === 15) return Reason.PACKET_TYPE;
  return header === firstByte(type) ? Reason.OK : Reason.HEADER_FLAGS;
}

/** Checks the size of a body that has the same size in all packets of its type. */
export function checkBodySize(start: number, end: number, size: number): Reason {
  const length = end - start;
  return length === size ? Reason.OK : length < size ? Reason.TRUNCATED : Reason.TRAILING_BYTES;
}

/** How many bytes a remaining length takes: 1 to 4. */
export function remainingLengthSize(length: number): number {
  return length < 128 ? 1 : length < 16_384 ? 2 : length < 2_097_152 ? 3 : 4;
}

/** The size of a whole packet, its fixed header included. */
export function packetSize(remainingLength: number): number {
  return 1 + remainingLengthSize(remainingLength) + remainingLength;
}

/** Writes a fixed header at `at`. Returns where it ends. */
export function writeFixedHeader(into: Uint8Array, at: number, header: number, remainingLength: number): number {
  into[at] = header;
  // An array of bytes takes the low eight bits of what it is given.
  for (; remainingLength > 127; remainingLength >>= 7) into[++at] = remainingLength | 128;
  into[at + 1] = remainingLength;
  return at + 2;
}
