import type { Storage } from "../../../platforms/espruino/engine.ts";
import { seededRandom } from "../../support/random.ts";

/** Espruino's Storage in memory, with its habits, which can lose power within any call. It outlives the programs on a board. */
export class BoardStorage implements Storage {
  /** What was never written is 0xff. */
  readonly files = new Map<string, Uint8Array>();
  writes = 0;
  /** Files that were made, each of which takes flash until Espruino tidies up. */
  made = 0;
  /** Bytes of flash that there are for files, those that were removed among them. */
  room = Infinity;
  /**
   * When the power is cut, in steps from now on: each byte of a write is one, and so are the making and the removal of a
   * file. The call that it falls into leaves what was written so far, or worse.
   */
  stepsLeft = Infinity;
  steps = 0;
  /** Whether the power is off: then nothing is written, and nobody is told. */
  off = false;
  private readonly _random: () => number;

  /** @param seed of what a torn write leaves behind. */
  constructor(seed = 1) {
    this._random = seededRandom(seed);
  }

  /** Power is back. */
  on(): void {
    this.off = false;
    this.stepsLeft = Infinity;
  }

  write(name: string, data: string, offset = 0, size = 0): boolean {
    const bytes = Buffer.from(data, "latin1");
    let file = this.files.get(name);
    if (offset === 0 && !file?.every((byte) => byte === 0xff)) file = this._make(name, size || bytes.length);
    if (this.off) return true;
    if (!file) throw new Error("Unable to find or create file");
    if (offset + bytes.length > file.length) throw new Error("Too much data for file size");
    const place = file.subarray(offset, offset + bytes.length);
    if (place.some((byte) => byte !== 0xff)) throw new Error("File already written with different data");
    this.writes++;
    const written = this._take(bytes.length);
    if (written === bytes.length) place.set(bytes);
    else this._tear(place, bytes, written);
    return true;
  }

  read(name: string, offset = 0, length = Infinity): string | undefined {
    const file = this.files.get(name);
    return file && Buffer.from(file.subarray(offset, offset + length)).toString("latin1");
  }

  erase(name: string): void {
    if (this.files.has(name) && this._take(1)) this.files.delete(name);
  }

  private _make(name: string, size: number): Uint8Array | undefined {
    this.erase(name);
    if (size > this.room || !this._take(1)) return undefined;
    this.room -= size;
    this.made++;
    const file = new Uint8Array(size).fill(0xff);
    this.files.set(name, file);
    return file;
  }

  /** Of the bytes that were due, some are there, of another some bits; or each as it happened. */
  private _tear(place: Uint8Array, bytes: Uint8Array, written: number): void {
    const inOrder = this._random() < 0.7;
    bytes.forEach((byte, at) => {
      const state = inOrder ? Math.sign(at - written) : Math.floor(3 * this._random()) - 1;
      if (state < 0) place[at] = byte;
      if (state === 0) place[at] = byte | Math.floor(256 * this._random());
    });
  }

  /** Takes so many steps, or as many as there are until the power is cut; returns how many. */
  private _take(count: number): number {
    if (this.off) return 0;
    const taken = Math.min(count, this.stepsLeft);
    this.steps += taken;
    this.stepsLeft -= taken;
    if (taken < count) this.off = true;
    return taken;
  }
}
