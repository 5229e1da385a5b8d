import { UserError } from "../../cli/errors.ts";
import { crc32 } from "../crc32.ts";

/**
 * ESP-IDF's non-volatile storage: a partition of pages, each a header, a bitmap of entry states and 126 entries of 32
 * bytes. A longer value spans entries; a blob is cut into chunks, one a page, under an index entry.
 */
export interface NvsEntry {
  namespace: string;
  key: string;
  value: NvsValue;
}

export type NvsValue =
  { type: NvsInteger; number: bigint } | { type: "string"; text: string } | { type: "blob"; bytes: Uint8Array };

export type NvsInteger = keyof typeof INTEGER_TYPES;

const PAGE_BYTES = 4096;
const ENTRY_BYTES = 32;
const ENTRIES_AT = 64;
const ENTRIES_PER_PAGE = 126;
/** The low nibble is the width in bytes, the high one the sign. */
const INTEGER_TYPES = { u8: 0x01, i8: 0x11, u16: 0x02, i16: 0x12, u32: 0x04, i32: 0x14, u64: 0x08, i64: 0x18 } as const;
const TYPE_STRING = 0x21;
const TYPE_BLOB_V1 = 0x41;
const TYPE_BLOB_DATA = 0x42;
const TYPE_BLOB_INDEX = 0x48;
const NO_CHUNK = 0xff;
/** ESP-IDF keeps blobs in two ranges of chunk numbers, so that a new version can be written beside the old one. */
const LAST_CHUNK = 0x7f;

/** A page's state loses bits as it fills. */
const PAGE_UNUSED = 0xffffffff;
const PAGE_ACTIVE = 0xfffffffe;
const PAGE_FULL = 0xfffffffc;
const PAGE_FREEING = 0xfffffff8;
const VERSION_2 = 0xfe;
/** The two bits of an entry in the bitmap: 11 empty, 10 written, 00 erased. */
const ENTRY_WRITTEN = 0b10;

const MAX_NAME_BYTES = 15;
const MAX_STRING_BYTES = 4000;
const MAX_NAMESPACES = 254;

/** An image of a partition of `size` bytes. ESP-IDF needs one page of it free, to move entries to. */
export function encodeNvs(entries: NvsEntry[], size: number): Uint8Array {
  const writer = new Writer(size);
  const namespaces = new Map<string, number>();
  for (const { namespace, key, value } of entries) {
    if (!namespaces.has(namespace)) {
      if (namespaces.size === MAX_NAMESPACES) throw new UserError(`NVS holds at most ${MAX_NAMESPACES} namespaces.`);
      namespaces.set(namespace, namespaces.size + 1);
      writer.addInteger(0, namespace, "u8", BigInt(namespaces.size));
    }
    writer.add(namespaces.get(namespace)!, key, value);
  }
  return writer.image;
}

/** The entries of a partition, oldest first; none for erased flash. Throws for a partition that is damaged or encrypted. */
export function decodeNvs(image: Uint8Array): NvsEntry[] {
  const raw = readPages(image).flatMap(readEntries);
  const names = new Map<number, string>();
  for (const { namespace, key, data } of raw) if (namespace === 0) names.set(data[0]!, key);
  const entries = new Map<string, NvsEntry>(); // by namespace and key: a later one replaces an earlier
  for (const entry of raw) {
    if (entry.namespace === 0 || entry.type === TYPE_BLOB_DATA) continue;
    const namespace = names.get(entry.namespace);
    if (namespace === undefined) continue; // left over from a namespace that was erased
    const id = `${namespace}\0${entry.key}`;
    entries.delete(id);
    entries.set(id, { namespace, key: entry.key, value: valueOf(entry, raw) });
  }
  return [...entries.values()];
}

class Writer {
  readonly image: Uint8Array;
  private readonly _view: DataView;
  private _page = -1;
  private _used = ENTRIES_PER_PAGE; // entries in the page; the first add opens one

  constructor(size: number) {
    if (size % PAGE_BYTES !== 0 || size < 3 * PAGE_BYTES)
      throw new UserError(
        `An NVS partition has at least three pages of ${PAGE_BYTES} bytes; this one has ${size} bytes.`,
      );
    this.image = new Uint8Array(size).fill(0xff);
    this._view = new DataView(this.image.buffer);
  }

  add(namespace: number, key: string, value: NvsValue): void {
    if (value.type === "string") this._addString(namespace, key, value.text);
    else if (value.type === "blob") this._addBlob(namespace, key, value.bytes);
    else this.addInteger(namespace, key, value.type, value.number);
  }

