import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { packageVersion } from "../../../tools/cli/package.ts";
import type { DemoReport } from "../../../tools/demo/demo.ts";
import { RealClient } from "../../support/real-client.ts";
import { itWith } from "../../support/require.ts";
import { xs } from "../simulator/engine.ts";
import { build, endAll, Mote, mote } from "./mote.ts";

let folder: string;
beforeAll(async () => {
  await build();
  folder = await mkdtemp(join(tmpdir(), "mote-cli-"));
});
afterEach(endAll);
afterAll(() => rm(folder, { recursive: true }));

const readReport = async (file: string): Promise<DemoReport> => JSON.parse(await readFile(file, "utf8")) as DemoReport;

describe("mote", () => {
  it("tells its commands, its version, and what a command takes", async () => {
    const help = await mote("--help").end();
    expect(help.code).toBe(0);
    for (const command of ["demo", "simulate", "broker"])
      expect(help.output).toMatch(new RegExp(`^  ${command}\\b`, "m"));
    expect(await mote("--version").end()).toEqual({ code: 0, output: packageVersion(), errors: "" });
    const demo = await mote("demo", "--help").end();
    expect(demo.code).toBe(0);
    expect(demo.output).toMatch(/--for <duration>.*\n.*--report <file>/);
  });

  it("without a command shows its help, and fails", async () => {
    const { code, output, errors } = await mote().end();
    expect(code).toBe(2);
    expect(output).toBe("");
    expect(errors).toContain("Usage: mote");
  });

  it.each([
    { args: "frobnicate", says: /^error: unknown command 'frobnicate'\n\(mote --help lists the commands\)$/ },
    { args: "demo --nonsense", says: /unknown option '--nonsense'/ },
    { args: "demo --port x", says: /'--port <number>' argument 'x' is invalid\. .* whole number from 0 to 65535\./ },
    { args: "demo --devices 0", says: /'--devices <count>' argument '0' is invalid\. .* from 1 to 1000\./ },
    { args: "demo --interval 5", says: /'--interval <duration>' argument '5' is invalid\. .* such as 500ms, 10s/ },
    {
      args: "demo --interval 10ms",
      says: /'--interval <duration>' argument '10ms' is invalid\. It must be 50ms or more/,
    },
    { args: "demo --for 0s", says: /'--for <duration>' argument '0s' is invalid/ },
    { args: "demo --engine v8", says: /'--engine <name>' argument 'v8' is invalid\. Allowed choices are xs, node\./ },
    {
      args: "broker --host 1.2.3.4 --port 0",
      says: /1\.2\.3\.4 is no address of this machine: try --host 127\.0\.0\.1\./,
    },
    { args: "simulate no/such.ts", says: /^error: There is no program no\/such\.ts: name the .* file\.$/ },
    {
      args: "simulate --broker mqtt://joe:topsecret@h a.ts",
      says: /^error: Give the broker's user and password as settings of their own, not within the URL\.$/,
    },
    { args: "simulate --broker 192.0.2.7 a.ts", says: /^error: The broker has to be a URL such as mqtts:.* TLS\.$/ },
    {
      args: "broker --host=",
      says: /'--host <address>' argument '' is invalid\. It must be an address, .* for all\.$/,
    },
    { args: "provision no/such.json", says: /^error: The settings cannot be read: ENOENT.* 'no\/such\.json'\.$/ },
    { args: "simulate --set x a.ts", says: /^error: --set x is no setting: write --set name=value\.$/ },
  ])("refuses $args", async ({ args, says }) => {
    const { code, output, errors } = await mote(...args.split(" ")).end();
    expect(errors).toMatch(says);
    expect({ code, output }).toEqual({ code: 2, output: "" });
  });
});

describe("a command whose output nobody reads any more", () => {
  it.each([
    { command: "broker", args: ["--port", "0", "--json"], line: /.*listening.*/ },
    { command: "demo", args: ["--engine", "node", "--port", "0", "--for", "1h"], line: /^Broker at/ },
    { command: "simulate", args: ["--engine", "node", "--port", "0", "--for", "1h"], line: /^1 of / },
  ])("ends in order: $command", async ({ command, args, line }) => {
    const program = join(folder, "chatty.ts");
    await writeFile(program, `setInterval(() => console.log("here"), 50);`);
    const child = mote(command, ...(command === "simulate" ? [program] : []), ...args);
    const [said] = await child.line(line);
    child.closeOutput();
    // The broker prints when somebody comes.
    if (command === "broker") {
      await new RealClient({ url: (JSON.parse(said) as { url: string }).url }).connect().catch(() => undefined);
    }
    expect(await child.end()).toMatchObject({ code: 0, errors: "" });
  });

  it("shows its help to nobody, without complaint", async () => {
    const child = mote("--help");
    child.closeOutput();
    expect(await child.end()).toMatchObject({ code: 0, errors: "" });
  });
});

