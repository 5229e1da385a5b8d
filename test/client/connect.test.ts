import { describe, expect, it } from "vitest";
import type { ClientOptions } from "../../src/client/options.ts";
import { PacketType, Reason } from "../../src/packet/index.ts";
import { toHex, utf8 } from "../packet/model.ts";
import { Client } from "../../src/client/client.ts";
import { CLIENTS, ScriptedWorld, type WorldClass } from "../support/scripted-world.ts";
import { ModelBroker } from "../simulation/model-broker.ts";
import { VirtualClock, VirtualNetwork, virtualPlatform } from "../support/virtual-platform.ts";

/** The CONNECT that a client with these options sends. */
function connectOf(World: WorldClass, options: Partial<ClientOptions>): unknown {
  const world = new World(options);
  world.open();
  const packets = world.take();
  expect(packets).toHaveLength(1);
  return packets[0];
}

const plain = { type: PacketType.CONNECT, clientId: "sensor", cleanSession: true, keepAlive: 60 };

describe.each(CLIENTS)("CONNECT of %s", (_client, World) => {
  it("is the first packet, and the only one before CONNACK [MQTT-3.1.0-1]", () => {
    const world = new World();
    world.client.subscribe("a", 1, () => undefined);
    world.client.publish("b", "c", { qos: 1 });
    world.open();
    expect(world.take()).toEqual([plain]);
    world.clock.advance(5_000);
    expect(world.take()).toEqual([]);
  });

  it.each([
    ["nothing but a clientId", {}, plain],
    ["no clientId, and a clean session then [MQTT-3.1.3-7]", { clientId: "" }, { ...plain, clientId: "" }],
    ["a session to keep [MQTT-3.1.2-4]", { cleanSession: false }, { ...plain, cleanSession: false }],
    ["a keep-alive of its own", { keepAlive: 65_535 }, { ...plain, keepAlive: 65_535 }],
    ["no keep-alive", { keepAlive: 0 }, { ...plain, keepAlive: 0 }],
    ["a user name alone", { username: "ü" }, { ...plain, username: "ü" }],
    [
      "a user name and a password of text",
      { username: "me", password: "pä" },
      { ...plain, username: "me", password: toHex(utf8("pä")) },
    ],
    [
      "a password of bytes",
      { username: "me", password: new Uint8Array([0, 255]) },
      { ...plain, username: "me", password: "00ff" },
    ],
    [
      "a will [MQTT-3.1.2-9]",
      { will: { topic: "w", payload: "gone", qos: 1, retain: true } },
      { ...plain, will: { topic: "w", payload: toHex(utf8("gone")), qos: 1, retain: true } },
    ],
    [
      "a will of bytes, with QoS 2",
      { will: { topic: "w/x", payload: new Uint8Array([1, 2]), qos: 2 } },
      { ...plain, will: { topic: "w/x", payload: "0102", qos: 2, retain: false } },
    ],
    [
      "an empty will",
      { will: { topic: "w", payload: "" } },
      { ...plain, will: { topic: "w", payload: "", qos: 0, retain: false } },
    ],
  ] as [string, Partial<ClientOptions>, object][])("has %s", (_name, options, expected) => {
    expect(connectOf(World, options)).toEqual(expected);
  });

  it.each([
    [
      "without will and credentials [MQTT-3.1.2-11], [MQTT-3.1.2-13], [MQTT-3.1.2-15], [MQTT-3.1.2-18], [MQTT-3.1.2-20]",
      {},
      "1012" + "00044d515454" + "04" + "02" + "003c" + "000673656e736f72",
    ],
    [
      "with all of them, in their order [MQTT-3.1.3-1], [MQTT-3.1.3-3], [MQTT-3.1.2-19], [MQTT-3.1.2-21]",
      { clientId: "c", keepAlive: 10, will: { topic: "w", payload: "p", qos: 1 }, username: "u", password: "s" },
      "1019" + "00044d515454" + "04" + "ce" + "000a" + "000163" + "000177" + "000170" + "000175" + "000173",
    ],
    [
      "with a will of QoS 2 to be retained [MQTT-3.1.2-14]",
      { clientId: "c", will: { topic: "w", payload: "p", qos: 2, retain: true } },
      "1013" + "00044d515454" + "04" + "36" + "003c" + "000163" + "000177" + "000170",
    ],
    [
      "with text as UTF-8 [MQTT-3.1.3-4], [MQTT-3.1.3-10], [MQTT-3.1.3-11]",
      { clientId: "ü", will: { topic: "€", payload: "p" }, username: "\u{1f600}" },
      "101c" + "00044d515454" + "04" + "86" + "003c" + "0002c3bc" + "0003e282ac" + "000170" + "0004f09f9880",
    ],
  ] as [string, Partial<ClientOptions>, string][])(
    "%s, is as section 3.1 says to the byte",
    (_name, options, bytes) => {
      const world = new World(options);
      let sent = "";
      world.platform.network.onConnection = (link) => (link.onBytes = (some) => (sent += toHex(some)));
      world.client.connect();
      world.clock.settle();
      expect(sent).toBe(bytes);
    },
  );

  it("is the same at each connection, so that the client id names the session [MQTT-3.1.3-2]", () => {
    const world = new World({ cleanSession: false });
    const expected = { ...plain, cleanSession: false };
    world.open();
    for (let count = 0; count < 3; count++) {
      expect(world.take()).toEqual([expected]);
      world.accept(count > 0);
      world.cut();
      world.nextAttempt();
      world.clock.settle();
    }
  });

  it("may be larger than every other packet", () => {
    const will = { topic: "w", payload: "x".repeat(60_000) };
    expect(connectOf(World, { will })).toMatchObject({ will: { payload: "78".repeat(60_000) } });
  });

  it("is sent however little the connection takes at once", () => {
    const world = new World({ will: { topic: "w", payload: "x".repeat(500) } });
    const { network } = world.platform;
    const accept = network.onConnection!;
    network.onConnection = (link) => {
      link.writeLimit = 1;
      accept(link);
    };
    world.open();
    expect(world.take()).toMatchObject([{ type: PacketType.CONNECT }]);
  });

  it("goes to the host and port of the url", () => {
    const endpointOf = (url: string): unknown => new World({ url }).open().link.endpoint;
    expect(endpointOf("mqtt://broker.example")).toEqual({
      scheme: "mqtt",
      hostname: "broker.example",
      port: 1883,
      path: "",
    });
    expect(endpointOf("mqtt://10.0.0.1:1884/")).toMatchObject({ hostname: "10.0.0.1", port: 1884 });
  });
});

