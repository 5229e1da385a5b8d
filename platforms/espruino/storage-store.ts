// Records that outlive a reboot, opt-in: `mote-mqtt/espruino/storage-store`.

import type { Store } from "../../src/platform.ts";
import type { Engine } from "./engine.ts";
import { bytesToString } from "./native/bytes.ts";

declare const E: Engine["E"];
declare const require: Engine["require"];

/** What a name may have in Storage, less the digit that is put behind it. */
const LONGEST_NAME = 27;
const SMALLEST = 1_024;
const LARGEST = 262_144;

/** What every file begins with. */
const MARK = "M";
/** An entry's header: key and length, 2 bytes each, and 2 of their checksum. */
const HEADER_SIZE = 6;
/** The length in an entry that removes a record. */
const REMOVED = 65_535;
/** The key of the entry that says that all records were carried over to a file. */
const CARRIED = 32_767;
/** In place of a record's place. */
const NOT_THERE = -1;

/**
 * A store for a `SavedSession` in the board's Storage: a log in a file of a fixed size. A record is appended to it, and so
 * is a removal; nothing is ever written twice, so that nothing is erased either until the file is full. Then what there is
 * goes into a second file, which counts once it says that it has all, and the first is removed: once in `bytes / 2` at least.
 *
 * Espruino itself erases flash when its Storage has no room for a new file; see docs/espruino.md. One store is for one client.
 */
export class StorageStore implements Store {
  private readonly _storage = require("Storage");
  private readonly _name: string;
  private readonly _bytes: number;
  /** 0 or 1: which of the two files has the records. */
  private _file = 0;
  /** Its size, and where the next entry goes. They are the same when another file is to be begun. */
  private _size = 0;
  private _end = 0;
  /** By key: where in the file the record's entry is. */
  private _places: number[] = [];
  /** Bytes of the entries that count. */
  private _live = 0;

  /**
   * @param name of its files in Storage, which get "0" and "1" behind it: 1 to 27 characters. "mote.session" by default.
   * @param bytes of a file, of which there may be two at times: 1,024 to 262,144; half of it is for records. 8,192 by
   *   default. Throws a TypeError when one of them cannot be.
   */
  constructor(name?: string, bytes?: number) {
    this._name = name ?? "mote.session";
    this._bytes = bytes ?? 8_192;
    if (!(this._name.length >= 1 && this._name.length <= LONGEST_NAME)) {
      throw new TypeError(`name must have 1 to ${LONGEST_NAME} characters, not ${this._name.length}: "${this._name}"`);
    }
    if (!(this._bytes >= SMALLEST && this._bytes <= LARGEST && this._bytes % 1 === 0)) {
      throw new TypeError(`bytes must be a whole number from ${SMALLEST} to ${LARGEST}, not ${this._bytes}`);
    }
    // Where both files have all, the power was cut before the older one was removed: they have the same.
    if (this._load(0)) this._erase(1);
    else if (this._load(1)) this._erase(0);
    else this._forgetAll();
  }

  read(key: number, into: Uint8Array, start: number, end: number): number {
    const at = this._placeOf(key);
    if (at === NOT_THERE) return -1;
    const length = this._entrySize(at) - HEADER_SIZE;
    const data = this._storage.read(this._nameOf(this._file), at + HEADER_SIZE, Math.min(length, end - start));
    into.set((data ?? "") as unknown as ArrayLike<number>, start); // takes a string as the bytes that it is
    return length;
  }

  write(key: number, bytes: Uint8Array, start: number, end: number): boolean {
    const size = HEADER_SIZE + end - start;
    this._forget(key);
    // With more than half of it in use, the files would be begun anew after a few records.
    if (end - start >= REMOVED || this._live + size > this._bytes / 2) return false;
    const entry = header(key, end - start) + bytesToString(bytes, start, end);
    if (!this._append(entry)) return false;
    this._places[key] = this._end - size;
    this._live += size;
    return true;
  }

  remove(key: number): boolean {
    if (this._placeOf(key) === NOT_THERE) return true;
    this._forget(key);
    return this._append(header(key, REMOVED));
  }

  private _nameOf(file: number): string {
    return this._name + file;
  }

  private _placeOf(key: number): number {
    return this._places[key] ?? NOT_THERE;
  }

  private _forget(key: number): void {
    const at = this._placeOf(key);
    if (at === NOT_THERE) return;
    this._live -= this._entrySize(at);
    this._places[key] = NOT_THERE;
  }

  private _forgetAll(): void {
    this._places = [];
    this._live = this._size = this._end = 0;
  }

  private _entrySize(at: number): number {
    const length = this._storage.read(this._nameOf(this._file), at + 2, 2) ?? "";
    return HEADER_SIZE + uint16(length, 0);
  }

  /** Writes an entry, in another file when it does not fit in this one or this one fails. */
  private _append(entry: string): boolean {
    return this._tryAppend(entry) || (this._begin() && this._tryAppend(entry));
  }

  private _tryAppend(entry: string): boolean {
    if (this._end + entry.length > this._size) return false;
    try {
      this._storage.write(this._nameOf(this._file), entry, this._end);
    } catch {
      return false; // a write that was torn before has left something here
    }
    this._end += entry.length;
    return true;
  }

  /** Carries the records over to the other file. */
  private _begin(): boolean {
    const storage = this._storage;
    const from = this._nameOf(this._file);
    const to = this._nameOf(1 - this._file);
    // More than `bytes` only where that was lowered.
    const size = Math.max(this._bytes, 2 * this._live + SMALLEST / 2);
    const places: number[] = [];
    let end = MARK.length;
    try {
      storage.erase(to);
      if (!storage.write(to, MARK, 0, size)) return false;
      for (let key = 0; key < this._places.length; key++) {
        const at = this._placeOf(key);
        if (at === NOT_THERE) continue;
        const entry = storage.read(from, at, this._entrySize(at)) ?? "";
        storage.write(to, entry, end);
        places[key] = end;
        end += entry.length;
      }
      storage.write(to, header(CARRIED, 0), end);
    } catch {
      return false; // Storage is full
    }
    this._places = places;
    this._end = end + HEADER_SIZE;
    this._size = size;
    this._erase(this._file);
    this._file = 1 - this._file;
    return true;
  }

  private _erase(file: number): void {
    this._storage.erase(this._nameOf(file));
  }

  /** Takes the records of a file. Returns whether it has all. */
  private _load(file: number): boolean {
    const log = this._storage.read(this._nameOf(file)) ?? ""; // which is not copied
    let carried = false;
    let at = MARK.length;
    this._forgetAll();
    this._file = file;
    this._size = log.length;
    // 0xff is what was never written.
    while (at + HEADER_SIZE <= log.length && log.charCodeAt(at) < 128) {
      const key = uint16(log, at);
      const length = uint16(log, at + 2);
      const size = HEADER_SIZE + (length === REMOVED ? 0 : length);
      if (header(key, length) !== log.substr(at, HEADER_SIZE) || at + size > log.length) {
        at = log.length; // torn: nothing is written behind it
        break;
      }
      this._forget(key);
      if (key === CARRIED) {
        carried = true;
      } else if (length !== REMOVED) {
        this._places[key] = at;
        this._live += size;
      }
      at += size;
    }
    this._end = at;
    return carried;
  }
}

const chars = String.fromCharCode;

function header(key: number, length: number): string {
  const text = chars(key >> 8, key, length >> 8, length);
  const check = E.CRC32(text);
  return text + chars(check >> 8, check);
}

function uint16(text: string, at: number): number {
  return (text.charCodeAt(at) << 8) | text.charCodeAt(at + 1);
}
