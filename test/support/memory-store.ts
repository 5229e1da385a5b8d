import type { Store } from "../../src/platform.ts";
import { seededRandom } from "./random.ts";

/**
 * A store in memory that can lose power within any call. It outlives the clients it is given to, one after the other, and
 * notes what it is asked for.
 */
export class MemoryStore implements Store {
  readonly records = new Map<number, Uint8Array>();
  writes = 0;
  removals = 0;
  /** How many records it has room for. */
  capacity = Infinity;
  /**
   * When the power is cut, in steps from now on: each byte of a write is one, and one more until it lasts; a removal has
   * two. The call that it falls into leaves what was written so far, or worse.
   */
  stepsLeft = Infinity;
  /** Called when the power is cut. From then on nothing is written, and nobody is told. */
  onPowerCut: () => void = () => undefined;
  /** Steps that were taken in all. */
  steps = 0;
  private _off = false;
  private readonly _random: () => number;

  /** @param seed of what a torn write leaves behind. */
  constructor(seed = 1) {
    this._random = seededRandom(seed);
  }

  /** Power is back. */
  on(): void {
    this._off = false;
    this.stepsLeft = Infinity;
  }

  read(key: number, into: Uint8Array, start: number, end: number): number {
    const record = this.records.get(key);
    if (!record) return -1;
    into.set(record.subarray(0, end - start), start);
    return record.length;
  }

  write(key: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (this._off) return true;
    if (!this.records.has(key) && this.records.size >= this.capacity) return false;
    const record = bytes.slice(start, end);
    const written = this._take(record.length + 1);
    this.writes++;
    if (written > record.length) this.records.set(key, record);
    else this._tear(key, record, written);
    return true;
  }

  remove(key: number): boolean {
    if (this._off) return true;
    const record = this.records.get(key);
    const done = this._take(2);
    this.removals++;
    if (done === 2) this.records.delete(key);
    else if (done === 1 && record) this._tear(key, record, Math.floor(this._random() * record.length));
    return true;
  }

  /** Cuts the power now, between two calls. */
  cut(): void {
    if (this._off) return;
    this._off = true;
    this.onPowerCut();
  }

  /** How many of `steps` are done before the power is cut. */
  private _take(steps: number): number {
    const taken = Math.min(steps, this.stepsLeft);
    this.stepsLeft -= taken;
    this.steps += taken;
    if (this.stepsLeft === 0) this.cut();
    return taken;
  }

  /** Leaves a record of which `written` bytes are right: nothing more, or what flash or a file system makes of the rest. */
  private _tear(key: number, record: Uint8Array, written: number): void {
    const way = Math.floor(this._random() * 5);
    if (way === 0) return; // as it was before
    const rest = [0, record.length - written, record.length - written, Math.floor(this._random() * 100)][way - 1];
    const torn = new Uint8Array(written + rest).fill(0xff);
    if (way > 2) for (let at = written; at < torn.length; at++) torn[at] = this._random() * 256;
    torn.set(record.subarray(0, written));
    this.records.set(key, torn);
  }
}
