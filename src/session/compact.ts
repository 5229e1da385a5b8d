import { moveBytes } from "../packet/bytes.ts";
import { State } from "./entry.ts";
import type { Outbox } from "./outbox.ts";

/** What the outbox of MQTT 5 has more that refers to an entry. */
export interface Version5 {
  _ahead?: number;
  newest?: number;
}

/**
 * Moves the entries of the ring together, in their order, and gives up those that are done with: what is free is in one piece
 * then, behind the youngest. A packet of which a part is sent goes on at its new place.
 */
export function compact(outbox: Outbox): void {
  // From the oldest entry up to the end of the ring, and on from its beginning.
  const wraps = outbox._entries > 0 && outbox._head <= outbox._tail;
  const upper = outbox._tail;
  let upperEnd = -1;
  let from = upper;
  let to = wraps ? upper : 0;
  let kept = 0;
  let next = -1;
  for (let left = outbox._entries; left > 0; left--) {
    const at = outbox._begin(from);
    if (at < from) {
      upperEnd = to;
      to = 0;
    }
    from = outbox._end(at);
    const state = outbox._state(at);
    if (state === State.DONE) continue;
    kept++;
    if (next < 0 && state !== State.SENT) next = to;
    if (at !== to) move(outbox, at, from, to - at);
    to += from - at;
  }
  if (wraps && upperEnd < 0) {
    upperEnd = to;
    to = 0;
  }

  // What is before the end of the ring, is to end there: the gap is in between.
  const shift = upperEnd > upper ? outbox.bytes.length - upperEnd : 0;
  if (shift) move(outbox, upper, upperEnd, shift);
  outbox._tail = upperEnd > upper ? upper + shift : 0;
  outbox._head = to;
  outbox._entries = kept;
  outbox._next = next >= upper && next < upperEnd ? next + shift : Math.max(next, 0);
}

/** Moves the entries from `start` up to, not including, `end`, and with them what refers to them. */
function move(outbox: Outbox & Version5, start: number, end: number, by: number): void {
  moveBytes(outbox.bytes, start + by, start, end);
  const flight = outbox._flight;
  for (let slot = 0; slot < flight.length; slot++) flight[slot] = moved(flight[slot], start, end, by);
  outbox.packetEnd += moved(outbox.packetStart, start, end, by) - outbox.packetStart;
  outbox.packetStart = moved(outbox.packetStart, start, end, by);
  if (outbox._ahead === undefined) return;
  outbox._ahead = moved(outbox._ahead, start, end, by);
  outbox.newest = moved(outbox.newest!, start, end, by);
}

function moved(at: number, start: number, end: number, by: number): number {
  return at >= start && at < end ? at + by : at;
}