describe("mote demo", () => {
  itWith(xs, "--for 3s --report ends by itself, with exact zeros", async () => {
    const file = join(folder, "xs.json");
    const { code, output, errors } = await mote("demo", "--for", "3s", "--report", file, "--port", "0").end();
    expect({ code, errors }).toEqual({ code: 0, errors: "" });
    const report = await readReport(file);
    expect(report).toMatchObject({
      engine: "xs",
      devices: 6,
      devicesEnded: 0,
      lost: 0,
      duplicates: 0,
      slotsPerPublish: 0,
      chunkBytesPerPublish: 0,
      slotsPerMessage: 0,
      chunkBytesPerMessage: 0,
      collections: 0,
    });
    expect([16, 32]).toContain(report.slotBytes);
    for (const name of ["published", "acknowledged", "received", "heapPeakBytes", "bundleBytes"] as const) {
      expect(report[name]).toBeGreaterThan(0);
    }
    expect(report.acknowledged).toBe(report.published);
    expect(report.received).toBe(report.published);
    expect(output).toMatch(/^Broker at mqtt:\/\/127\.0\.0\.1:\d+\. greenhouse-1 runs on XS/m);
    expect(output).toMatch(/^ +\d s {2}connected 6 {2}published \d+ .* XS: \d+ slots, \d+ chunk bytes$/m);
    expect(output).toMatch(/^XS, once warm: 0 slots and 0 chunk bytes a publish, 0 and 0 a received message; 0 coll/m);
    expect(output).not.toContain("\x1b");
  });

  it.each([[[]], [["--for", "1h"]]])("ends at Ctrl-C with a summary: %j", async (more) => {
    const demo = mote("demo", "--engine", "node", "--devices", "2", "--port", "0", ...more);
    await demo.line(/^ +\d s {2}connected 2 /);
    demo.signal("SIGINT");
    const { code, output, errors } = await demo.end();
    expect({ code, errors }).toEqual({ code: 0, errors: "" });
    expect(output).toMatch(/^2 devices published \d+ messages with QoS 1: .* nothing lost, 0 twice\.$/m);
    expect(output).not.toContain("\x1b");
  });

  it("says in one line what is missing without a C compiler, and runs on Node", async () => {
    const file = join(folder, "node.json");
    const args = ["demo", "--for", "1s", "--report", file, "--port", "0", "--devices", "2"];
    const env = { CC: "/nonexistent", MOTE_CACHE: join(folder, "empty"), PATH: folder };
    const { code, output, errors } = await new Mote(args, env).end();
    expect(code).toBe(0);
    expect(errors).toMatch(/^The XS engine is compiled .* there is no C compiler .*: install one .*\.$/);
    expect(errors.split("\n")).toHaveLength(1);
    expect(output).toContain("greenhouse-1 runs on Node");
    expect(await readReport(file)).toMatchObject({ engine: "node", slotBytes: 0, devices: 2, lost: 0 });
  });

  itWith(xs, "says in one line that there is no place for the compiled engine, and runs on Node", async () => {
    const file = join(folder, "a-file");
    await writeFile(file, "");
    const args = ["demo", "--for", "200ms", "--port", "0", "--devices", "1"];
    const { code, output, errors } = await new Mote(args, { MOTE_CACHE: join(file, "cache") }).end();
    expect(errors).toMatch(
      /^There is no place for the compiled XS engine \(ENOTDIR.*\): name a folder in MOTE_CACHE .*\.$/,
    );
    expect(errors.split("\n")).toHaveLength(1);
    expect(output).toContain("greenhouse-1 runs on Node");
    expect(code).toBe(0);
  });

  it("says that it cannot write its report, after it has shown it", async () => {
    const file = join(folder, "missing/r.json");
    const args = ["demo", "--engine", "node", "--for", "100ms", "--report", file, "--port", "0"];
    const { code, output, errors } = await mote(...args).end();
    expect(output).toMatch(/nothing lost/);
    expect(errors).toMatch(/^error: The report cannot be written to .*missing\/r\.json: ENOENT.*\.$/);
    expect(code).toBe(2);
  });

  it("chooses another port when its own is in use", async () => {
    const broker = mote("broker", "--port", "0");
    const [, port] = await broker.line(/^The broker listens at mqtt:\/\/127\.0\.0\.1:(\d+)\./);
    const { code, output } = await mote("demo", "--engine", "node", "--for", "200ms", "--port", port!).end();
    expect(code).toBe(0);
    expect(output).toMatch(new RegExp(`^Port ${port} is in use, .*: this one listens at port \\d+\\.`));
  });
});

