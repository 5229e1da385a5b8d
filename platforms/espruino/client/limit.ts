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
  /** SUBSCRIBE and UNSUBSCRIBE have packet ids of their own, from here down: one for each place in the table. */
  SUBSCRIBE_ID = 65_535,
  UNSUBSCRIBE_ID = 64_535,
  /** Those of messages are from 1 to this one. */
  MESSAGE_ID = 63_535,
  /** What a message may take of the outbox besides its topic and payload: the headers of PUBLISH and a packet id. */
  MESSAGE_OVERHEAD = 9,
  /** The largest number of an option. */
  LARGEST = 2_147_483_647,
}

/** The beginning of a PUBACK (3.4). */
export enum Begin {
  PUBACK = "@\x02",
}
