import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NO_ROOM, PacketType, publishHeader, Reason } from "../../src/packet/index.ts";
import { Outbox, type PayloadSource } from "../../src/session/outbox.ts";
import { utf8 } from "../packet/model.ts";
import { readPackets } from "../packet/read-packets.ts";

/** A payload of given bytes. */
function payload(bytes: Uint8Array): PayloadSource {
  return {
    writePayload(into, at, limit) {
      if (at + bytes.length > limit) {
        into.fill(0xcc, at, limit); // what did not fit may have left anything in the room that it was given
        return NO_ROOM;
      }
      into.set(bytes, at);
      return at + bytes.length;
    },
  };
}

function append(outbox: Outbox, qos: number, text: string, topic = "t"): boolean {
  return outbox.append(publishHeader(qos, false), utf8(topic), payload(utf8(text)));
}

/** The packet that `peek` found. */
function packet(outbox: Outbox): { payload: string; topic: string; packetId: number; dup: boolean; qos: number } {
  const { packets, reason } = readPackets([outbox.bytes.subarray(outbox.packetStart, outbox.packetEnd)], {
    bufferSize: 1 << 20,
  });
  expect(reason).toBe(Reason.OK);
  expect(packets).toHaveLength(1);
  const [found] = packets;
  if (found.type !== PacketType.PUBLISH) throw new Error("not a PUBLISH");
  return { ...found, payload: Buffer.from(found.payload, "hex").toString() };
}

/** Sends everything that may be sent. Returns it as "payload#packetId", with "!" for DUP. */
function sendAll(outbox: Outbox): string[] {
  const sent: string[] = [];
  while (outbox.peek()) {
    const { payload: text, packetId, dup } = packet(outbox);
    sent.push(`${text}#${packetId}${dup ? "!" : ""}`);
    outbox.sent();
  }
  return sent;
}

const EMPTY_SIZE = 4 + 5 + 2 + 1 + 2; // an entry with QoS 1, topic "t", no payload