  addInteger(namespace: number, key: string, type: NvsInteger, value: bigint): void {
    const code = INTEGER_TYPES[type];
    const bits = (code & 0x0f) * 8;
    const fits = code & 0x10 ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
    if (fits !== value) throw new UserError(`${key}: ${value} does not fit into ${type}.`);
    const data = new Uint8Array(8).fill(0xff);
    for (let byte = 0; byte < bits / 8; byte++) data[byte] = Number(BigInt.asUintN(8, value >> BigInt(8 * byte)));
    this._addEntry(namespace, key, code, NO_CHUNK, data);
  }

  private _addString(namespace: number, key: string, text: string): void {
    const bytes = new TextEncoder().encode(`${text}\0`);
    if (bytes.length > MAX_STRING_BYTES)
      throw new UserError(
        `${key}: a text in NVS has at most ${MAX_STRING_BYTES - 1} bytes; this one has ${bytes.length - 1}.`,
      );
    this._addEntry(namespace, key, TYPE_STRING, NO_CHUNK, lengthAndCrc(bytes), bytes);
  }

  private _addBlob(namespace: number, key: string, bytes: Uint8Array): void {
    let chunks = 0;
    for (let at = 0; at < bytes.length || chunks === 0; chunks++) {
      if (chunks > LAST_CHUNK) throw new UserError(`${key}: ${bytes.length} bytes are too many for one NVS entry.`);
      if (ENTRIES_PER_PAGE - this._used < 2) this._openPage();
      const chunk = bytes.subarray(at, at + (ENTRIES_PER_PAGE - this._used - 1) * ENTRY_BYTES);
      this._addEntry(namespace, key, TYPE_BLOB_DATA, chunks, lengthAndCrc(chunk), chunk);
      at += chunk.length;
    }
    const index = new Uint8Array(8).fill(0xff);
    new DataView(index.buffer).setUint32(0, bytes.length, true);
    index.set([chunks, 0], 4);
    this._addEntry(namespace, key, TYPE_BLOB_INDEX, NO_CHUNK, index);
  }

  private _addEntry(
    namespace: number,
    key: string,
    type: number,
    chunk: number,
    data: Uint8Array,
    following: Uint8Array = new Uint8Array(0),
  ): void {
    const name = new TextEncoder().encode(key);
    if (name.length === 0 || name.length > MAX_NAME_BYTES)
      throw new UserError(`${JSON.stringify(key)}: names in NVS have 1 to ${MAX_NAME_BYTES} bytes.`);
    const span = 1 + Math.ceil(following.length / ENTRY_BYTES);
    if (this._used + span > ENTRIES_PER_PAGE) this._openPage();
    const at = this._page * PAGE_BYTES + ENTRIES_AT + this._used * ENTRY_BYTES;
    const entry = this.image.subarray(at, at + ENTRY_BYTES);
    entry.set([namespace, type, span, chunk]);
    entry.fill(0, 8, 24).set(name, 8);
    entry.set(data, 24);
    this._view.setUint32(at + 4, entryCrc(entry), true);
    this.image.set(following, at + ENTRY_BYTES);
    for (let index = this._used; index < this._used + span; index++) this._markWritten(index);
    this._used += span;
  }

  private _openPage(): void {
    if (this._page >= 0) this._view.setUint32(this._page * PAGE_BYTES, PAGE_FULL, true);
    this._page++;
    this._used = 0;
    const at = this._page * PAGE_BYTES;
    if (at + PAGE_BYTES >= this.image.length)
      throw new UserError(`The settings do not fit into an NVS partition of ${this.image.length} bytes.`);
    this._view.setUint32(at, PAGE_ACTIVE, true);
    this._view.setUint32(at + 4, this._page, true);
    this.image[at + 8] = VERSION_2;
    this._view.setUint32(at + 28, headerCrc(this.image.subarray(at, at + ENTRY_BYTES)), true);
  }

  private _markWritten(index: number): void {
    this.image[this._page * PAGE_BYTES + ENTRY_BYTES + (index >> 2)]! &= ~(1 << ((index & 3) * 2));
  }
}

interface RawEntry {
  namespace: number;
  type: number;
  chunk: number;
  key: string;
  /** The entry's own 8 bytes of data. */
  data: Uint8Array;
  /** The bytes of the entries that it spans. */
  following: Uint8Array;
}

/** The pages in use, in the order they were written. */
function readPages(image: Uint8Array): Uint8Array[] {
  const pages: Uint8Array[] = [];
  for (let at = 0; at + PAGE_BYTES <= image.length; at += PAGE_BYTES) {
    const page = image.subarray(at, at + PAGE_BYTES);
    const state = wordAt(page, 0);
    if (state === PAGE_UNUSED) continue;
    if (![PAGE_ACTIVE, PAGE_FULL, PAGE_FREEING].includes(state) || wordAt(page, 28) !== headerCrc(page))
      throw damaged(`the header of its page ${at / PAGE_BYTES}`);
    pages.push(page);
  }
  return pages.sort((a, b) => wordAt(a, 4) - wordAt(b, 4));
}

