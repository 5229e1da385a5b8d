// `preference` as it is on an ESP32: blobs in ESP-IDF's non-volatile storage, whose pages are counted as they are erased.

/** Pages of flash in the partition that Moddable gives it, one of which is always kept free. */
const PAGES = 6;
const ENTRIES_PER_PAGE = 126;
const ENTRY_BYTES = 32;
/** A blob is not begun on a page that has less room than this for it. */
const LEAST_TAIL_BYTES = 400;
const LONGEST_NAME = 15;

interface Item {
  name: string;
  entries: number;
}

interface Page {
  used: number;
  items: Item[];
}

const values = new Map<string, ArrayBuffer>();
let pages: Page[] = [{ used: 0, items: [] }];

export default class Preference {
  /** Pages erased, and entries written, so far. */
  static erased = 0;
  static written = 0;

  static set(domain: string, key: string, value: unknown): void {
    const name = nameOf(domain, key);
    if (!(value instanceof ArrayBuffer)) throw new Error("unsupported type");
    Preference.delete(domain, key);
    const bytes = value.slice(0); // native, as the copy into flash is
    writeBlob(name, bytes.byteLength);
    values.set(name, bytes);
  }

  static get(domain: string, key: string): ArrayBuffer | undefined {
    return values.get(nameOf(domain, key))?.slice(0);
  }

  static delete(domain: string, key: string): void {
    const name = nameOf(domain, key);
    if (!values.delete(name)) return;
    for (const page of pages) page.items = page.items.filter((item) => item.name !== name);
  }
}

function nameOf(domain: string, key: string): string {
  if (domain.length > LONGEST_NAME || key.length > LONGEST_NAME) throw new Error("nvs_open fail");
  return `${domain}/${key}`;
}

/** Chunks of data, each an entry and those of its bytes, and an entry that leads to them. */
function writeBlob(name: string, size: number): void {
  let left = size;
  do {
    let tail = (ENTRIES_PER_PAGE - pages.at(-1)!.used - 1) * ENTRY_BYTES;
    if (tail <= 0 || (left === size && tail < left && tail < LEAST_TAIL_BYTES)) {
      addPage();
      tail = (ENTRIES_PER_PAGE - pages.at(-1)!.used - 1) * ENTRY_BYTES;
    }
    const chunk = Math.min(left, tail);
    add({ name, entries: 1 + Math.ceil(chunk / ENTRY_BYTES) });
    left -= chunk;
  } while (left > 0);
  if (pages.at(-1)!.used === ENTRIES_PER_PAGE) addPage();
  add({ name, entries: 1 });
}

function add(item: Item): void {
  const page = pages.at(-1)!;
  page.used += item.entries;
  page.items.push(item);
  Preference.written += item.entries;
}

/** Goes on in a free page; when but one is left, what counts of the emptiest page moves there, and that is erased. */
function addPage(): void {
  const free = PAGES - pages.length;
  if (free > 1) {
    pages.push({ used: 0, items: [] });
    return;
  }
  const live = (page: Page): number => page.items.reduce((sum, { entries }) => sum + entries, 0);
  const emptiest = pages.reduce((one, other) => (live(other) < live(one) ? other : one));
  if (live(emptiest) === ENTRIES_PER_PAGE) throw new Error("nvs set fail");
  pages = pages.filter((page) => page !== emptiest);
  pages.push({ used: 0, items: [] });
  emptiest.items.forEach(add);
  Preference.erased++;
}
