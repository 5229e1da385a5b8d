import { afterEach, expect, test } from "vitest";
import { Reason } from "../../../src/packet/reason.ts";
import { describeWith } from "../../support/require.ts";
import { xs } from "../../tools/simulator/engine.ts";
import { Control, ShimDevice, stopDevices } from "./device.ts";

afterEach(stopDevices);

/** A program that has one transport, opens it at `host`, and prints what the listener is told. */
function program(methods = ""): string {
  return `
    import { platform } from "mote-mqtt/moddable";
    const settings = JSON.parse(host.settings);
    const endpoint = { scheme: "mqtt", hostname: settings.host ?? "broker.test", port: settings.port ?? 1883, path: "" };
    const transport = platform.createTransport();
    const data = new Uint8Array(3_000).map((_, index) => index);
    let inside = false;
    class Printer {
      print(line) { host.print(inside ? line + " within open" : line); }
      onOpen() { this.print("open"); }
      onData(bytes, start, end) { this.print("data " + start + "-" + end + " " + bytes[start]); }
      onWritable() { this.print("writable"); }
      onClose(reason) { this.print("close " + reason); }
    }
    class Listener extends Printer { ${methods} }
    const listener = new Listener();
    function open() { inside = true; transport.open(endpoint, listener); inside = false; }
    open();
  `;
}

describeWith(xs, "a failure is told once, as onClose, and never from within open", () => {
  test.each([
    { what: "a name without address", settings: { host: "missing.test" }, reason: Reason.HOST_NOT_FOUND },
    { what: "the same, found out at once", settings: { host: "missing-at-once.test" }, reason: Reason.HOST_NOT_FOUND },
    { what: "a resolver that throws", settings: { host: "throws.test" }, reason: Reason.CONNECTION_FAILED },
    { what: "an address that is none", settings: { host: "odd.test" }, reason: Reason.CONNECTION_FAILED },
    { what: "a constructor that throws", settings: { port: 1 }, reason: Reason.CONNECTION_FAILED },
    {
      what: "a constructor that throws within open",
      settings: { host: "at-once.test", port: 1 },
      reason: Reason.CONNECTION_FAILED,
    },
    { what: "an error before the socket is open", settings: { port: 2 }, reason: Reason.CONNECTION_FAILED },
  ])("$what", async ({ settings, reason }) => {
    const device = await ShimDevice.run(program(), settings);
    await device.pass(1_000);
    expect(device.lines).toEqual([`close ${reason}`]);
  });

  test("an error without argument, once all that came before it is read", async () => {
    const device = await ShimDevice.run(program());
    await device.up(10);
    await device.receive("0102");
    await device.control(Control.ERROR);
    await device.pass(50);
    expect(device.lines).toEqual(["open", "data 0-2 1", `close ${Reason.CONNECTION_LOST}`]);
  });

  test("a write that throws", async () => {
    const device = await ShimDevice.run(
      program(`onWritable() { this.print("wrote " + transport.write(data, 0, 5)); this.print("done"); }`),
    );
    await device.up(10);
    await device.control(Control.WRITE_THROWS);
    await device.control(Control.WRITABLE, 10);
    await device.control(Control.WRITABLE, 10); // of a socket that is closed
    await device.pass(50);
    expect(device.lines).toEqual(["open", "wrote 0", "done", `close ${Reason.CONNECTION_LOST}`]);
  });

  test("a read that throws", async () => {
    const device = await ShimDevice.run(program());
    await device.up(10);
    await device.control(Control.READ_THROWS);
    await device.receive("0102");
    await device.pass(50);
    expect(device.lines).toEqual(["open", `close ${Reason.CONNECTION_LOST}`]);
  });

  test("and a scheme that nobody has a socket for throws at once", async () => {
    const device = await ShimDevice.run(`
      import { createPlatform } from "mote-mqtt/moddable";
      const endpoint = { scheme: "mqtts", hostname: "broker.test", port: 8883, path: "" };
      try { createPlatform().createTransport().open(endpoint, {}); } catch (error) { host.print(String(error)); }
    `);
    expect(device.lines).toEqual([expect.stringMatching(/^TypeError: url has the scheme "mqtts": name its socket/)]);
  });
});

