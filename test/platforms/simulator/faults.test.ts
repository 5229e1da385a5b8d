// What the network and a broker can do to a device, on the real XS engine: it does not end, it does not grow, it says
// what happened once, and it carries on.

import fc from "fast-check";
import { afterEach, expect, it } from "vitest";
import { PacketType, Reason } from "../../../src/packet/index.ts";
import { payloadOf, publish } from "../../support/packet-link.ts";
import { describeWith } from "../../support/require.ts";
import { host, xs } from "../../tools/simulator/engine.ts";
import { ScriptedDevice, stopDevices } from "./scripted-device.ts";

afterEach(stopDevices);

const text = (text: string): Uint8Array => new TextEncoder().encode(text);
const bytes = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes);

/** A device that publishes its samples' numbers with QoS 1, and a broker that notes them. */
async function start(settings: Record<string, unknown> = {}): Promise<{ device: ScriptedDevice; samples: number[] }> {
  const device = await ScriptedDevice.start(host, "idle", { settings: { keepAlive: 5, publish: true, ...settings } });
  const samples: number[] = [];
  device.onPacket = (packet) => {
    if (packet.type === PacketType.PINGREQ) return device.send({ type: PacketType.PINGRESP });
    if (packet.type !== PacketType.PUBLISH) return;
    samples.push(Number(payloadOf(packet)));
    return device.send({ type: PacketType.PUBACK, packetId: packet.packetId });
  };
  return { device, samples };
}

/** A broker that does nothing any more. */
function silence(device: ScriptedDevice): void {
  device.onPacket = () => undefined;
}

/** The broker is well: within a minute the device has delivered all that it accepted, and goes on. */
async function recover(device: ScriptedDevice, samples: number[]): Promise<void> {
  await device.connect();
  await device.advance(60_000);
  expect(device.ended).toBeUndefined();
  const { reports } = await device.statistics();
  expect(reports).toMatchObject({ waiting: 0 });
  const { published } = reports as { published: number };
  expect([...new Set(samples)]).toEqual(Array.from({ length: published }, (_, index) => index + 1));
}

interface Fault {
  what: string;
  /** From an opened connection on which CONNECT has been sent, or CONNACK received, until it is gone. */
  happen: (device: ScriptedDevice) => Promise<void>;
  says: RegExp;
}

/** What `bytes` do, and then nothing more comes. */
const sending =
  (...pieces: Uint8Array[]) =>
  async (device: ScriptedDevice): Promise<void> => {
    silence(device);
    await device.deliver(...pieces);
    while (device.connecting) await device.advance(250);
  };

const beforeConnack: Fault[] = [
  { what: "says nothing", happen: sending(), says: /^The broker did not accept the connection in time/ },
  { what: "resets", happen: (device) => device.closed(Reason.CONNECTION_LOST), says: /^The connection .* broke/ },
  { what: "ends it", happen: (device) => device.closed(Reason.CLOSED_BY_BROKER), says: /^The broker ended/ },
  {
    what: "is no broker",
    happen: sending(text("HTTP/1.1 400 Bad Request\r\n\r\n")),
    says: /malformed packet: its flags/,
  },
  { what: "sends half a CONNACK", happen: sending(bytes(0x20, 2, 0)), says: /did not accept the connection in time/ },
  { what: "announces a huge CONNACK", happen: sending(bytes(0x20, 255, 255, 255, 127)), says: /malformed.*too large/ },
  { what: "announces too much", happen: sending(bytes(0x30, 255, 255, 255, 255, 1)), says: /more than four bytes/ },
  { what: "publishes at once", happen: sending(bytes(0x30, 5, 0, 1, 97, 98, 99)), says: /not allowed at this point/ },
  {
    what: "publishes hugely at once",
    happen: sending(bytes(0x30, 255, 255, 255, 127), new Uint8Array(5_000)),
    says: /./,
  },
  { what: "refuses", happen: sending(bytes(0x20, 2, 0, 5)), says: /does not allow this client/ },
];

const afterConnack: Fault[] = [
  { what: "is silent", happen: sending(), says: /did not (answer a ping|acknowledge)/ },
  {
    what: "sends rubbish",
    happen: sending(bytes(0x30, 3, 0, 1, 0x2b)),
    says: /malformed packet: its topic has a wildcard/,
  },
  { what: "announces too much", happen: sending(bytes(0x30, 255, 255, 255, 255)), says: /more than four bytes/ },
  { what: "sends half a packet", happen: sending(bytes(0x30, 100, 0, 50, 0x61)), says: /did not answer a ping/ },
  { what: "sends a part of 256 MB", happen: sending(bytes(0x32, 255, 255, 255, 127, 0, 1, 97, 0, 1)), says: /ping/ },
  {
    what: "answers a request that was not made",
    happen: sending(bytes(0x90, 3, 9, 9, 0)),
    says: /a request that was not made/,
  },
  { what: "accepts again", happen: sending(bytes(0x20, 2, 0, 0)), says: /not allowed at this point/ },
];

