// The lean client's outbox moves up what is behind a message that is done. A model says what it must hold.

import fc from "fast-check";
import { expect, it } from "vitest";
import { Published } from "../../src/client/publisher.ts";
import { PacketType } from "../../src/packet/index.ts";
import { encode } from "../packet/model.ts";
import { payloadOf, publish } from "../support/packet-link.ts";
import { LeanWorld } from "../support/scripted-world.ts";

/** What a message takes while it is added: 5 bytes for its fixed header, of which it keeps those that it needs. */
const HEADER_ROOM = 5;

interface Message {
  text: string;
  qos: 0 | 1;
  size: number;
  /** Of QoS 1: since when the broker has it, in this connection. */
  packetId: number;
}

type Action =
  | { do: "publish"; length: number; qos: 0 | 1 }
  | { do: "acknowledge"; which: number }
  | { do: "grant"; room: number }
  | { do: "reconnect"; kept: boolean; room: number };

const nat = fc.nat;
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("publish" as const),
      length: nat(60),
      qos: fc.constantFrom(0 as const, 1 as const),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("acknowledge" as const), which: nat(3) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("grant" as const), room: nat(60) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reconnect" as const), kept: fc.boolean(), room: nat(60) }) },
);

class Model {
  readonly world: LeanWorld;
  /** What the outbox holds, in order. */
  private _held: Message[] = [];
  private _count = 0;
  private readonly _size: number;

  constructor(size: number, window: number) {
    this._size = size;
    this.world = new LeanWorld({ outboxBytes: size, maximumInFlight: window, cleanSession: false, keepAlive: 0 });
    this.world.connect();
  }

  run(action: Action): void {
    const { client, clock, link } = this.world;
    if (action.do === "publish") {
      const text = `${this._count++} ${"x".repeat(action.length)}`;
      const packet = publish("t", text, { qos: action.qos, packetId: action.qos });
      const body = encode(packet).length - 2; // its remaining length is below 128
      const used = this._held.reduce((sum, { size }) => sum + size, 0);
      const result = client.publish("t", text, { qos: action.qos });
      expect(result === Published.FULL).toBe(used + HEADER_ROOM + body > this._size);
      if (result !== Published.FULL) this._held.push({ text, qos: action.qos, size: 2 + body, packetId: 0 });
    } else if (action.do === "acknowledge") {
      const sent = this._held.filter(({ packetId }) => packetId);
      if (!sent.length) return;
      const { packetId } = sent[action.which % sent.length];
      this._held = this._held.filter((one) => one.packetId !== packetId);
      link.send({ type: PacketType.PUBACK, packetId });
    } else if (action.do === "grant") {
      link.link.grant(action.room);
    } else {
      this.world.cut();
      // What was sent in part only, is still held: nothing of it counts.
      for (const message of this._held) message.packetId = 0;
      this.world.nextAttempt();
      clock.settle();
      link.take();
      this.world.accept(action.kept);
      this.world.link.link.room = action.room;
    }
    clock.settle();
    this.arrive();
  }

  /** What arrives at the broker is the first that is held and was not sent yet, unchanged. */
  arrive(): void {
    for (const packet of this.world.link.take()) {
      const message = this._held.find(({ packetId }) => !packetId)!;
      expect(packet).toMatchObject({ type: PacketType.PUBLISH, topic: "t", qos: message.qos });
      expect(payloadOf(packet)).toBe(message.text);
      const { packetId } = packet as { packetId: number };
      if (message.qos) {
        expect(this._held.map((one) => one.packetId)).not.toContain(packetId); // [MQTT-2.3.1-2]
        message.packetId = packetId;
      } else {
        this._held.splice(this._held.indexOf(message), 1);
      }
    }
    const inFlight = this._held.filter(({ packetId }) => packetId).length;
    expect([this.world.client.queued, this.world.client.inFlight]).toEqual([this._held.length - inFlight, inFlight]);
  }

  /** In the end all of it is delivered. */
  drain(): void {
    this.world.link.link.grant(Infinity);
    this.world.clock.settle();
    this.arrive();
    while (this._held.length) this.run({ do: "acknowledge", which: 0 });
    expect([this.world.client.queued, this.world.client.inFlight]).toEqual([0, 0]);
  }
}

it("holds what was accepted until it is done, in order, unharmed, and is FULL to the byte [MQTT-4.6.0-1]", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 64, max: 300 }),
      fc.integer({ min: 1, max: 5 }),
      fc.array(action, { minLength: 10, maxLength: 100 }),
      (size, window, actions) => {
        const model = new Model(size, window);
        for (const one of actions) model.run(one);
        model.drain();
      },
    ),
    { numRuns: 500, includeErrorInReport: true },
  );
});
