/** Longer inputs find nothing that shorter ones do not. */
const LONGEST = 4_096;
/** What tends to be a border: of bytes, of a remaining length, of flags, of UTF-8. */
const BORDERS = [0x00, 0x01, 0x02, 0x04, 0x10, 0x20, 0x7f, 0x80, 0xc0, 0xed, 0xf0, 0xfe, 0xff];

/** Chooses what becomes of an input. */
interface Chance {
  /** A whole number from 0 up to, not including, `count`. */
  below(count: number): number;
  oneOf<Item>(items: readonly Item[]): Item;
  /** Up to three bytes. */
  few(): number[];
  /** Some input of the pool. */
  other(): number[];
}

/** Another input made of one of the pool: a few changes to its bytes, or to the order of its packets. */
export function mutate(pool: readonly Uint8Array[], random: () => number): Uint8Array {
  const below = (count: number): number => Math.floor(random() * count);
  const oneOf = <Item>(items: readonly Item[]): Item => items[below(items.length)];
  const few = (): number[] => Array.from({ length: below(4) }, () => below(256));
  const chance: Chance = { below, oneOf, few, other: () => [...oneOf(pool)] };
  let bytes = chance.other();
  for (let count = 1 + below(4); count > 0; count--) bytes = oneOf(MUTATIONS)(bytes, chance);
  return Uint8Array.from(bytes.slice(0, LONGEST));
}

type Mutation = (bytes: number[], chance: Chance) => number[];

const changeByte =
  (to: (byte: number, chance: Chance) => number): Mutation =>
  (bytes, chance) => {
    const at = chance.below(bytes.length);
    return bytes.map((byte, index) => (index === at ? to(byte, chance) & 255 : byte));
  };

/** Changes the order of packets, or what is in them; nothing where there are none. */
const changePackets =
  (to: (packets: number[][], chance: Chance) => number[][]): Mutation =>
  (bytes, chance) => {
    const packets = packetsOf(bytes);
    return packets.length ? to(packets, chance).flat() : bytes;
  };

const MUTATIONS: Mutation[] = [
  changeByte((_, { below }) => below(256)),
  changeByte((_, { oneOf }) => oneOf(BORDERS)),
  changeByte((byte, { below }) => byte ^ (1 << below(8))),
  changeByte((byte, { below }) => byte + 1 - 2 * below(2)),
  (bytes, { below, few }) => spliced(bytes, below(bytes.length + 1), 0, few()),
  (bytes, { below }) => spliced(bytes, below(bytes.length + 1), 1 + below(4), []),
  (bytes, { below }) => bytes.slice(0, below(bytes.length + 1)),
  (bytes, { below, other }) => [...bytes.slice(0, below(bytes.length + 1)), ...other()],
  changePackets((packets, { below }) => spliced(packets, below(packets.length), 1, [])),
  changePackets((packets, { below, oneOf }) => spliced(packets, below(packets.length), 0, [oneOf(packets)])),
  changePackets((packets, { below, other }) =>
    spliced(packets, below(packets.length), 0, packetsOf(other()).slice(0, 1)),
  ),
  changePackets((packets, { below, oneOf, other }) => {
    const others = packetsOf(other());
    return others.length ? spliced(packets, below(packets.length), below(2), [oneOf(others)]) : packets;
  }),
  // One is longer or shorter inside, and says so.
  changePackets((packets, { below, few }) => {
    const at = below(packets.length);
    const body = packets[at].slice(1 + lengthAt(packets[at], 1).size);
    const changed = spliced(body, below(body.length + 1), below(4), few());
    return spliced(packets, at, 1, [[packets[at][0], ...remainingLength(changed.length), ...changed]]);
  }),
];

function spliced<Item>(list: readonly Item[], at: number, count: number, items: readonly Item[]): Item[] {
  return [...list.slice(0, at), ...items, ...list.slice(at + count)];
}

/** The stream cut into packets, as far as their lengths say so. */
function packetsOf(bytes: number[]): number[][] {
  const packets: number[][] = [];
  for (let at = 0; at < bytes.length;) {
    const { size, length } = lengthAt(bytes, at + 1);
    packets.push(bytes.slice(at, at + 1 + size + length));
    at += 1 + size + length;
  }
  return packets;
}

/** The remaining length at `at`, and how many bytes it takes. */
function lengthAt(bytes: number[], at: number): { size: number; length: number } {
  let length = 0;
  let size = 0;
  do length |= (bytes[at + size] & 127) << (7 * size);
  while (bytes[at + size++] & 128 && size < 4);
  return { size, length };
}

function remainingLength(length: number): number[] {
  const bytes: number[] = [];
  do {
    bytes.push((length & 127) | (length > 127 ? 128 : 0));
    length >>= 7;
  } while (length);
  return bytes;
}
