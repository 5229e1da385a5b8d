/** The shim's socket that carries no data but the network's doings, three bytes each: what, and a number. */
export const CONTROL_SOCKET = 7;

export const Control = {
  /** So many bytes may be written, all in all. */
  WRITABLE: 1,
  /** The connection breaks. */
  ERROR: 2,
  /** The next write throws. */
  WRITE_THROWS: 3,
  /** The next read throws. */
  READ_THROWS: 4,
  /** The next read calls onReadable before it returns. */
  READ_REENTERS: 5,
} as const;
