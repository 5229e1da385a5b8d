import { describe, expect, it } from "vitest";
import type { ClientOptions } from "../../../src/client/options.ts";
import { PacketType, Reason } from "../../../src/packet/index.ts";
import { ExactlyOnce } from "../../../src/qos2.ts";
import { type Piece, Streaming } from "../../../src/streaming.ts";
import { encode, type Packet } from "../../packet/model.ts";
import { publish } from "../../support/packet-link.ts";
import { ScriptedWorld } from "../../support/scripted-world.ts";

interface Receiving {
  world: ScriptedWorld;
  streaming: Streaming;
  /** What the handler of "large/+" got: "topic offset/total text", or the name of a reason. */
  got: string[];
  /** What was skipped, or came to the handler of "small". */
  others: string[];
}

const RECEIVE_BYTES = 64;

/** A client that has subscribed to "large/+" in pieces, and to "small" as ever. */
function receiving(options: Partial<ClientOptions> = {}): Receiving {
  const world = new ScriptedWorld({
    exactlyOnce: new ExactlyOnce(4),
    keepAlive: 0,
    cleanSession: false,
    receiveBytes: RECEIVE_BYTES,
    ...options,
  });
  const streaming = new Streaming(world.client);
  const got: string[] = [];
  const others: string[] = [];
  world.client.subscribe(
    "large/+",
    2,
    streaming.pieces(
      (piece) => got.push(brief(piece)),
      (reason) => got.push(Reason[reason]),
    ),
  );
  world.client.subscribe("small", 2, (message) => others.push(message.text()));
  world.client.onSkipped = (message) => others.push(`skipped ${message.topic} ${message.length}`);
  connect(world);
  return { world, streaming, got, others };
}

function connect(world: ScriptedWorld): void {
  world.connect();
  for (const packet of world.take()) {
    if (packet.type === PacketType.SUBSCRIBE) {
      world.send({ type: PacketType.SUBACK, packetId: packet.packetId, codes: [2] });
    }
  }
}

function brief({ message, offset, total, bytes, start, end, last }: Piece): string {
  const text = Buffer.from(bytes.subarray(start, end)).toString();
  return `${message.topic} ${offset}/${total} ${text}${last ? " last" : ""}`;
}

/** Acknowledgements as "PUBACK#2". */
function answers(world: ScriptedWorld): string[] {
  return world.take().map((packet) => `${PacketType[packet.type]}#${(packet as { packetId: number }).packetId}`);
}

const TEXT = Array.from({ length: 100 }, (_, index) => String.fromCharCode(33 + (index % 90))).join("");
const pubrel = (packetId: number): Packet => ({ type: PacketType.PUBREL, packetId });

/** The payload of the pieces that a handler got, and whether each began where the one before it ended. */
function joined(got: string[], topic: string, total: number): { text: string; inOrder: boolean } {
  let text = "";
  let inOrder = true;
  for (const item of got) {
    const match = /^(\S+) (\d+)\/(\d+) (.*?)( last)?$/.exec(item)!;
    inOrder &&= match[1] === topic && +match[2] === text.length && +match[3] === total;
    text += match[4];
    inOrder &&= (match[5] !== undefined) === (text.length === total);
  }
  return { text, inOrder };
}