describe.each(CLIENTS)("CONNACK of %s", (_client, World) => {
  it.each([false, true])("that accepts is reported with its session present flag %s [MQTT-3.2.2-2]", (kept) => {
    const world = new World({ cleanSession: false });
    expect(world.client.connected).toBe(false);
    world.connect(kept);
    expect(world.client.connected).toBe(true);
    expect(world.events).toEqual([kept]);
  });

  it.each([
    [1, Reason.UNACCEPTABLE_PROTOCOL_VERSION],
    [2, Reason.IDENTIFIER_REJECTED],
    [3, Reason.SERVER_UNAVAILABLE],
    [4, Reason.BAD_USERNAME_OR_PASSWORD],
    [5, Reason.NOT_AUTHORIZED],
  ])(
    "with return code %i is a refusal; the client closes, reports it once and tries again (3.2.2.3)",
    (code, reason) => {
      const world = new World();
      world.open();
      for (let count = 0; count < 3; count++) {
        world.accept(false, code);
        expect(world.link.link.closedByClient).toBe(true);
        expect(world.client.connected).toBe(false);
        world.nextAttempt();
      }
      expect(world.events).toEqual([reason]);
      world.accept();
      expect(world.events).toEqual([reason, false]);
    },
  );

  it("with a session for a client that asked for a clean one ends the connection [MQTT-3.2.2-1]", () => {
    const world = new World();
    world.connect(true);
    expect(world.events).toEqual([Reason.SESSION_PRESENT]);
  });

  it("that never comes ends the attempt after connectTimeoutMs", () => {
    const world = new World({ connectTimeoutMs: 3_000 });
    world.open();
    world.clock.advance(2_900);
    expect(world.events).toEqual([]);
    world.clock.advance(600);
    expect(world.events).toEqual([Reason.CONNECT_TIMEOUT]);
    expect(world.link.link.closedByClient).toBe(true);
    world.reconnect();
    expect(world.client.connected).toBe(true);
  });

  it("that comes twice ends the connection [MQTT-3.2.0-1]", () => {
    const world = new World();
    world.connect();
    world.send({ type: PacketType.CONNACK, sessionPresent: false, returnCode: 0 });
    expect(world.events).toEqual([false, Reason.UNEXPECTED_PACKET]);
  });

  it("has to be the first packet [MQTT-3.2.0-1]", () => {
    const world = new World();
    world.open();
    world.send({ type: PacketType.PINGRESP });
    expect(world.events).toEqual([Reason.UNEXPECTED_PACKET]);
  });

  it("may come byte by byte", () => {
    const world = new World();
    world.open().link.chunkSize = () => 1;
    world.accept();
    expect(world.events).toEqual([false]);
  });
});

