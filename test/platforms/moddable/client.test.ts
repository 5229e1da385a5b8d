import { afterEach, describe, expect, test } from "vitest";
import { Reason } from "../../../src/packet/reason.ts";
import { describeWith } from "../../support/require.ts";
import { xs, xs32 } from "../../tools/simulator/engine.ts";
import { Control, ShimDevice, stopDevices } from "./device.ts";

afterEach(stopDevices);

const CLIENTS = ["mote-mqtt", "mote-mqtt/lean"] as const;

const program = (client: (typeof CLIENTS)[number]): string => `
  import { Client } from "${client}";
  import { platform } from "mote-mqtt/moddable";
  import Timer from "timer";
  const settings = JSON.parse(host.settings);
  const client = new Client(platform, { url: "mqtt://broker.test", clientId: "c", keepAlive: 0, tickMs: 50, ...settings.options });
  const publisher = client.publisher("greenhouse/7/temp", { qos: settings.qos ?? 0 });
  const payload = new Uint8Array(64).fill(120);
  client.subscribe("set/#", 1, (message) => { received++; bytes += message.length; });
  client.onDisconnect = (reason) => host.print("lost " + reason);
  let received = 0, bytes = 0;
  client.connect();
  Timer.repeat(() => { if (client.connected) publisher.publish(payload); }, 50);
`;

/** A PUBLISH with QoS 0 or 1 to "set/x" with 64 bytes. */
function publish(qos: 0 | 1): Uint8Array {
  const id = qos ? [0, 9] : [];
  return Uint8Array.of(
    0x30 | (qos << 1),
    7 + id.length + 64,
    0,
    5,
    ...Buffer.from("set/x"),
    ...id,
    ...Buffer.alloc(64),
  );
}

describeWith(xs, "through this platform", () => {
  describe.each(CLIENTS)("%s", (client) => {
    const PROGRAM = program(client);

    test("a publish allocates nothing and is one write", async () => {
      const device = await ShimDevice.run(PROGRAM);
      await device.connect(60_000);
      await device.pass(2_000); // all that is made once is made
      const before = await device.statistics();
      const writes = device.writes.length;
      await device.pass(5_000);
      const after = await device.statistics();
      expect(device.writes.length - writes).toBe(100);
      expect(device.writes.slice(writes)).toEqual(Array(100).fill(device.writes[writes]));
      expect(after.wakeSlots - before.wakeSlots).toBe(0);
      expect(after.wakeChunkBytes - before.wakeChunkBytes).toBe(0);
    });

    test.each([0, 1] as const)("a received message with QoS %i allocates nothing, however it is cut", async (qos) => {
      const device = await ShimDevice.run(`${PROGRAM} Timer.repeat(() => host.print(received + " " + bytes), 60_000);`);
      await device.connect(60_000);
      await device.receive("9003000501");
      const message = publish(qos);
      const send = async (): Promise<void> => {
        await device.receive(message);
        await device.receive(message.subarray(0, 30));
        await device.receive(message.subarray(30));
      };
      await send();
      const before = await device.statistics();
      for (let count = 0; count < 20; count++) await send();
      const after = await device.statistics();
      expect(after.receivedSlots - before.receivedSlots).toBe(0);
      expect(after.receivedChunkBytes - before.receivedChunkBytes).toBe(0);
      expect(device.writes.filter((bytes) => bytes === "40020009")).toHaveLength(qos ? 42 : 0);
      await device.pass(60_000);
      expect(device.lines).toEqual([`42 ${42 * 64}`]);
    });

    test("a publish with QoS 1 and its acknowledgement allocate nothing", async () => {
      const device = await ShimDevice.run(PROGRAM, { qos: 1 });
      await device.connect(60_000);
      const acknowledge = async (): Promise<void> => {
        await device.pass(50);
        const packet = device.writes.at(-1)!;
        await device.receive(`4002${packet.slice(4 + 4 + 34, 4 + 4 + 34 + 4)}`);
      };
      for (let count = 0; count < 10; count++) await acknowledge();
      const before = await device.statistics();
      for (let count = 0; count < 30; count++) await acknowledge();
      const after = await device.statistics();
      expect([after.wakeSlots - before.wakeSlots, after.receivedSlots - before.receivedSlots]).toEqual([0, 0]);
      expect(after.wakeChunkBytes - before.wakeChunkBytes).toBe(0);
      expect(after.receivedChunkBytes - before.receivedChunkBytes).toBe(0);
      expect(device.lines).toEqual([]);
    });

    test("packets go out whole and in order, a few bytes at a time", async () => {
      const device = await ShimDevice.run(PROGRAM, { options: { outboxBytes: 2_048 } });
      await device.connect(33);
      await device.pass(250);
      for (let count = 0; count < 60; count++) await device.control(Control.WRITABLE, 7);
      const stream = device.writes.join("");
      const packet = `30530011${Buffer.from("greenhouse/7/temp").toString("hex")}${"78".repeat(64)}`;
      expect(device.lines).toEqual([]);
      expect(stream.slice(stream.indexOf("3053"))).toMatch(new RegExp(`^(${packet}){4,5}`));
    });

    test("a connection that breaks is made again, and a reconnection leaves nothing behind", async () => {
      const device = await ShimDevice.run(PROGRAM, {
        options: { reconnectMinMs: 50, reconnectMaxMs: 100, keepAlive: 60 },
      });
      const lose = async (): Promise<void> => {
        await device.connect(60_000);
        await device.pass(20_000);
        await device.control(Control.ERROR);
        await device.pass(200);
      };
      for (let count = 0; count < 8; count++) await lose();
      const before = await device.statistics();
      for (let count = 0; count < 8; count++) await lose();
      const after = await device.statistics();
      expect(device.socket.filter((call) => call === "open")).toHaveLength(17);
      expect(device.lines).toEqual(Array(16).fill(`lost ${Reason.CONNECTION_LOST}`));
      expect(after.slotsPeak).toBeLessThanOrEqual(before.slotsPeak + 8);
      expect(after.slotsPeak).toBeLessThan(1_024);
    });
  });
});

describeWith(xs32, "of the 2,048 slots and 32,768 chunk bytes that Moddable gives a program on an ESP32", () => {
  /** A socket of the shim takes of the heap what a device's takes of lwIP's memory: it does not count. */
  const socketBeside = (client: string): string => `
    import "${client}";
    import TCP from "embedded:io/socket/tcp";
    const callback = () => {};
    globalThis.socket = new TCP({ address: "192.0.2.1", port: 1883, onReadable: callback, onWritable: callback });
  `;

  test.each([
    ["mote-mqtt", 320],
    ["mote-mqtt/lean", 200],
  ] as const)("a connected %s with 1 KB each way takes no more than %i slots", async (client, slots) => {
    const taken = async (program: string): Promise<{ slots: number; chunkBytes: number; peak: number }> => {
      const device = await ShimDevice.run(program);
      await device.connect(60_000);
      await device.receive("9003000101");
      const { slots, chunkBytes, chunkBytesPeak } = await device.statistics();
      return { slots, chunkBytes, peak: chunkBytesPeak };
    };
    const whole = await taken(program(client));
    const socket = await taken(socketBeside(client));
    expect(whole.slots - socket.slots).toBeLessThanOrEqual(slots);
    // The transport's two buffers count with what went through them last: from nothing to 1 KB each.
    expect(whole.chunkBytes - socket.chunkBytes).toBeLessThanOrEqual(4_200);
    expect(whole.peak - socket.peak).toBeLessThanOrEqual(5_400);
  });
});