describe("outbox", () => {
  it("hands out messages in the order they were published [MQTT-4.6.0-1]", () => {
    const outbox = new Outbox(256, 4);
    for (const text of ["a", "b", "c"]) expect(append(outbox, 1, text)).toBe(true);
    expect(outbox.queued).toBe(3);
    expect(sendAll(outbox)).toEqual(["a#2", "b#3", "c#4"]);
    expect([outbox.queued, outbox.inFlight]).toEqual([0, 3]);
  });

  it("gives no packet id to QoS 0 [MQTT-2.3.1-5], and frees its room once it is sent", () => {
    const outbox = new Outbox(64, 1);
    for (let count = 0; count < 1_000; count++) {
      expect(append(outbox, 0, "x".repeat(20))).toBe(true);
      expect(sendAll(outbox)).toEqual([`${"x".repeat(20)}#0`]);
    }
  });

  it("sends no more with QoS 1 than the window holds, and no QoS 0 past one that waits", () => {
    const outbox = new Outbox(256, 2);
    for (const text of ["a", "b", "c"]) append(outbox, 1, text);
    append(outbox, 0, "d");
    expect(sendAll(outbox)).toEqual(["a#2", "b#1"]);
    expect(outbox.peek()).toBe(false);
    expect(outbox.acknowledge(1)).toBe(true);
    expect(sendAll(outbox)).toEqual(["c#1", "d#0"]);
  });

  it("uses a packet id again only once it is acknowledged [MQTT-2.3.1-2], and never 0 [MQTT-2.3.1-1]", () => {
    const outbox = new Outbox(1_024, 3);
    const inUse = new Set<number>();
    for (let count = 0; count < 100; count++) {
      append(outbox, 1, "m");
      if (!outbox.peek()) throw new Error("the window is never full here");
      const { packetId } = packet(outbox);
      expect(packetId).toBeGreaterThan(0);
      expect(inUse.has(packetId)).toBe(false);
      inUse.add(packetId);
      outbox.sent();
      if (inUse.size === 3) {
        const oldest = [...inUse][0];
        expect(outbox.acknowledge(oldest)).toBe(true);
        inUse.delete(oldest);
      }
    }
  });

  it("takes acknowledgements in any order, each once, and none of what is not sent", () => {
    const outbox = new Outbox(256, 3);
    for (const text of ["a", "b", "c"]) append(outbox, 1, text);
    expect(outbox.acknowledge(2)).toBe(false);
    sendAll(outbox);
    expect(outbox.acknowledge(0)).toBe(false);
    expect(outbox.acknowledge(4)).toBe(false);
    expect(outbox.acknowledge(65_535)).toBe(false);
    expect(outbox.acknowledge(1)).toBe(true);
    expect(outbox.acknowledge(1)).toBe(false);
    expect(outbox.acknowledge(2)).toBe(true);
    expect(outbox.acknowledge(3)).toBe(true);
    expect(outbox.inFlight).toBe(0);
  });

  it("takes no acknowledgement of a packet of which only a part has been written", () => {
    const outbox = new Outbox(256, 3);
    append(outbox, 1, "a");
    expect(outbox.peek()).toBe(true);
    const { packetId } = packet(outbox);
    expect(outbox.acknowledge(packetId)).toBe(false);
    outbox.sent();
    expect(outbox.acknowledge(packetId)).toBe(true);
  });

  it("sends again in order, with the same ids and DUP, when the session was kept [MQTT-4.4.0-1], [MQTT-3.3.1-1]", () => {
    const outbox = new Outbox(256, 3);
    for (const text of ["a", "b", "c", "d"]) append(outbox, 1, text);
    expect(sendAll(outbox)).toEqual(["a#2", "b#3", "c#1"]);
    outbox.acknowledge(3);
    outbox.resume(true);
    expect(sendAll(outbox)).toEqual(["a#2!", "c#1!", "d#3"]);
  });

  it("sends again as new messages when the broker lost the session", () => {
    const outbox = new Outbox(256, 3);
    for (const text of ["a", "b", "c", "d"]) append(outbox, 1, text);
    sendAll(outbox);
    outbox.resume(true);
    expect(outbox.peek()).toBe(true);
    expect(packet(outbox).dup).toBe(true);
    outbox.resume(false);
    expect(outbox.inFlight).toBe(0);
    expect(sendAll(outbox)).toEqual(["a#2", "b#3", "c#1"]);
  });

  it("does not set DUP on a packet that had its id but was never sent as a whole", () => {
    const outbox = new Outbox(256, 3);
    append(outbox, 1, "a");
    outbox.peek();
    outbox.resume(true);
    expect(sendAll(outbox)).toEqual(["a#2"]);
    outbox.resume(true);
    expect(sendAll(outbox)).toEqual(["a#2!"]);
  });

  it("holds a message that takes the ring to the last byte, and not one that is larger", () => {
    const exact = 128 - EMPTY_SIZE;
    const outbox = new Outbox(128, 1);
    expect(append(outbox, 1, "x".repeat(exact + 1))).toBe(false);
    expect(outbox.queued).toBe(0);
    expect(append(outbox, 1, "x".repeat(exact))).toBe(true);
    expect(append(outbox, 0, "")).toBe(false);
    expect(sendAll(outbox)).toEqual([`${"x".repeat(exact)}#1`]);
    expect(append(outbox, 0, "")).toBe(false);
    expect(outbox.acknowledge(1)).toBe(true);
    expect(append(outbox, 1, "x".repeat(exact))).toBe(true);
  });

  it("gives QoS 0 its room back at once while an older message still waits for its acknowledgement", () => {
    const outbox = new Outbox(128, 4);
    append(outbox, 1, "old");
    for (let count = 0; count < 100; count++) {
      expect(append(outbox, 0, "x".repeat(60))).toBe(true);
      sendAll(outbox);
    }
    outbox.resume(true);
    expect(sendAll(outbox)).toEqual(["old#2!"]);
  });

  it.each([100, 20_000, 70_000, 2_100_000])("keeps the bytes of a message of %i bytes", (size) => {
    const outbox = new Outbox(size + 100, 1);
    expect(append(outbox, 1, "x".repeat(size))).toBe(true);
    expect(outbox.peek()).toBe(true);
    const bytes = outbox.bytes.subarray(outbox.packetStart, outbox.packetEnd);
    expect(bytes[0]).toBe(publishHeader(1, false));
    expect(bytes.subarray(-size).every((byte) => byte === 0x78)).toBe(true);
    outbox.sent();
    expect(outbox.acknowledge(1)).toBe(true);
    expect(append(outbox, 1, "x".repeat(size))).toBe(true);
  });
});

// Against a model: an array of messages.

interface Entry {
  text: string;
  qos: number;
  /** Sent on this connection. */
  sent: boolean;
  /** Sent in this session, on whichever connection. */
  sentBefore: boolean;
  packetId: number;
}