describe.each(CLIENTS)("a connection that cannot be made of %s", (_client, World) => {
  it("is reported once for each reason in a row, and tried again for ever", () => {
    const world = new World();
    const { network } = world.platform;
    const accept = network.onConnection;
    network.onConnection = undefined;
    world.client.connect();
    world.clock.advance(3_600_000);
    expect(network.attempts).toBeGreaterThan(60);
    expect(world.events).toEqual([Reason.CONNECTION_REFUSED]);
    network.refusal = Reason.HOST_NOT_FOUND;
    world.clock.advance(600_000);
    expect(world.events).toEqual([Reason.CONNECTION_REFUSED, Reason.HOST_NOT_FOUND]);
    network.onConnection = accept;
    world.reconnect();
    expect(world.events).toEqual([Reason.CONNECTION_REFUSED, Reason.HOST_NOT_FOUND, false]);
    world.cut();
    network.onConnection = undefined;
    world.clock.advance(600_000);
    expect(world.events.slice(3)).toEqual([Reason.CLOSED_BY_BROKER, Reason.HOST_NOT_FOUND]);
  });

  it("times out when nobody answers at all", () => {
    const world = new World();
    world.platform.network.silent = true;
    world.client.connect();
    world.clock.advance(11_000);
    expect(world.events).toEqual([Reason.CONNECT_TIMEOUT]);
    world.platform.network.silent = false;
    world.reconnect();
    expect(world.events).toEqual([Reason.CONNECT_TIMEOUT, false]);
  });

  it("throws what the platform throws about a scheme that it does not have, and stays as it was", () => {
    const world = new World({ url: "mqtts://broker" });
    expect(() => world.client.connect()).toThrow('"mqtts"');
    world.clock.advance(10_000);
    expect(world.events).toEqual([]);
  });
});

/** How long the client waits between attempts that are refused, with a random number that is always the same. */
function delays(World: WorldClass, random: number, count: number, options: Partial<ClientOptions> = {}): number[] {
  const world = new World({ tickMs: 1, ...options });
  (world.platform as { random: () => number }).random = () => random;
  world.platform.network.onConnection = undefined;
  const times: number[] = [];
  world.client.connect();
  for (let seen = 0; times.length <= count; world.clock.advance(1)) {
    if (world.platform.network.attempts === seen) continue;
    seen = world.platform.network.attempts;
    times.push(world.clock.passed);
  }
  return times.slice(1).map((time, index) => time - times[index]);
}

describe.each(CLIENTS)("reconnection of %s", (_client, World) => {
  const near = (expected: number[]): unknown => expected.map((ms) => expect.closeTo(ms, -1));

  it("backs off exponentially from 1 s to 60 s", () => {
    expect(delays(World, 1 - 1e-9, 9)).toEqual(
      near([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]),
    );
  });

  it("has full jitter: anything from nothing up to that", () => {
    expect(delays(World, 0.5, 8)).toEqual(near([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]));
    for (const delay of delays(World, 0, 8)) expect(delay).toBeLessThanOrEqual(2);
  });

  it("has bounds that can be chosen", () => {
    const bounds = { reconnectMinMs: 100, reconnectMaxMs: 300 };
    expect(delays(World, 1 - 1e-9, 4, bounds)).toEqual(near([100, 200, 300, 300]));
  });

  it("stays within its bounds for random numbers, and uses all of them", () => {
    const world = new World({}, 7);
    world.platform.network.onConnection = undefined;
    world.client.connect();
    world.clock.advance(200_000); // the ceiling is reached
    const before = world.platform.network.attempts;
    world.clock.advance(60_000 * 500);
    const attempts = world.platform.network.attempts - before;
    expect(attempts).toBeGreaterThan(800); // 30 s each, on average
    expect(attempts).toBeLessThan(1_200);
  });

  it("begins again with the shortest wait after a connection that lasted", () => {
    const world = new World({ tickMs: 10 });
    world.tickMs = 10;
    (world.platform as { random: () => number }).random = () => 1 - 1e-9;
    const { network } = world.platform;
    const accept = network.onConnection;
    network.onConnection = undefined;
    world.client.connect();
    world.clock.advance(130_000);
    network.onConnection = accept;
    world.reconnect();
    world.clock.advance(10_500);
    world.cut();
    const since = world.clock.passed;
    world.nextAttempt();
    expect(world.clock.passed - since).toBeGreaterThan(900);
    expect(world.clock.passed - since).toBeLessThan(1_100);
  });

  it("does not begin again after a connection that did not last", () => {
    const world = new World({ tickMs: 10 });
    world.tickMs = 10;
    (world.platform as { random: () => number }).random = () => 1 - 1e-9;
    world.connect();
    world.cut();
    world.reconnect();
    world.cut();
    const since = world.clock.passed;
    world.nextAttempt();
    expect(world.clock.passed - since).toBeGreaterThan(1_900);
  });

  it("begins again with the shortest wait after disconnect", () => {
    const world = new World({ tickMs: 10 });
    world.tickMs = 10;
    (world.platform as { random: () => number }).random = () => 1 - 1e-9;
    const { network } = world.platform;
    network.onConnection = undefined;
    world.client.connect();
    world.clock.advance(130_000);
    world.client.disconnect();
    world.client.connect();
    world.clock.settle();
    const before = network.attempts;
    world.clock.advance(1_100);
    expect(network.attempts - before).toBe(1);
  });
});

