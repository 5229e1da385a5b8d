/** An enumeration, for the bundler puts its values where their names are: a constant would be a variable. */
export enum Limit {
  /**
   * How many bytes may wait in the engine, and one packet on top: two segments. The engine has no bound of its own, and
   * copies all that waits each time that it has sent a segment.
   */
  UNSENT_BYTES = 1_072,
  /** How many bytes of acknowledgements may wait until the broker reads. */
  CONTROL_BYTES = 2_048,
  /** The longest topic of a message that is larger than the buffer. */
  TOPIC_BYTES = 1_024,
  /** A connection is taken for a lasting one after so many ticks. */
  LASTING_TICKS = 40,
  /** Packet ids of messages are from 1 to this one, in turn. */
  MESSAGE_ID = 63_535,
  /** So many above are those of SUBSCRIBE and UNSUBSCRIBE, in turn from the highest down. */
  REQUEST_IDS = 2_000,
  HIGHEST_ID = 65_535,
  /** What a message may take of the outbox besides its topic and payload: the headers of PUBLISH and a packet id. */
  MESSAGE_OVERHEAD = 9,
  /** The largest number of an option. */
  LARGEST = 2_147_483_647,
}

/** The first byte of a packet: its type and flags (2.2). */
export enum First {
  CONNECT = 0x10,
  CONNACK = 0x20,
  PUBLISH = 0x30,
  PUBLISH_QOS_1 = 0x32,
  PUBLISH_DUP = 0x08,
  SUBSCRIBE = 0x82,
  UNSUBSCRIBE = 0xa2,
  PINGREQ = 0xc0,
  DISCONNECT = 0xe0,
}

/** The type of a packet that arrives: the upper half of its first byte. */
export enum Type {
  CONNACK = 2,
  PUBLISH = 3,
  PUBACK = 4,
  SUBACK = 9,
  UNSUBACK = 11,
  PINGRESP = 13,
}

/** The beginning of a PUBACK (3.4). */
export enum Begin {
  PUBACK = "@\x02",
}
