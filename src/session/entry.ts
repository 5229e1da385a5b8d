// What the entries of the outbox's ring look like.

/** An entry of the ring is a state, padding and length, and the encoded packet. */
export const ENTRY_HEADER = 4;

/** What a message may take of the ring besides its topic and payload: the entry's header, PUBLISH's headers, a packet id. */
export const MESSAGE_OVERHEAD = ENTRY_HEADER + 5 + 2 + 2;

/** What is to be done with an entry of the ring. */
export enum State {
  /** Nothing more is to be done with it; its bytes come free once it is the oldest. */
  DONE,
  /** Waits to be sent. */
  QUEUED,
  /** Waits to be sent, and has its packet id. */
  IDENTIFIED,
  /** Sent; waits to be acknowledged. */
  SENT,
  /** No entry: the ring goes on at its beginning. */
  WRAP,
}

/** In place of where an entry is. */
export const NO_ENTRY = -1;
