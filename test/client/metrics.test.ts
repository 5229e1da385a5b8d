import { afterEach, describe, expect, it } from "vitest";
import { Client } from "../../src/client/client.ts";
import { Metrics } from "../../src/metrics.ts";
import { PacketType, Reason } from "../../src/packet/index.ts";
import { encode, type Packet } from "../packet/model.ts";
import { PacketLink, publish } from "../support/packet-link.ts";
import { seededRandom } from "../support/random.ts";
import { virtualPlatform } from "../support/virtual-platform.ts";

let client: Client;
afterEach(() => client.disconnect());

/** A metered client, and a broker that does what the test says and counts for itself. */
function world(seed: number) {
  const platform = virtualPlatform(seed);
  const { clock, network } = platform;
  const random = seededRandom(seed);
  const metrics = new Metrics(platform);
  client = new Client(metrics, { url: "mqtt://broker", keepAlive: 10 });
  const links: PacketLink[] = [];
  const counted = { bytesSent: 0, bytesReceived: 0, packetsSent: 0, packetsReceived: 0 };
  network.onConnection = (link) => {
    const packets = new PacketLink(link);
    const { onBytes } = link;
    link.onBytes = (bytes) => {
      counted.bytesSent += bytes.length;
      onBytes(bytes);
    };
    packets.onPacket = () => counted.packetsSent++;
    link.writeLimit = 1 + Math.floor(random() * 40);
    link.chunkSize = () => 1 + Math.floor(random() * 40);
    links.push(packets);
  };
  const link = (): PacketLink => links[links.length - 1];
  const send = (...packets: Packet[]): void => {
    counted.packetsReceived += packets.length;
    counted.bytesReceived += encode(...packets).length;
    link().send(...packets);
    clock.settle();
  };
  const accept = (returnCode = 0): void => {
    clock.settle();
    send({ type: PacketType.CONNACK, sessionPresent: false, returnCode });
  };
  const nextAttempt = (): void => {
    const before = links.length;
    clock.advanceUntil(() => links.length > before);
  };
  return { metrics, clock, link, send, accept, nextAttempt, counted };
}

describe("Metrics", () => {
  it("count bytes and packets both ways, however the network cuts them", () => {
    for (let seed = 1; seed <= 100; seed++) {
      const { metrics, clock, send, accept, counted } = world(seed);
      client.connect();
      accept();
      client.subscribe("down", 1, () => undefined);
      for (let count = 0; count < 20; count++) {
        client.publish("up", "x".repeat(count * 20), { qos: 0 });
        send(publish("down", "y".repeat(count * 20), { qos: count % 2, packetId: count % 2 }));
        send({ type: PacketType.PINGRESP });
      }
      clock.settle();
      expect(metrics).toMatchObject(counted);
      expect(counted.packetsSent).toBe(1 + 1 + 20 + 10);
      client.disconnect();
    }
  });

  it("count connections: those that were tried, accepted, and accepted again", () => {
    const { metrics, link, accept, nextAttempt } = world(1);
    const counts = (): number[] => [metrics.attempts, metrics.connections, metrics.reconnections];
    client.connect();
    expect(counts()).toEqual([1, 0, 0]);
    accept(3);
    expect(counts()).toEqual([1, 0, 0]);
    nextAttempt();
    accept();
    expect(counts()).toEqual([2, 1, 0]);
    for (let count = 2; count < 5; count++) {
      link().link.close(Reason.CONNECTION_LOST);
      nextAttempt();
      accept();
      expect(counts()).toEqual([count + 1, count, count - 1]);
    }
  });

  it("tell the round trip of the last ping", () => {
    const { metrics, clock, send, accept, link } = world(1);
    client.connect();
    accept();
    expect(metrics.pingMs).toBe(-1);
    for (const ms of [120, 0, 37]) {
      link().take();
      clock.advanceUntil(
        () =>
          link()
            .take()
            .some(({ type }) => type === PacketType.PINGREQ),
        60_000,
        1,
      );
      clock.advance(ms);
      send({ type: PacketType.PINGRESP });
      expect(metrics.pingMs).toBe(ms);
    }
    send({ type: PacketType.PINGRESP }); // nobody asked for it
    expect(metrics.pingMs).toBe(37);
  });

  it("begin anew with a packet of the next connection", () => {
    const { metrics, link, accept, nextAttempt } = world(1);
    client.connect();
    accept();
    link().link.deliver(Uint8Array.of(0x30, 100, 0)); // never ends
    link().link.close(Reason.CONNECTION_LOST);
    nextAttempt();
    accept();
    expect(metrics).toMatchObject({ packetsReceived: 2, connections: 2, bytesReceived: 4 + 3 + 4 });
  });
});
