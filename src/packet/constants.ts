// Numbers that several files share. They have a file of their own because a bundler writes the value of a constant that a
// file imports, but keeps a variable for one of its own: on XS that is a slot, and code in each function that reads it.
// A file's own numbers are in enumerations for the same reason.

/** Returned by every encoder in place of the end of its packet when the packet does not fit into the buffer. */
export const NO_ROOM = -1;

/** The largest remaining length that four bytes can say (2.2.3). */
export const MAX_REMAINING_LENGTH = 268_435_455;

/** Size of a packet that is a packet id and nothing else, in bytes: PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK. */
export const ACKNOWLEDGEMENT_SIZE = 4;

/** Size of a packet that has no body, in bytes: PINGREQ, PINGRESP, DISCONNECT. */
export const BARE_PACKET_SIZE = 2;

/** Flags of PUBLISH's first byte (3.3.1). */
export const RETAIN = 0x01;
export const DUP = 0x08;

/** What has a meaning in topic names and filters (4.7), as ASCII. */
export const HASH = 0x23;
export const DOLLAR = 0x24;
export const PLUS = 0x2b;
export const SLASH = 0x2f;

/** SUBACK's return code for a filter that the broker refused (3.9.3); the others are the QoS granted, 0 to 2. */
export const SUBSCRIPTION_FAILED = 0x80;

/** The connect flags (3.1.2.3): whether fields follow, how the will is published, and whether the session begins anew. */
export enum ConnectFlag {
  USERNAME = 0x80,
  PASSWORD = 0x40,
  WILL_RETAIN = 0x20,
  WILL_QOS_SHIFT = 3,
  WILL = 0x04,
  CLEAN = 0x02,
}
