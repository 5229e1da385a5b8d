/**
 * What a simulated device is handed in place of chip and network: the one interface that both of the simulator's
 * engines implement. On XS it is a global made of C functions (tools/simulator/xs/); on Node it is an object whose
 * methods are called directly. No call allocates on the device's heap.
 */
export interface Host {
  /** The device's settings: what a board would read from flash. Read once, at start. */
  readonly settings: string;

  /** Registers the functions that the host calls from now on. Called once, at start. */
  listen(listener: HostListener): void;

  /**
   * Tells that Mote's own modules are loaded and the application's program begins. What was taken until now is not
   * counted: on a device these modules are preloaded, and live in flash.
   */
  preloaded(): void;

  /** Milliseconds, monotonic, of the event being handled; it stands still while one is. */
  now(): number;

  /** A number from 0 up to, not including, 1; repeatable from the device's seed. */
  random(): number;

  /** Asks for one `onWake` at `time`, on the scale of `now()`. A later call replaces an earlier one. */
  wakeAt(time: number): void;

  /** Prints one line on the device's console. */
  print(line: string): void;

  /** Reports a figure by name to whoever watches the device, in answer to `onReport`. */
  report(name: string, value: number): void;

  /** Opens a connection. `socket` is a number the device chose, 0 to 7, and not in use. */
  open(socket: number, hostname: string, port: number, secure: boolean): void;

  /**
   * Writes `bytes` from `start` up to, not including, `end`.
   *
   * @returns how many were accepted. When fewer than offered, `onWritable` follows once there is room.
   */
  write(socket: number, bytes: Uint8Array, start: number, end: number): number;

  /**
   * Moves received bytes into `bytes` from `start` up to, not including, `end`. Only within `onReadable`.
   *
   * @returns how many were moved; 0 when none are left.
   */
  read(socket: number, bytes: Uint8Array, start: number, end: number): number;

  /** Closes a connection. No event about this socket follows; its number is free at once. */
  close(socket: number): void;

  /** Slots in use on the device's heap, as the engine counts them; 0 where it does not. */
  slots(): number;

  /** Chunk bytes in use on the device's heap, as the engine counts them; 0 where it does not. */
  chunkBytes(): number;
}

/** The events of a simulated device. */
export interface HostListener {
  /** The time asked for with `wakeAt` has come. */
  onWake(): void;
  /** The connection is open and may be written to. */
  onOpen(socket: number): void;
  /** `count` bytes have arrived and wait to be read. What is left when this returns without reading is discarded. */
  onReadable(socket: number, count: number): void;
  /** There is room to write again. */
  onWritable(socket: number): void;
  /** The connection failed to open, or ended; `reason` is one of `Reason`'s, 64 to 69. The socket's number is free. */
  onClose(socket: number, reason: number): void;
  /** Someone asks for figures: answer with `report`. */
  onReport(): void;
}