function readEntries(page: Uint8Array): RawEntry[] {
  const entries: RawEntry[] = [];
  for (let index = 0; index < ENTRIES_PER_PAGE;) {
    const state = (page[ENTRY_BYTES + (index >> 2)]! >> ((index & 3) * 2)) & 0b11;
    if (state !== ENTRY_WRITTEN) {
      index++;
      continue;
    }
    const at = ENTRIES_AT + index * ENTRY_BYTES;
    const entry = page.subarray(at, at + ENTRY_BYTES);
    const span = entry[2]!;
    if (wordAt(entry, 4) !== entryCrc(entry) || span === 0 || index + span > ENTRIES_PER_PAGE)
      throw damaged(`entry ${index} of page ${wordAt(page, 4)}`);
    entries.push({
      namespace: entry[0]!,
      type: entry[1]!,
      chunk: entry[3]!,
      key: new TextDecoder().decode(entry.subarray(8, 8 + entry.subarray(8, 24).indexOf(0))),
      data: entry.subarray(24),
      following: page.subarray(at + ENTRY_BYTES, at + span * ENTRY_BYTES),
    });
    index += span;
  }
  return entries;
}

function valueOf(entry: RawEntry, all: RawEntry[]): NvsValue {
  switch (entry.type) {
    case TYPE_STRING:
      return { type: "string", text: new TextDecoder().decode(checked(entry)).replace(/\0+$/, "") };
    case TYPE_BLOB_V1:
      return { type: "blob", bytes: checked(entry) };
    case TYPE_BLOB_INDEX:
      return { type: "blob", bytes: blobOf(entry, all) };
  }
  const integer = (Object.keys(INTEGER_TYPES) as NvsInteger[]).find((type) => INTEGER_TYPES[type] === entry.type);
  if (!integer) throw damaged(`the type of ${entry.key}`);
  let number = 0n;
  for (let byte = (entry.type & 0x0f) - 1; byte >= 0; byte--) number = (number << 8n) | BigInt(entry.data[byte]!);
  const bits = (entry.type & 0x0f) * 8;
  return { type: integer, number: entry.type & 0x10 ? BigInt.asIntN(bits, number) : number };
}

function blobOf(index: RawEntry, all: RawEntry[]): Uint8Array {
  const [count, first] = [index.data[4]!, index.data[5]!];
  const chunks: Uint8Array[] = [];
  for (let chunk = first; chunk < first + count; chunk++) {
    const isChunk = ({ type, namespace, key, chunk: number }: RawEntry): boolean =>
      type === TYPE_BLOB_DATA && namespace === index.namespace && key === index.key && number === chunk;
    const found = all.filter(isChunk).at(-1);
    if (!found) throw damaged(`chunk ${chunk} of ${index.key}`);
    chunks.push(checked(found));
  }
  const bytes = Uint8Array.from(Buffer.concat(chunks));
  if (bytes.length !== wordAt(index.data, 0)) throw damaged(`the length of ${index.key}`);
  return bytes;
}

/** The bytes of an entry that spans others, held against their CRC. */
function checked(entry: RawEntry): Uint8Array {
  const bytes = entry.following.subarray(0, new DataView(entry.data.buffer, entry.data.byteOffset).getUint16(0, true));
  if (crc32(bytes, 0xffffffff) !== wordAt(entry.data, 4)) throw damaged(`the value of ${entry.key}`);
  return bytes;
}

function lengthAndCrc(bytes: Uint8Array): Uint8Array {
  const data = new Uint8Array(8).fill(0xff);
  new DataView(data.buffer).setUint16(0, bytes.length, true);
  new DataView(data.buffer).setUint32(4, crc32(bytes, 0xffffffff), true);
  return data;
}

function headerCrc(page: Uint8Array): number {
  return crc32(page.subarray(4, 28), 0xffffffff);
}

/** Over all of an entry but the CRC itself. */
function entryCrc(entry: Uint8Array): number {
  return crc32(entry.subarray(8, ENTRY_BYTES), crc32(entry.subarray(0, 4), 0xffffffff));
}

function wordAt(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true);
}

function damaged(what: string): UserError {
  return new UserError(
    `The board's NVS partition is damaged or encrypted (${what}). With --fresh it is replaced as a whole: other settings in it are lost.`,
  );
}