describe.each(CLIENTS)("disconnect of %s", (_client, World) => {
  it("sends what waits, then DISCONNECT, then closes; and is reported [MQTT-3.14.4-1], [MQTT-3.14.4-2]", () => {
    const world = new World();
    const { link } = world.connect();
    link.grant(0);
    world.client.publish("a", "b");
    world.clock.settle();
    link.room = Infinity;
    world.client.disconnect();
    expect(world.take().map(({ type }) => type)).toEqual([PacketType.PUBLISH, PacketType.DISCONNECT]);
    expect(link.closedByClient).toBe(true);
    expect(world.client.connected).toBe(false);
    world.client.publish("a", "c");
    world.client.subscribe("d", 0, () => undefined);
    world.clock.advance(120_000);
    expect(world.take()).toEqual([]);
    expect(world.events).toEqual([false, Reason.DISCONNECTED]);
  });

  it("sends nothing after DISCONNECT, whatever the connection takes of the requests before it [MQTT-3.14.4-2]", () => {
    for (let limit = 1; limit < 60; limit++) {
      const world = new World();
      const { link } = world.connect();
      link.grant(0);
      for (const filter of ["a".repeat(30), "b", "c", "d"]) world.client.subscribe(filter, 0, () => undefined);
      link.room = Infinity;
      link.writeLimit = limit;
      world.client.disconnect();
      const types = world.take().map(({ type }) => type);
      const disconnect = types.indexOf(PacketType.DISCONNECT);
      expect(types.slice(disconnect < 0 ? types.length : disconnect + 1), `of ${limit} bytes a write`).toEqual([]);
    }
  });

  it("stops the ticking, and everything with it", () => {
    const world = new World();
    world.connect();
    world.client.disconnect();
    world.client.disconnect();
    world.clock.advance(3_600_000);
    expect(world.platform.network.attempts).toBe(1);
    expect(world.events).toEqual([false, Reason.DISCONNECTED]);
  });

  it("before CONNACK, or while it waits to try again, only stops", () => {
    const world = new World();
    world.open();
    world.take();
    world.client.disconnect();
    expect(world.take()).toEqual([]);
    expect(world.link.link.closedByClient).toBe(true);
    world.open();
    world.cut();
    world.client.disconnect();
    world.clock.advance(600_000);
    expect(world.platform.network.attempts).toBe(2);
    expect(world.events).toEqual([Reason.DISCONNECTED, Reason.CLOSED_BY_BROKER, Reason.DISCONNECTED]);
  });

  it("keeps what was accepted for the next connect", () => {
    const world = new World();
    world.connect();
    world.client.publish("a", "1", { qos: 1 });
    world.client.disconnect();
    world.client.publish("a", "2", { qos: 1 });
    world.connect();
    expect(world.take()).toMatchObject([{ payload: toHex(utf8("1")), dup: false }, { payload: toHex(utf8("2")) }]);
  });

  it("does not wait for a broker that reads nothing: in the midst of a packet it only closes", () => {
    const world = new World();
    const { link } = world.connect();
    link.room = 3;
    world.client.publish("a", "b");
    world.client.disconnect();
    expect(link.closedByClient).toBe(true);
  });

  it("connect while connected, or connecting, does nothing", () => {
    const world = new World();
    world.client.connect();
    world.client.connect();
    world.connect();
    world.client.connect();
    world.clock.advance(1_000);
    expect(world.platform.network.attempts).toBe(1);
  });

  it("from within onConnect or onDisconnect, with a connect after it, begins anew", () => {
    const world = new World();
    let times = 0;
    world.client.onConnect = () => {
      if (++times > 1) return;
      world.client.disconnect();
      world.client.connect();
    };
    world.connect();
    expect(world.links).toHaveLength(2);
    world.accept();
    expect([times, world.client.connected]).toEqual([2, true]);
    world.client.onDisconnect = (reason) => {
      if (reason === Reason.DISCONNECTED) return;
      world.client.disconnect();
      world.client.connect();
    };
    world.cut();
    expect(world.links).toHaveLength(3);
    world.accept();
    expect(world.client.connected).toBe(true);
  });
});

