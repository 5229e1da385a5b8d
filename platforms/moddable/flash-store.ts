// Records that outlive a reboot, opt-in: `mote-mqtt/moddable/flash-store`.

import Preference from "preference";
import type { Store } from "../../src/platform.ts";
import { FlexibleBuffer } from "./flexible-buffer.ts";

/** What a name may have in the flash of an ESP32. */
const LONGEST_NAME = 15;

/**
 * A store for a `SavedSession` in the SDK's preferences: on an ESP32 its non-volatile storage, which levels wear and bears
 * power cuts; in the simulators a file. Only one client may have the same name.
 */
export class FlashStore implements Store {
  private readonly _name: string;
  private _record = new FlexibleBuffer(0);

  /**
   * @param name under which the records are kept, its domain among the preferences: 1 to 15 characters. "mote" by default.
   *   Throws a RangeError when it is longer.
   */
  constructor(name?: string) {
    this._name = name ?? "mote";
    const length = this._name.length;
    if (length < 1 || length > LONGEST_NAME) {
      throw new RangeError(`name must have 1 to ${LONGEST_NAME} characters, not ${length}: "${name}"`);
    }
  }

  read(key: number, into: Uint8Array, start: number, end: number): number {
    let record;
    try {
      record = Preference.get(this._name, String(key));
    } catch {
      return -1;
    }
    if (!(record instanceof ArrayBuffer)) return -1;
    const bytes = new Uint8Array(record, 0, Math.min(record.byteLength, end - start));
    into.set(bytes, start);
    return record.byteLength;
  }

  write(key: number, bytes: Uint8Array, start: number, end: number): boolean {
    // Grown to what records are cut from, it stays: the next write makes none.
    if (bytes.length > this._record.capacity) this._record = new FlexibleBuffer(bytes.length);
    this._record.fill(bytes, start, end);
    try {
      Preference.set(this._name, String(key), this._record.buffer);
      return true;
    } catch {
      return false;
    }
  }

  remove(key: number): boolean {
    try {
      Preference.delete(this._name, String(key));
      return true;
    } catch {
      return false;
    }
  }
}
