import { describe, expect, it } from "vitest";
import { PacketType, Reason } from "../../src/packet/index.ts";
import { publish } from "../support/packet-link.ts";
import { CLIENTS, ScriptedWorld } from "../support/scripted-world.ts";

/** Lets time pass second by second, with a broker that answers pings. Returns at which seconds there were any. */
function pings(world: ScriptedWorld, seconds: number, each?: (second: number) => void): number[] {
  const times: number[] = [];
  for (let second = 1; second <= seconds; second++) {
    world.clock.advance(1_000);
    each?.(second);
    if (!world.take().some(({ type }) => type === PacketType.PINGREQ)) continue;
    times.push(second);
    world.send({ type: PacketType.PINGRESP });
  }
  return times;
}

describe.each(CLIENTS)("keep-alive of %s", (_client, World) => {
  it("sends PINGREQ within keepAlive when nothing else was sent [MQTT-3.1.2-23]", () => {
    const world = new World({ keepAlive: 10 });
    world.connect();
    expect(pings(world, 45)).toEqual([10, 19, 29, 38]);
    expect(world.events).toEqual([false]);
  });

  it("never lets keepAlive pass in silence, whatever the tick", () => {
    for (const tickMs of [1, 33, 250, 400, 499]) {
      const world = new World({ keepAlive: 1, tickMs });
      world.connect();
      let last = world.clock.passed;
      for (let ms = 0; ms < 10_000; ms += 10) {
        world.clock.advance(10);
        if (!world.take().length) continue;
        expect(world.clock.passed - last).toBeLessThanOrEqual(1_000);
        last = world.clock.passed;
        world.send({ type: PacketType.PINGRESP });
      }
      expect(world.clock.passed - last).toBeLessThanOrEqual(1_000);
    }
  });

  it("sends none while there is something to publish", () => {
    const world = new World({ keepAlive: 10 });
    world.connect();
    expect(pings(world, 60, () => world.client.publish("t", "x"))).toEqual([]);
    expect(pings(world, 11)).toHaveLength(1);
  });

  it("counts an acknowledgement as something sent, and nothing that is received", () => {
    const world = new World({ keepAlive: 10 });
    world.connect();
    expect(pings(world, 60, () => world.send(publish("t", "x", { qos: 1, packetId: 1 })))).toEqual([]);
    expect(pings(world, 60, () => world.send(publish("t", "x")))).not.toEqual([]);
  });

  it("is off with 0", () => {
    const world = new World({ keepAlive: 0 });
    world.connect();
    expect(pings(world, 3_600)).toEqual([]);
    expect(world.events).toEqual([false]);
  });

  it("ends the connection when PINGRESP is missing for pingTimeoutMs, and connects again", () => {
    const world = new World({ keepAlive: 10, pingTimeoutMs: 4_000 });
    world.connect();
    world.clock.advance(9_500);
    expect(world.take()).toEqual([{ type: PacketType.PINGREQ }]);
    world.clock.advance(3_500);
    expect(world.events).toEqual([false]);
    world.clock.advance(1_000);
    expect(world.events).toEqual([false, Reason.PING_TIMEOUT]);
    expect(world.link.link.closedByClient).toBe(true);
    world.reconnect();
    expect(pings(world, 30)).toHaveLength(3);
  });

  it("notices a half-open connection, and leaves it behind", () => {
    const world = new World({ keepAlive: 10 });
    world.connect().link.dead = true;
    world.clock.advance(21_000);
    expect(world.events).toEqual([false, Reason.PING_TIMEOUT]);
    world.reconnect();
    expect(world.client.connected).toBe(true);
  });

  it("sends PINGREQ again when keepAlive is over before the answer to the last one is [MQTT-3.1.2-23]", () => {
    const world = new World({ keepAlive: 5, pingTimeoutMs: 60_000 });
    world.connect();
    world.clock.advance(14_600);
    expect(world.take()).toEqual([1, 2, 3].map(() => ({ type: PacketType.PINGREQ })));
    world.send({ type: PacketType.PINGRESP });
    world.clock.advance(60_000);
    expect(world.events).toEqual([false]);
    world.clock.advance(5_000);
    expect(world.events).toEqual([false, Reason.PING_TIMEOUT]);
  });

  it("heaps up no PINGREQ when the connection takes none", () => {
    const world = new World({ keepAlive: 5, pingTimeoutMs: 60_000 });
    world.connect().link.grant(0);
    world.clock.advance(59_000);
    expect(world.events).toEqual([false]);
    world.link.link.grant(Infinity);
    world.clock.settle();
    expect(world.take().length).toBeLessThanOrEqual(13);
  });

  it("takes no PINGRESP for missing while a large message is still arriving before it", () => {
    const world = new World({ keepAlive: 10, pingTimeoutMs: 3_000, receiveBytes: 64 });
    const { link } = world.connect();
    link.deliver(new Uint8Array([0x30, 0x80, 0x20, 0, 1, 0x74]));
    for (let second = 0; second < 40; second++) {
      world.clock.advance(1_000);
      link.deliver(new Uint8Array(100));
    }
    world.clock.settle();
    expect(world.events).toEqual([false]);
    expect(world.take()).toEqual([1, 2, 3, 4].map(() => ({ type: PacketType.PINGREQ })));
    link.deliver(new Uint8Array(93));
    world.send({ type: PacketType.PINGRESP });
    world.clock.advance(3_500);
    expect(world.events).toEqual([false]);
  });
});