describe.each(CLIENTS)("events that come when nothing is to be done of %s", (_client, World) => {
  it("change nothing: onWritable without output, before CONNACK, and after the end", () => {
    const world = new World();
    const { link } = world.open();
    link.event((listener) => listener.onWritable());
    world.accept();
    link.event((listener) => listener.onWritable());
    world.clock.settle();
    expect(world.take()).toEqual([]);
    world.client.disconnect();
    world.client.onWritable();
    world.client.onClose(Reason.CONNECTION_LOST);
    world.clock.advance(600_000);
    expect(world.platform.network.attempts).toBe(1);
    expect(world.events).toEqual([false, Reason.DISCONNECTED]);
  });
});

// What the full client alone does.

describe("the endpoint", () => {
  it("goes to the host, port and path of the url", () => {
    const endpointOf = (url: string): unknown => new ScriptedWorld({ url }).open().link.endpoint;
    expect(endpointOf("mqtt://10.0.0.1:1884/")).toMatchObject({ hostname: "10.0.0.1", port: 1884, path: "/" });
    expect(endpointOf("mqtt://[::1]:1885")).toMatchObject({ hostname: "::1", port: 1885 });
    expect(endpointOf("mqtt://[fe80::1]")).toMatchObject({ hostname: "fe80::1", port: 1883 });
  });
});

describe("a take-over", () => {
  it("is slowed down, and reported as TAKEN_OVER, when the broker ends each connection shortly after CONNACK", () => {
    const world = new ScriptedWorld();
    world.connect();
    const waits: number[] = [];
    for (let count = 0; count < 6; count++) {
      world.clock.advance(500);
      world.cut();
      const since = world.clock.passed;
      world.reconnect();
      waits.push(world.clock.passed - since);
    }
    const reasons = world.events.filter((event) => typeof event === "number");
    expect(reasons.slice(0, 2)).toEqual([Reason.CLOSED_BY_BROKER, Reason.CLOSED_BY_BROKER]);
    expect(reasons.slice(2)).toEqual([Reason.TAKEN_OVER, Reason.TAKEN_OVER, Reason.TAKEN_OVER, Reason.TAKEN_OVER]);
    for (const wait of waits.slice(2)) expect(wait).toBeGreaterThanOrEqual(30_000);
    // A connection that lasts ends the suspicion.
    world.clock.advanceUntil(() => {
      if (world.take().some(({ type }) => type === PacketType.PINGREQ)) world.send({ type: PacketType.PINGRESP });
      return world.clock.passed > 600_000;
    });
    world.events.length = 0;
    world.cut();
    expect(world.events).toEqual([Reason.CLOSED_BY_BROKER]);
  });

  it("is slowed down for two clients with one id, which throw each other off the broker [MQTT-3.1.4-2]", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const network = new VirtualNetwork(new VirtualClock());
      network.latencyMs = 20;
      const broker = new ModelBroker(network);
      const lost: Reason[][] = [[], []];
      const twins = lost.map((reasons, index) => {
        const platform = virtualPlatform(2 * seed + index, network);
        const client = new Client(platform, { url: "mqtt://broker", clientId: "twin" });
        client.onDisconnect = (reason) => reasons.push(reason);
        client.connect();
        return client;
      });
      network.clock.advance(600_000);
      for (const reasons of lost) expect(reasons).toContain(Reason.TAKEN_OVER);
      // From here on each waits 30 s to 60 s: 20 to 40 connections in ten minutes, where a second each would make 600.
      const before = network.attempts;
      network.clock.advance(600_000);
      expect(network.attempts - before).toBeLessThanOrEqual(41);
      // Once one of them gives up, the other stays.
      twins[0].disconnect();
      network.clock.advance(60_500);
      lost[1].length = 0;
      network.clock.advance(600_000);
      expect([twins[1].connected, lost[1], broker.sessions.size]).toEqual([true, [], 1]);
      twins[1].disconnect();
    }
  });

  it("takes no refused connection, and no time-out, for a take-over", () => {
    const world = new ScriptedWorld();
    world.open();
    for (let count = 0; count < 5; count++) {
      world.accept(false, 3);
      world.nextAttempt();
      world.cut();
      world.nextAttempt();
    }
    expect(world.events).not.toContain(Reason.TAKEN_OVER);
  });
});