describe("mote broker", () => {
  it("says that its port is taken", async () => {
    const broker = mote("broker", "--port", "0");
    const [, port] = await broker.line(/^The broker listens at mqtt:\/\/127\.0\.0\.1:(\d+)\. Ctrl-C ends it\.$/);
    expect(await mote("broker", "--port", port!).end()).toEqual({
      code: 3,
      output: "",
      errors: `error: Port ${port} of 127.0.0.1 is in use, perhaps by another broker: end that one, or choose another port with --port.`,
    });
    broker.signal("SIGTERM");
    expect(await broker.end()).toMatchObject({ code: 0, errors: "" });
  });

  it("tells what happens, with --json for programs", async () => {
    const broker = mote("broker", "--port", "0", "--json");
    const [line] = await broker.line(/.*"listening".*/);
    const { url } = JSON.parse(line) as { url: string };
    const client = await new RealClient({ url, clientId: "grün" }).connect();
    await broker.line(/"connect"/);
    client.client.disconnect();
    await broker.line(/"disconnect"/);
    connect(Number(new URL(url).port), "127.0.0.1").end("this is no MQTT, but it is long enough to be looked at");
    await broker.line(/"error"/);
    broker.signal("SIGINT");
    const { code, output } = await broker.end();
    expect(code).toBe(0);
    const events = output.split("\n").map((text) => JSON.parse(text) as Record<string, unknown>);
    expect(events).toMatchObject([
      { event: "listening", url },
      { event: "connect", clientId: "grün" },
      { event: "disconnect", clientId: "grün" },
      { event: "error", message: expect.any(String) as string },
    ]);
    for (const { time } of events) expect(new Date(time as string).toISOString()).toBe(time);
  });
});

describe("mote simulate", () => {
  it("runs a program with settings, and ends when all its devices have", async () => {
    const file = join(folder, "sensor.ts");
    await writeFile(
      file,
      `import { settings } from "mote-mqtt/simulator";
       console.log(settings.id, settings.room, typeof settings.url);
       if (settings.fail) setTimeout(() => { throw new Error("no sensor"); }, 50);`,
    );
    const base = ["simulate", file, "--engine", "node", "--devices", "2", "--port", "0", "--set", "room=a=b"];
    const well = await mote(...base, "--for", "100ms").end();
    expect(well).toMatchObject({ code: 0, errors: "" });
    expect(well.output).toMatch(/^device-1: device-1 a=b string\ndevice-2: device-2 a=b string$/m);
    const failing = await mote(...base, "--set", "fail=yes").end();
    expect(failing.code).toBe(1);
    // Each device has a clock of its own: which of them is first, nobody knows.
    for (const id of ["device-1", "device-2"]) {
      expect(failing.errors).toMatch(new RegExp(`^${id} ended: The program threw .*Error: no sensor`, "m"));
    }
    expect(failing.errors).toMatch(/^error: All devices have ended\.$/m);
  });

  it("says what went over the network, and prints events as JSON on request", async () => {
    const file = join(folder, "publisher.ts");
    await writeFile(
      file,
      `import { Client } from "mote-mqtt";
       import { platform, settings } from "mote-mqtt/simulator";
       const client = new Client(platform, { url: String(settings.url), clientId: String(settings.id) });
       client.onConnect = () => console.log("connected");
       client.publish("a/b", "hello");
       client.connect();`,
    );
    const base = ["simulate", file, "--engine", "node", "--devices", "2", "--port", "0"];
    const people = mote(...base);
    await people.line(/^device-2: connected$/m);
    people.signal("SIGINT");
    // Of each device CONNECT of 22 bytes and PUBLISH of 12; CONNACK of 4.
    expect((await people.end()).output).toMatch(
      /^2 devices: connections 2, attempts 2, packets sent 4 \(68 bytes\), received 2 \(8 bytes\)\.$/m,
    );
    const program = mote(...base, "--json");
    await program.line(/"device":"device-2","text":"connected"/);
    program.signal("SIGINT");
    const events = (await program.end()).output
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events[0]).toMatchObject({ event: "start", devices: 2, engine: "node" });
    expect(events.at(-1)).toMatchObject({
      event: "network",
      attempts: 2,
      connections: 2,
      reconnections: 0,
      packetsSent: 4,
      packetsReceived: 2,
    });
  });

  it("sums up what its devices report", async () => {
    const file = join(folder, "reporter.ts");
    await writeFile(
      file,
      `import { Client } from "mote-mqtt";
       import { OfflineQueue } from "mote-mqtt/queue";
       import { onReport, platform, report, settings } from "mote-mqtt/simulator";
       const client = new Client(platform, { url: String(settings.url), outboxBytes: 64 });
       const queue = new OfflineQueue(client, { whenFull: "drop-oldest" });
       for (let count = 0; count < 5; count++) client.publish("a/b", "0123456789012345678901234567");
       onReport(() => {
         report("dropped", queue.dropped);
         report("queued", client.queued);
       });
       console.log("published");`,
    );
    const base = ["simulate", file, "--engine", "node", "--devices", "2", "--port", "0"];
    const people = mote(...base);
    await people.line(/^device-2: published$/m);
    people.signal("SIGINT");
    expect((await people.end()).output).toMatch(/^Reported by all devices: dropped 8, queued 2\.$/m);
    const program = mote(...base, "--json");
    await program.line(/"device":"device-2","text":"published"/);
    program.signal("SIGINT");
    expect((await program.end()).output).toMatch(/"event":"reports","dropped":8,"queued":2/);
  });
});