describeWith(xs, "close", () => {
  test("before the name is resolved, though the answer is under way, is the end", async () => {
    for (const host of ["late.test", "never.test", "broker.test"]) {
      const device = await ShimDevice.run(`${program()} transport.close();`, { host });
      await device.pass(1_000);
      expect(device.lines).toEqual([]);
      expect(device.socket).toEqual([]);
    }
  });

  test("before the failure is told is the end", async () => {
    const device = await ShimDevice.run(`${program()} transport.close();`, { host: "throws.test" });
    await device.pass(1_000);
    expect(device.lines).toEqual([]);
  });

  test.each([
    { where: "onOpen", lines: ["onOpen"] },
    { where: "onData", lines: ["open", "onData"] },
    { where: "onWritable", lines: ["open", "data 0-4 0", "writable", "onWritable"] },
    { where: "onClose", lines: ["open", "data 0-4 0", "writable", "onClose"] },
  ])("within $where is the end", async ({ where, lines }) => {
    const device = await ShimDevice.run(
      program(`writables = 0;
        ${where}() {
          if ("${where}" === "onWritable" && this.writables++ === 0) return this.print("writable");
          this.print("${where}"); transport.close(); transport.close();
          this.print === undefined || transport.write(data, 0, 1) === 0 || this.print("wrote");
        }`),
    );
    await device.up(10);
    await device.receive("00010203");
    await device.control(Control.WRITABLE, 10);
    if (where === "onWritable") await device.control(Control.WRITABLE, 10);
    await device.control(Control.ERROR);
    await device.pass(1_000);
    expect(device.lines).toEqual(lines);
    expect(device.socket).toEqual(["open", "close"]);
  });

  test("within onData drops what is still unread, and another connection can be opened there", async () => {
    const device = await ShimDevice.run(program(`onData() { this.print("data"); transport.close(); open(); }`));
    await device.up(10);
    await device.receive(new Uint8Array(3_000));
    await device.up(10);
    expect(device.lines).toEqual(["open", "data", "open"]);
    expect(device.socket).toEqual(["open", "close", "open"]);
  });
});

describeWith(xs, "write", () => {
  test("takes no more than was granted, and has the socket's own word for what is left", async () => {
    const device = await ShimDevice.run(
      program(`onOpen() { this.onWritable(); } onWritable() { this.print("wrote " + transport.write(data, 1, 9)); }`),
    );
    await device.up(3);
    await device.control(Control.WRITABLE, 12);
    expect(device.lines).toEqual(["wrote 3", "wrote 8"]);
    expect(device.writes).toEqual(["010203", "0102030405060708"]);
  });

  test("sends any part of any buffer as it is", async () => {
    const device = await ShimDevice.run(
      program(`onOpen() {
        for (const [length, start, end] of [[3, 0, 3], [900, 10, 900], [1024, 0, 1024], [1024, 1000, 1003], [3000, 2990, 3000],
            [3000, 500, 2700], [3, 1, 1]])
          this.print(String(transport.write(data.slice(0, length), start, end)));
      }`),
    );
    await device.up(60_000);
    expect(device.lines).toEqual(["3", "890", "1024", "3", "10", "2200", "0"]);
    const all = Uint8Array.from({ length: 3_000 }, (_, index) => index);
    const part = (start: number, end: number): string => Buffer.from(all.subarray(start, end)).toString("hex");
    expect(device.writes).toEqual([
      part(0, 3),
      part(10, 900),
      part(0, 1_024),
      part(1_000, 1_003),
      part(2_990, 3_000),
      part(500, 1_524),
      part(1_524, 2_548),
      part(2_548, 2_700),
    ]);
  });

  test("before the connection is open takes nothing", async () => {
    const device = await ShimDevice.run(`${program()} host.print("wrote " + transport.write(data, 0, 5));`);
    await device.pass(50);
    expect(device.lines).toEqual(["wrote 0"]);
  });
});

describeWith(xs, "what arrives", () => {
  test("is read in chunks that are never longer than what is there", async () => {
    const device = await ShimDevice.run(program());
    await device.up(10);
    await device.receive(Uint8Array.from({ length: 3_000 }, (_, index) => index >> 8));
    expect(device.lines.slice(1)).toEqual(["data 0-1024 0", "data 0-1024 4", "data 0-952 8"]);
  });

  test("is read in order though onReadable is called again meanwhile", async () => {
    const device = await ShimDevice.run(program());
    await device.up(10);
    await device.control(Control.READ_REENTERS);
    await device.receive(Uint8Array.from({ length: 1_500 }, (_, index) => index >> 8));
    expect(device.lines.slice(1)).toEqual(["data 0-1024 0", "data 0-476 4"]);
  });

  test("ends the program when the listener throws, as any uncaught exception does", async () => {
    const device = await ShimDevice.run(
      program(`onData(bytes, start, end) { this.print("data " + end); if (end === 1) throw new Error("on purpose"); }`),
    );
    await device.up(10);
    await device.receive("00");
    expect(await device.ended).toMatch(/on purpose/);
  });
});

describeWith(xs, "frozen modules", () => {
  test("refuse what writes to them: the harness would notice", async () => {
    const device = await ShimDevice.run(`
      import { Client, Reason } from "mote-mqtt";
      import { platform } from "mote-mqtt/moddable";
      for (const write of [
        () => { Client.prototype.connect = 1; }, () => { Reason.OK = 1; }, () => { platform.random = 1; },
        () => { platform.clock.now = 1; }, () => { Client.count = 1; },
      ]) try { write(); host.print("written"); } catch (error) { host.print(error.name); }
    `);
    expect(device.lines).toEqual(Array(5).fill("TypeError"));
  });
});