describe.each(CLIENTS)("a clock of %s", (_client, World) => {
  const jumps: [string, (passed: number) => number][] = [
    ["jumps forward by an hour", (passed) => (passed < 5_000 ? passed : passed + 3_600_000)],
    ["jumps forward by 50 years", (passed) => (passed < 5_000 ? passed : passed + 1.6e12)],
    ["jumps back by an hour", (passed) => (passed < 5_000 ? passed + 3_600_000 : passed)],
    ["jumps back by 50 years", (passed) => (passed < 5_000 ? passed + 1.6e12 : passed)],
    ["wraps at 2^32", (passed) => (passed + 2 ** 32 - 5_000) % 2 ** 32],
    ["wraps at 2^31 into the negative", (passed) => (passed + 2 ** 31 - 5_000) | 0],
    ["wraps at 2^31 to 0", (passed) => (passed + 2 ** 31 - 5_000) % 2 ** 31],
    ["has fractions", (passed) => passed + 0.4567],
  ];

  it.each(jumps)("that %s ends no connection, and pings go on [MQTT-3.1.2-23]", (_name, shows) => {
    const world = new World({ keepAlive: 10 });
    world.clock.shows = shows;
    world.connect();
    world.client.publish("t", "x", { qos: 1 });
    const [{ packetId }] = world.take() as { packetId: number }[];
    world.send({ type: PacketType.PUBACK, packetId });
    const times = pings(world, 60);
    expect(world.events).toEqual([false]);
    expect(times.length).toBeGreaterThanOrEqual(6);
    for (let index = 1; index < times.length; index++) expect(times[index] - times[index - 1]).toBeLessThanOrEqual(10);
  });

  it.each(jumps)("that %s still lets the client try again, and notice time-outs", (_name, shows) => {
    const world = new World({ keepAlive: 10 });
    world.clock.shows = shows;
    world.platform.network.silent = true;
    world.client.connect();
    world.clock.advance(30_000);
    expect(world.platform.network.attempts).toBeGreaterThan(1);
    expect(world.events).toEqual([Reason.CONNECT_TIMEOUT]);
    world.platform.network.silent = false;
    world.reconnect();
    world.clock.advance(30_000);
    expect(world.events).toEqual([Reason.CONNECT_TIMEOUT, false, Reason.PING_TIMEOUT]);
  });
});

// For the lean client, a jump counts as time.
describe("a clock of the full client", () => {
  it("that stood still while the device slept makes a ping at once, which shows whether the connection survived", () => {
    const world = new ScriptedWorld({ keepAlive: 60 });
    world.connect();
    world.clock.advance(1_000);
    world.clock.shows = (passed) => passed + 45_000;
    world.clock.advance(250);
    expect(world.take()).toEqual([{ type: PacketType.PINGREQ }]);
    world.clock.advance(10_000);
    expect(world.events).toEqual([false, Reason.PING_TIMEOUT]);
  });
});