describe("a message larger than the receive buffer", () => {
  it("comes in pieces with offset and total, and is acknowledged after the last", () => {
    const { world, got, others } = receiving();
    const packet = encode(publish("large/a", TEXT, { qos: 1, packetId: 7 }));
    world.link.link.deliver(packet.subarray(0, 40));
    world.clock.settle();
    expect(got).toEqual([`large/a 0/100 ${TEXT.slice(0, 27)}`]);
    expect(answers(world)).toEqual([]);
    world.link.link.deliver(packet.subarray(40));
    world.clock.settle();
    expect(got.slice(1)).toEqual([`large/a 27/100 ${TEXT.slice(27)} last`]);
    expect(answers(world)).toEqual(["PUBACK#7"]);
    expect(others).toEqual([]);
  });

  it.each([0, 1, 2] as const)("comes whole and in order wherever it is cut, QoS %i", (qos) => {
    const packets = [publish("large/a", TEXT, { qos, packetId: qos && 7 }), publish("small", "s")];
    const size = encode(...packets).length;
    for (let one = 1; one < size; one++) {
      for (const chunk of [one, 1 + (one % 7)]) {
        const { world, got, others } = receiving();
        let first = true;
        world.link.link.chunkSize = () => (first ? ((first = false), one) : chunk);
        world.send(...packets);
        expect(joined(got, "large/a", 100)).toEqual({ text: TEXT, inOrder: true });
        expect(others).toEqual(["s"]);
        expect(answers(world)).toEqual([[], ["PUBACK#7"], ["PUBREC#7"]][qos]);
      }
    }
  });

  it("is skipped where nobody asked for pieces, or its topic is cut", () => {
    const { world, got, others } = receiving();
    world.send(publish("small", TEXT, { qos: 1, packetId: 1 }), publish(`large/${"x".repeat(80)}`, TEXT));
    expect(others).toEqual(["skipped small 100", expect.stringMatching(/^skipped large\/x+ 100$/)]);
    expect([got, answers(world)]).toEqual([[], ["PUBACK#1"]]);
  });

  it("comes to every handler that asked for pieces, until its subscription ends", () => {
    const { world, streaming, got } = receiving();
    const too: string[] = [];
    const second = world.client.subscribe(
      "#",
      0,
      streaming.pieces(
        (piece) => {
          too.push(brief(piece));
          if (piece.offset > 0) second.unsubscribe();
        },
        (reason) => too.push(Reason[reason]),
      ),
    );
    world.link.link.chunkSize = () => 40;
    world.send(publish("large/a", TEXT));
    expect(joined(got, "large/a", 100)).toEqual({ text: TEXT, inOrder: true });
    expect(too.map((item) => item.split(" ")[1])).toEqual(["0/100", "29/100"]);
  });

  it("brings its retain flag, DUP and QoS with each piece", () => {
    const { world, streaming } = receiving();
    const flags: unknown[] = [];
    const handler = streaming.pieces(({ message: { qos, retain, dup, length } }) =>
      flags.push([qos, retain, dup, length]),
    );
    world.client.subscribe("flags", 1, handler);
    world.link.link.chunkSize = () => 70;
    world.send(publish("flags", TEXT, { qos: 1, packetId: 3, retain: true, dup: true }));
    expect(flags).toEqual([
      [1, true, true, 100],
      [1, true, true, 100],
    ]);
  });
});

describe("a message that fits", () => {
  it("is one piece", () => {
    const { world, got } = receiving();
    world.send(publish("large/a", "tiny", { qos: 1, packetId: 7 }), publish("large/b", ""));
    expect(got).toEqual(["large/a 0/4 tiny last", "large/b 0/0  last"]);
    expect(answers(world)).toEqual(["PUBACK#7"]);
  });
});

