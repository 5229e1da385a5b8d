/**
 * A machine runs one device's program. The two engines, XS in a process of its own (`xs/`) and Node in this one, are
 * both driven through this interface: events go in one at a time, and what the program asks of the outside comes back
 * through the `Board` that the machine was made with.
 */
export interface Machine {
  /** Runs the program: a script bundled for `Host`. */
  start(program: string): Promise<void>;
  /** Tells the program that the time it asked for has come. `now` is in ms. */
  wake(now: number): void;
  /** `credit` is how many bytes may be written until `writable` grants more. */
  opened(now: number, socket: number, credit: number): void;
  received(now: number, socket: number, bytes: Uint8Array): void;
  writable(now: number, socket: number, credit: number): void;
  closed(now: number, socket: number, reason: number): void;
  /** Asks the program to report its figures, and the engine for its counters. */
  statistics(now: number): Promise<Statistics>;
  /** Ends the machine. `board.onEnd` does not follow. */
  stop(): Promise<void>;
}

/** What a machine's program asks of the outside. */
export interface Board {
  open(socket: number, hostname: string, port: number, secure: boolean): void;
  /** `bytes` are the board's to keep. */
  write(socket: number, bytes: Uint8Array): void;
  close(socket: number): void;
  wakeAt(time: number): void;
  print(line: string): void;
  /** The machine ended by itself: `message` is a sentence that says why (an exception, the heap, a crash). */
  onEnd(message: string): void;
}

export interface MachineOptions {
  /** The device's settings, as text. */
  settings: string;
  /** Seed of the device's random numbers: a 32-bit unsigned integer. */
  seed: number;
}

/** An engine's counters. On Node all but `reports` are 0. */
export interface Statistics {
  /** What the program reported, by name. */
  reports: Record<string, number>;
  /** Bytes of a slot: 16 on a 32-bit machine like the ESP32, 32 on a 64-bit one. */
  slotBytes: number;
  /** Slots in use that the program took, above the engine's own baseline. */
  slots: number;
  slotsPeak: number;
  /** Slots that the program may take, above the baseline. */
  slotsLimit: number;
  chunkBytes: number;
  chunkBytesPeak: number;
  chunkBytesLimit: number;
  /** Collections since the program started. */
  collections: number;
  /** The engine's own, before the program: on a device they live in flash. */
  baselineSlots: number;
  baselineChunkBytes: number;
  /** Bytes of the program's bytecode: on a device it lives in flash. It is in none of the other figures. */
  codeBytes: number;
  /** Slots and chunk bytes allocated while handling `wake`, in all. */
  wakeSlots: number;
  wakeChunkBytes: number;
  /** Slots and chunk bytes allocated while handling `received`, in all. */
  receivedSlots: number;
  receivedChunkBytes: number;
}
