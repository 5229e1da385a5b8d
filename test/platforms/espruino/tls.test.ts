// mqtts on Espruino: what `require("tls")` is asked for, in the sandbox; and on a real Espruino, whose TLS is mbedTLS, what
// comes of it.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Reason } from "../../../src/packet/reason.ts";
import { bundleForEspruino } from "../../../tools/build/espruino.ts";
import { type Device, printed } from "../../acceptance/device.ts";
import { ScriptedBroker, wellBehaved } from "../../acceptance/scripted-broker.ts";
import { Certificates, openssl } from "../../support/certificates.ts";
import { mosquitto, type RealBroker, startMosquitto } from "../../support/real-brokers.ts";
import { describeWith } from "../../support/require.ts";
import { Binary } from "./binary.ts";
import { Sandbox } from "./sandbox.ts";

const folder = mkdtempSync(join(tmpdir(), "mote-espruino-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A program with a client over TLS, the one for Espruino or, with `import "mote-mqtt/qos2"`, the portable one. */
async function bundled(url: string, tls: string, part = ""): Promise<Uint8Array> {
  const file = join(folder, "program.ts");
  writeFileSync(
    file,
    `import { Client } from "mote-mqtt"; ${part}
     import { createPlatform } from "mote-mqtt/espruino";
     const client = new Client(createPlatform({ tls: { ${tls} } }), { url: "${url}", clientId: "device" });
     client.onConnect = () => {
       console.log("connected");
       client.subscribe("topic", 1, (message) => console.log("got " + message.text()))
         .onGranted = () => client.publish("topic", "over TLS", { qos: 1 });
     };
     client.onDisconnect = (reason) => console.log("lost " + reason);
     client.connect();`,
  );
  return bundleForEspruino(file);
}

const clients: [name: string, part: string][] = [
  ["the client for Espruino", ""],
  ["the portable client", `import "mote-mqtt/qos2";`],
];

describe.each(clients)("%s", (_, part) => {
  test("hands certificates to tls.connect as they are", async () => {
    const broker = await ScriptedBroker.start(wellBehaved);
    const url = broker.url.replace("mqtt:", "mqtts:");
    const device = new Sandbox(await bundled(url, `ca: atob("AP8="), cert: new Uint8Array([1, 2]), key: "key"`, part));
    await printed(device, "connected");
    expect(device.connects).toEqual([
      { library: "tls", host: "127.0.0.1", port: +new URL(broker.url).port, ca: "\0\xff", cert: [1, 2], key: "key" },
    ]);
    await device.kill();
    await broker.stop();
  });

  test("tells of a certificate that Espruino cannot read", async () => {
    const device = new Sandbox(await bundled("mqtts://127.0.0.1:1", `ca: "-----BEGIN CERTIFICATE-----"`, part));
    await printed(device, `lost ${Reason.TLS_FAILED}`);
    await device.kill();
  });

  test("refuses half of an identity", async () => {
    const device = new Sandbox(await bundled("mqtts://127.0.0.1:1", `cert: "certificate"`, part));
    await printed(device, "Uncaught TypeError: cert and key need each other");
    await device.kill();
  });
});

const executable = process.env["ESPRUINO"];
if (!executable) test.skip("TLS on a real Espruino: set ESPRUINO to a binary built for Linux");

const needed = [mosquitto, openssl].find(({ missing }) => missing) ?? mosquitto;
if (executable)
  describeWith(needed, `the Espruino at ${executable}, with mosquitto over TLS`, () => {
    let certificates: Certificates;
    /** Its certificate is by an authority that the client does not know, and for another host; it asks for the client's. */
    let broker: RealBroker;
    const der = (name: string, exported: "Certificate" | "Key"): string => {
      const file = join(folder, `${name}.${exported}`);
      certificates[`export${exported}`](name, file);
      return `atob("${readFileSync(file, "base64")}")`;
    };

    beforeAll(async () => {
      certificates = new Certificates();
      for (const authority of ["authority", "stranger"]) certificates.makeAuthority(authority);
      certificates.make("broker", "authority", "DNS:somewhere.else");
      certificates.make("device", "authority", "DNS:device");
      broker = await startMosquitto({
        tls: {
          ca: certificates.file("authority.pem"),
          cert: certificates.file("broker.pem"),
          key: certificates.file("broker.key"),
        },
        config: ["require_certificate true"],
      });
      return async () => {
        await broker.stop();
        certificates.remove();
      };
    });

    async function start(tls: string, part: string): Promise<Device> {
      const program = join(folder, "program.js");
      writeFileSync(program, await bundled(broker.url, tls, part));
      return new Binary(resolve(executable!), program, folder);
    }

    test.each(clients)("%s shows its certificate, and takes any of the broker's", async (_, part) => {
      const own = `cert: ${der("device", "Certificate")}, key: ${der("device", "Key")}`;
      const device = await start(`ca: ${der("stranger", "Certificate")}, ${own}`, part);
      await printed(device, "got over TLS");
      await device.kill();
    });

    test.each(clients)("%s tells that TLS failed when the broker refuses it without one", async (_, part) => {
      const device = await start("", part);
      await printed(device, `lost ${Reason.TLS_FAILED}`);
      await device.kill();
    });
  });
