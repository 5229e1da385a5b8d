import { afterEach, expect, test } from "vitest";
import { Reason } from "../../../src/packet/reason.ts";
import { describeWith } from "../../support/require.ts";
import { xs } from "../../tools/simulator/engine.ts";
import { Control, ShimDevice, stopDevices } from "./device.ts";

afterEach(stopDevices);

/** A program with one transport over TLS that prints what the socket was made with, and what its listener is told. */
function program(options: string, { onData = "", onWritable = "", host = "broker.test" } = {}): string {
  return `
    import { createPlatform } from "mote-mqtt/moddable";
    import { tls } from "mote-mqtt/moddable/tls";
    const platform = createPlatform({ mqtts: tls(${options}) });
    const transport = platform.createTransport();
    transport.open({ scheme: "mqtts", hostname: "${host}", port: 8883, path: "" }, {
      onOpen() { host.print("open"); },
      onData(bytes, start, end) { host.print("data " + (end - start)); ${onData} },
      onWritable() { ${onWritable} host.print("wrote " + transport.write(new Uint8Array(2_000), 0, 2_000)); },
      onClose(reason) { host.print("close " + reason); },
    });
  `;
}

/** What the TLS session is asked for, by the SDK's names. */
async function secureOf(options: string, host?: string): Promise<unknown> {
  const device = await ShimDevice.run(program(options, host === undefined ? {} : { host }));
  await device.up();
  return JSON.parse(device.lines[0]!.replace(/^secure /, ""));
}

describeWith(xs, "the options", () => {
  test("reach the SDK's session under its names", async () => {
    expect(
      await secureOf(`{
        certificateAuthority: new ArrayBuffer(3), clientCertificates: [new Uint8Array(4), new Uint8Array(5)],
        clientKey: new Uint8Array(6).buffer, serverName: "other.test", applicationProtocols: ["mqtt", "x-mqtt"],
      }`),
    ).toEqual({
      certificate: "3 bytes",
      clientCertificates: ["4 bytes", "5 bytes"],
      clientKey: "6 bytes",
      serverName: "other.test",
      applicationLayerProtocolNegotiation: ["mqtt", "x-mqtt"],
    });
  });

  test("that are not there leave the SDK's defaults: the URL's host is the server's name", async () => {
    expect(await secureOf("{}")).toEqual({ serverName: "broker.test" });
    expect(await secureOf("{ clientCertificates: [], applicationProtocols: [] }")).toEqual({
      serverName: "broker.test",
    });
  });

  test("serve the lean client as well", async () => {
    const device = await ShimDevice.run(`
      import { Client } from "mote-mqtt/lean";
      import { createPlatform } from "mote-mqtt/moddable";
      import { tls } from "mote-mqtt/moddable/tls";
      const client = new Client(createPlatform({ mqtts: tls({}) }), { url: "mqtts://broker.test", clientId: "c", tickMs: 50 });
      client.onConnect = () => client.publish("a", "b");
      client.connect();
    `);
    await device.connect();
    expect(device.writes).toEqual(["100d00044d5154540402003c000163", "300400016162"]);
  });

  test("are refused at once when half of the client's identity is missing", async () => {
    const device = await ShimDevice.run(`
      import { tls } from "mote-mqtt/moddable/tls";
      for (const options of [{ clientKey: new ArrayBuffer(1) }, { clientCertificates: [new ArrayBuffer(1)] }])
        try { tls(options); host.print("taken"); } catch (error) { host.print(String(error)); }
    `);
    expect(device.lines).toEqual(Array(2).fill("TypeError: clientCertificates and clientKey need each other"));
  });
});

describeWith(xs, "a connection over TLS", () => {
  test("writes what is granted less the records' overhead, and takes the socket's word for the rest", async () => {
    const device = await ShimDevice.run(program("{}"));
    await device.up(200);
    await device.control(Control.WRITABLE, 300);
    // 204 of the 300 are offered; after them TCP has 96 left, of which the class keeps 32 for itself.
    expect(device.lines.slice(1)).toEqual(["open", "wrote 268"]);
    expect(device.writes.map((write) => write.length / 2)).toEqual([204, 64]);
  });

  test("fails as TLS when the SDK throws out of a callback of the TCP below", async () => {
    const device = await ShimDevice.run(program("{}"));
    await device.up();
    await device.receive("15030300020128");
    await device.pass(100);
    expect(device.lines.slice(1)).toEqual(["open", `close ${Reason.TLS_FAILED}`]);
    expect(device.socket.at(-1)).toBe("close");
  });

  test.each(["onOpen", "onData", "onWritable", "onClose"])("ends with a close within %s", async (where) => {
    const device = await ShimDevice.run(`
      import { createPlatform } from "mote-mqtt/moddable";
      import { tls } from "mote-mqtt/moddable/tls";
      const transport = createPlatform({ mqtts: tls({}) }).createTransport();
      class Listener { onOpen() {} onData() {} onWritable() {} onClose() {} }
      class Closing extends Listener { ${where}() { host.print("${where}"); transport.close(); transport.close(); } }
      transport.open({ scheme: "mqtts", hostname: "broker.test", port: 8883, path: "" }, new Closing());
    `);
    await device.up();
    await device.receive("170301");
    await device.receive("170302");
    await device.control(Control.WRITABLE, 300);
    await device.control(Control.WRITABLE, 300);
    await device.control(Control.ERROR);
    await device.pass(1_000);
    expect(device.lines.slice(1)).toEqual([where]);
    expect(device.socket).toEqual(["open", "close"]);
  });

  test.each([
    { what: "a name without address", host: "missing.test", lines: [`close ${Reason.HOST_NOT_FOUND}`] },
    { what: "an error without argument", host: "broker.test", lines: ["open", `close ${Reason.CONNECTION_LOST}`] },
  ])("is ended by $what", async ({ host, lines }) => {
    const device = await ShimDevice.run(program("{}", { host }));
    if (host === "broker.test") await device.up();
    await device.control(Control.ERROR);
    await device.pass(1_000);
    expect(device.lines.filter((line) => !line.startsWith("secure"))).toEqual(lines);
  });

  test("does not hide what the application throws, which ends the program", async () => {
    const device = await ShimDevice.run(program("{}", { onData: 'throw new Error("on purpose");' }));
    await device.up();
    await device.receive("1703");
    expect(device.lines.slice(1)).toEqual(["open", "data 2"]);
    expect(await device.ended).toMatch(/on purpose/);

    const writing = await ShimDevice.run(program("{}", { onWritable: 'throw new Error("in writing");' }));
    await writing.up();
    await writing.control(Control.WRITABLE, 300);
    expect(await writing.ended).toMatch(/in writing/);
  });
});