type Step = { kind: "append"; qos: number; size: number } | { kind: "send" | "peek" | "keep" | "lose" } | Acknowledge;
interface Acknowledge {
  kind: "acknowledge";
  which: number;
}

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("append" as const),
      qos: fc.nat({ max: 1 }),
      size: fc.oneof(fc.nat({ max: 12 }), fc.nat({ max: 150 })),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("send" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("peek" as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("acknowledge" as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("keep" as const, "lose" as const) }) },
);

class Model {
  readonly outbox: Outbox;
  private readonly _size: number;
  private readonly _window: number;
  private _entries: Entry[] = [];
  private _count = 0;

  constructor(size: number, window: number) {
    this.outbox = new Outbox(size, window);
    this._size = size;
    this._window = window;
  }

  run(step: Step): void {
    if (step.kind === "append") this._append(step.qos, step.size);
    else if (step.kind === "acknowledge") this._acknowledge(step.which);
    else if (step.kind === "keep" || step.kind === "lose") this.resume(step.kind === "keep");
    else this.send(step.kind === "send");
    this._check();
  }

  private _append(qos: number, size: number): void {
    const text = `${this._count}:`.padEnd(size, String.fromCharCode(97 + (this._count % 26)));
    const accepted = append(this.outbox, qos, text);
    // What is there takes at most its packet and 7 bytes: an empty ring of enough room never refuses.
    if (this._entries.length === 0) expect(accepted).toBe(EMPTY_SIZE - 2 + 2 * qos + text.length <= this._size);
    if (!accepted) return;
    this._count++;
    this._entries.push({ text, qos, sent: false, sentBefore: false, packetId: 0 });
  }

  /** Peeks at what comes next and compares, and marks it as sent. Returns whether there was something. */
  send(whole = true): boolean {
    const next = this._entries.find((entry) => !entry.sent);
    const full = this._entries.filter(({ packetId }) => packetId).length === this._window;
    const possible = next !== undefined && !(next.qos === 1 && next.packetId === 0 && full);
    expect(this.outbox.peek()).toBe(possible);
    if (!next || !possible) return false;
    const found = packet(this.outbox);
    expect(found).toMatchObject({ payload: next.text, topic: "t", qos: next.qos, dup: next.sentBefore });
    if (next.qos === 0) expect(found.packetId).toBe(0);
    else if (next.packetId) expect(found.packetId).toBe(next.packetId);
    else {
      expect(found.packetId).toBeGreaterThan(0);
      expect(found.packetId).toBeLessThanOrEqual(this._window);
      expect(this._entries.some(({ packetId }) => packetId === found.packetId)).toBe(false);
      next.packetId = found.packetId;
    }
    if (!whole) return true;
    this.outbox.sent();
    next.sent = true;
    if (next.qos === 0) this._entries.splice(this._entries.indexOf(next), 1);
    else next.sentBefore = true;
    return true;
  }

  private _acknowledge(which: number): void {
    const packetId = which % (this._window + 2);
    const index = this._entries.findIndex((entry) => entry.sent && entry.packetId === packetId);
    expect(this.outbox.acknowledge(packetId)).toBe(packetId > 0 && index >= 0);
    if (index >= 0 && packetId > 0) this._entries.splice(index, 1);
  }

  resume(kept: boolean): void {
    this.outbox.resume(kept);
    for (const entry of this._entries) {
      entry.sent = false;
      if (kept) continue;
      entry.sentBefore = false;
      entry.packetId = 0;
    }
  }

  private _check(): void {
    expect(this.outbox.queued).toBe(this._entries.filter(({ sent }) => !sent).length);
    expect(this.outbox.inFlight).toBe(this._entries.filter(({ packetId }) => packetId).length);
  }

  /** Sends and acknowledges all: then the ring must be as good as new. */
  drain(): void {
    this.resume(true);
    while (this._entries.length) {
      if (!this.send()) {
        const { packetId } = this._entries.find(({ sent }) => sent)!;
        this._acknowledge(packetId);
      }
      this._check();
    }
    expect(append(this.outbox, 1, "x".repeat(this._size - EMPTY_SIZE))).toBe(true);
  }
}

describe("outbox, against an array of messages", () => {
  it("keeps order, bytes and ids through any sequence of events, and all room comes back", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 64, max: 400 }),
        fc.integer({ min: 1, max: 6 }),
        fc.array(step, { maxLength: 120, size: "max" }),
        (size, window, steps) => {
          const model = new Model(size, window);
          for (const one of steps) model.run(one);
          model.drain();
        },
      ),
      { numRuns: 300 },
    );
  });
});
