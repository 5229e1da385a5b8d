import { copyBytes } from "../../packet/bytes.ts";

/** The topics that a broker has given aliases to, on one connection [MQTT-3.3.2-7]; all memory is taken at once. */
export class TopicAliases {
  /** The topic of an alias is at these bytes, `startOf` it up to, not including, `endOf` it. */
  readonly bytes: Uint8Array;
  private readonly _lengths: Uint16Array;
  private readonly _longest: number;

  /**
   * @param maximum how many aliases there may be, 0 to 65,535.
   * @param longest bytes of the longest topic.
   */
  constructor(maximum: number, longest: number) {
    this.bytes = new Uint8Array(maximum * longest);
    this._lengths = new Uint16Array(maximum);
    this._longest = longest;
  }

  /** A new connection: the broker knows no alias. */
  forget(): void {
    this._lengths.fill(0);
  }

  /** The topic of an alias, 1 to `maximum`, is a part of `from`. Returns false when that is too long. */
  set(alias: number, from: Uint8Array, start: number, end: number): boolean {
    if (end - start > this._longest) return false;
    copyBytes(this.bytes, this.startOf(alias), from, start, end);
    this._lengths[alias - 1] = end - start;
    return true;
  }

  /** Whether the alias has a topic: none is empty. */
  has(alias: number): boolean {
    return this._lengths[alias - 1] > 0;
  }

  startOf(alias: number): number {
    return (alias - 1) * this._longest;
  }

  endOf(alias: number): number {
    return this.startOf(alias) + this._lengths[alias - 1];
  }
}