describe("a connection that ends in the midst of a message", () => {
  function interrupted(qos: 1 | 2): Receiving {
    const all = receiving();
    all.world.link.link.deliver(encode(publish("large/a", TEXT, { qos, packetId: 7 })).subarray(0, 40));
    all.world.clock.settle();
    all.world.cut();
    expect(all.got.splice(0)).toEqual([`large/a 0/100 ${TEXT.slice(0, 27)}`, "CLOSED_BY_BROKER"]);
    all.world.reconnect(true);
    all.world.take();
    return all;
  }

  it.each([1, 2] as const)("is told, and the message comes again from its beginning with QoS %i", (qos) => {
    const { world, got } = interrupted(qos);
    const again = publish("large/a", TEXT, { qos, packetId: 7, dup: true });
    world.link.link.chunkSize = () => 50;
    world.send(again);
    expect(joined(got.splice(0), "large/a", 100)).toEqual({ text: TEXT, inOrder: true });
    expect(answers(world)).toEqual([qos === 1 ? "PUBACK#7" : "PUBREC#7"]);
    if (qos === 1) return;
    // Once it was whole, it does not come again [MQTT-4.3.3-2].
    world.send(again, pubrel(7));
    expect([got, answers(world)]).toEqual([[], ["PUBREC#7", "PUBCOMP#7"]]);
  });

  it("makes no place for a message that is unfinished: QoS 2 remembers as many as before", () => {
    const { world, got } = interrupted(2);
    for (let round = 0; round < 10; round++) {
      world.link.link.deliver(encode(publish("large/a", TEXT, { qos: 2, packetId: 8 + round })).subarray(0, 40));
      world.clock.settle();
      world.cut();
      world.reconnect(true);
    }
    world.take();
    got.length = 0;
    world.send(...[1, 2, 3, 4].map((packetId) => publish("large/a", TEXT, { qos: 2, packetId })));
    expect(got).toHaveLength(4);
    expect(world.client.connected).toBe(true);
  });

  it("follows when the store has no room to remember the message, which then is not delivered", () => {
    const { world, got } = receiving();
    world.client._exactlyOnce!._saved = { received: () => got.length === 0, forgotten: () => undefined } as never;
    world.link.link.chunkSize = () => 60;
    world.send(publish("large/a", TEXT, { qos: 2, packetId: 7 }));
    expect(got).toEqual([expect.stringMatching(/^large\/a 0\/100/), "TOO_MANY_UNFINISHED"]);
    expect(world.link.take()).toEqual([]);
  });

  it("may be the handler's doing, with the last piece too: then the message is not acknowledged", () => {
    for (const chunk of [40, Infinity]) {
      const { world, streaming } = receiving();
      const told: unknown[] = [];
      const handler = streaming.pieces(
        ({ offset }) => {
          told.push(offset);
          world.client.disconnect();
        },
        (reason) => told.push(Reason[reason]),
      );
      world.client.subscribe("mine", 2, handler);
      world.clock.advance(250);
      world.take();
      const { link } = world;
      link.link.chunkSize = () => chunk;
      world.send(publish("mine", TEXT, { qos: 2, packetId: 9 }));
      expect(told).toEqual([0, "DISCONNECTED"]);
      expect(link.take()).toEqual([{ type: PacketType.DISCONNECT }]);
    }
  });
});

describe("a handler of pieces that throws", () => {
  it("gets the next piece all the same, and the message is acknowledged", () => {
    const { world, streaming } = receiving();
    const offsets: number[] = [];
    const handler = streaming.pieces((piece) => {
      offsets.push(piece.offset);
      throw new Error(`at ${piece.offset}`);
    });
    world.client.subscribe("mine", 1, handler);
    world.clock.advance(250);
    world.take();
    world.link.link.chunkSize = () => 64;
    expect(() => world.send(publish("mine", TEXT, { qos: 1, packetId: 9 }))).toThrow("at 0");
    expect(offsets).toEqual([0, 54]);
    expect(answers(world)).toEqual(["PUBACK#9"]);
  });
});

describe("while a large message arrives", () => {
  it("neither a ping nor an acknowledgement times out, and both directions go on", () => {
    const options = { keepAlive: 5, pingTimeoutMs: 2_000, acknowledgeTimeoutMs: 3_000 };
    const { world, streaming, got } = receiving(options);
    const publisher = streaming.publisher("out", { qos: 1 });
    publisher.begin(1);
    publisher.write(new Uint8Array(1));
    publisher.end();
    const packet = encode(publish("large/a", TEXT));
    const payloadAt = packet.length - TEXT.length;
    for (let at = 0; at < packet.length; at = Math.max(payloadAt, at + 1)) {
      world.link.link.deliver(packet.subarray(at, Math.max(payloadAt, at + 1)));
      world.clock.advance(1_000);
    }
    expect(joined(got, "large/a", 100)).toEqual({ text: TEXT, inOrder: true });
    expect(world.events).toEqual([false]);
    expect(world.take().filter(({ type }) => type === PacketType.PINGREQ).length).toBeGreaterThan(20);
  });
});

it("a protocol violation ends the connection as ever", () => {
  const early = receiving();
  early.world.cut();
  early.world.nextAttempt();
  early.world.send(publish("large/a", TEXT));
  expect(early.world.events).toEqual([false, Reason.CLOSED_BY_BROKER, Reason.UNEXPECTED_PACKET]);
  const malformed = receiving();
  malformed.world.send(publish("large/#", TEXT));
  expect(malformed.world.events).toEqual([false, Reason.WILDCARD_IN_TOPIC]);
  expect(malformed.got).toEqual([]);
});
