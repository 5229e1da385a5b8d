import { afterEach, expect, test } from "vitest";
import { describeWith } from "../../support/require.ts";
import { xs } from "../../tools/simulator/engine.ts";
import { Control, ShimDevice, stopDevices } from "./device.ts";

afterEach(stopDevices);

const SESSION = `
  import { Client } from "mote-mqtt";
  import { platform } from "mote-mqtt/moddable";
  import { SavedSession } from "mote-mqtt/store";
  import { FlashStore } from "mote-mqtt/moddable/flash-store";
  import Preference from "preference";
  import Timer from "timer";
  const payload = new Uint8Array(64).fill(120);
  function boot() {
    const client = new Client(platform, {
      url: "mqtt://broker.test", clientId: "c", keepAlive: 0, tickMs: 50, cleanSession: false, acknowledgeTimeoutMs: 1e9,
    });
    const session = new SavedSession(client, new FlashStore());
    const publisher = client.publisher("greenhouse/7/temp", { qos: 1 });
    host.print("restored " + session.restored);
    client.onDisconnect = (reason) => host.print("lost " + reason);
    client.connect();
    return { client, publisher, session };
  }
`;

describeWith(xs, "a store in the SDK's preferences", () => {
  test("keeps records, and fails without throwing", async () => {
    const device = await ShimDevice.run(`
      import { FlashStore } from "mote-mqtt/moddable/flash-store";
      import Preference from "preference";
      const store = new FlashStore("greenhouse");
      const data = new Uint8Array(200).map((_, index) => index);
      const show = (key, size) => {
        const into = new Uint8Array(size + 2);
        host.print(store.read(key, into, 1, size + 1) + " " + Array.from(into).join(","));
      };
      show(0, 2);
      for (const [start, end] of [[10, 13], [0, 1], [199, 200], [7, 7]]) {
        host.print(String(store.write(0, data, start, end)));
        show(0, 2);
      }
      store.write(3, data, 0, 200);
      host.print(new FlashStore("other").read(3, data, 0, 1) + " " + new FlashStore("greenhouse").read(3, data, 0, 200));
      host.print(store.remove(3) + " " + store.remove(3) + " " + store.read(3, data, 0, 200));
      let key = 100;
      const large = new Uint8Array(3_000);
      while (store.write(key, large, 0, 3_000)) key++;
      host.print(key > 103 && key < 107 ? "full" : "full at " + key);
      host.print(String(store.remove(100)) + " " + store.write(key, large, 0, 2_000));
      for (const name of ["", "sixteen letters!"]) try { new FlashStore(name); } catch (error) { host.print(String(error)); }
    `);
    expect(device.lines).toEqual([
      "-1 0,0,0,0",
      "true",
      "3 0,10,11,0",
      "true",
      "1 0,0,0,0",
      "true",
      "1 0,199,0,0",
      "true",
      "0 0,0,0,0",
      "-1 200",
      "true true -1",
      "full",
      "true true",
      'RangeError: name must have 1 to 15 characters, not 0: ""',
      'RangeError: name must have 1 to 15 characters, not 16: "sixteen letters!"',
    ]);
  });

  test("carries a session over a reboot: what was not acknowledged goes out again, with its packet id", async () => {
    const device = await ShimDevice.run(`${SESSION}
      let life = boot();
      Timer.set(() => { for (const text of ["one", "two", "three"]) life.publisher.publish(text); }, 1_000);
      // The power goes, and comes back: nothing of the first life is used any more.
      Timer.set(() => { life.client.disconnect(); life = boot(); }, 5_000);
    `);
    await device.connect(60_000);
    await device.pass(2_000);
    const sent = device.writes.slice(1).join("");
    const topic = Buffer.from("greenhouse/7/temp").toString("hex");
    const packet = new RegExp(`(3[2a])..0011${topic}(....)((?:(?!3[2a]..0011).)+)`, "g");
    const published = (hex: string): string[] =>
      [...hex.matchAll(packet)].map(([, header, id, text]) => `${header} ${id} ${Buffer.from(text!, "hex")}`);
    const first = published(sent);
    const ids = first.map((one) => one.split(" ")[1]!);
    expect(first).toEqual(["one", "two", "three"].map((text, index) => `32 ${ids[index]} ${text}`));
    await device.receive(`4002${ids[0]}`);
    await device.pass(4_000);
    await device.up(60_000);
    const count = device.writes.length;
    await device.receive("20020100"); // session present
    expect(device.lines).toEqual(["restored 0", "lost 75", "restored 2"]);
    expect(published(device.writes.slice(count).join(""))).toEqual([`3a ${ids[1]} two`, `3a ${ids[2]} three`]);
  });

  test("wears flash by five entries a message, and erases a page each 25", async () => {
    const device = await ShimDevice.run(`${SESSION}
      const { client, publisher } = boot();
      Timer.repeat(() => { if (client.connected) publisher.publish(payload); }, 50);
      Timer.repeat(() => host.print(Preference.written + " entries, " + Preference.erased + " pages"), 55_000);
    `);
    await device.connect(60_000);
    for (let count = 0; count < 1_000; count++) {
      await device.pass(50);
      const packet = device.writes.at(-1)!;
      await device.receive(`4002${packet.slice(42, 46)}`);
      if (count % 500 === 0) await device.control(Control.WRITABLE, 60_000);
    }
    await device.pass(5_000);
    const [entries, pages] = device.lines.at(-1)!.match(/\d+/g)!.map(Number);
    expect(device.lines).toHaveLength(2);
    expect(entries! / 1_000).toBeCloseTo(5, 1);
    expect(pages).toBe(Math.ceil((entries! - 5 * 126) / 125));
  });
});