describeWith(xs, "a device on XS", () => {
  it.each([
    { reason: Reason.CONNECTION_REFUSED, says: /^Nobody listens/ },
    { reason: Reason.HOST_NOT_FOUND, says: /^The broker's host name has no address/ },
    { reason: Reason.TLS_FAILED, says: /^TLS failed/ },
  ])("bears that no connection can be had, and says once: $says", async ({ reason, says }) => {
    const { device, samples } = await start();
    await device.advance(1_000);
    await device.closed(reason);
    await bearsIt(device, async () => {
      await device.nextAttempt();
      await device.closed(reason);
    });
    expect(device.lines).toEqual([expect.stringMatching(says)]);
    await recover(device, samples);
  });

  it.each(beforeConnack)("bears a broker that $what before it accepts, and says so once", async ({ happen, says }) => {
    const { device, samples } = await start();
    const { onPacket } = device;
    const fail = async (): Promise<void> => {
      if (!device.connecting) await device.nextAttempt();
      await device.opened();
      await happen(device);
    };
    await fail();
    await bearsIt(device, fail);
    expect(device.lines).toEqual([expect.stringMatching(says)]);
    device.onPacket = onPacket;
    await recover(device, samples);
  });

  it.each(afterConnack)("bears a broker that $what, and says so", async ({ happen, says }) => {
    const { device, samples } = await start({ silent: true });
    const { onPacket } = device;
    const fail = async (): Promise<void> => {
      await device.connect();
      await device.advance(2_000);
      await happen(device);
      device.onPacket = onPacket;
    };
    await fail();
    await bearsIt(device, fail);
    await recover(device, samples);

    const { device: talking } = await start();
    await talking.connect();
    await talking.advance(2_000);
    await happen(talking);
    expect(talking.lines).toEqual([expect.stringMatching(says)]);
  });

  it("may disconnect and connect within a handler, though more had arrived", async () => {
    const { device, samples } = await start({ silent: true });
    for (let times = 1; times <= 20; times++) {
      await device.connect();
      await device.advance(2_000);
      const message = publish("counted/reconnect", "", { qos: 1, packetId: 1 });
      await device.send(message, message, publish("counted/set/x", "x".repeat(1_500)), message);
      expect(device.attempts).toBe(times + 1);
    }
    expect(device.ended).toBeUndefined();
    await recover(device, samples);
  });

  it("bears any bytes, at any moment", async () => {
    const { device, samples } = await start({ silent: true });
    const { onPacket } = device;
    const rubbish = fc.sample(
      fc.record({
        accepted: fc.boolean(),
        // What looks like a packet gets further than what does not.
        header: fc.oneof(fc.constant([]), fc.constantFrom([0x30, 20], [0x32, 9], [0x40, 2], [0x90, 3], [0x20, 2])),
        chunks: fc.array(fc.uint8Array({ minLength: 1, maxLength: 60 }), { minLength: 1, maxLength: 4 }),
      }),
      { numRuns: 300, seed: 1 },
    );
    await bearsIt(device, async () => {
      for (const { accepted, header, chunks } of rubbish.splice(0, 15)) {
        if (accepted) await device.connect();
        else {
          if (!device.connecting) await device.nextAttempt();
          await device.opened();
        }
        silence(device);
        if (header.length) await device.deliver(Uint8Array.from(header));
        await device.deliver(...chunks);
        if (device.connecting) await device.closed(Reason.CONNECTION_LOST);
        device.onPacket = onPacket;
      }
    });
    expect(rubbish).toEqual([]);
    await recover(device, samples);
  });
});

/** Lets `fail` happen 20 times: the device's heap stays as it is. */
async function bearsIt(device: ScriptedDevice, fail: () => Promise<void>): Promise<void> {
  const { slots, chunkBytes, collections } = await device.statistics();
  for (let index = 0; index < 20; index++) await fail();
  expect(device.ended).toBeUndefined();
  expect(await device.statistics()).toMatchObject({ slots, chunkBytes, collections });
}
