// `mote upload --target espruino`: against the double, and the same against a real Espruino where ESPRUINO names one.
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { bundleForEspruino } from "../../../../tools/build/espruino.ts";
import { openPort } from "../../../../tools/serial/port/open.ts";
import type { Port } from "../../../../tools/serial/port/port.ts";
import { EspruinoRepl } from "../../../../tools/serial/upload/repl.ts";
import { type Carrier, hasSocat, tcp } from "../carriers.ts";
import { EspruinoDouble, type ReplFaults } from "../espruino-double.ts";
import { testWith } from "../requirement.ts";

interface Bench {
  port: Port;
  close(): Promise<void>;
}

async function doubleBench(double = new EspruinoDouble()): Promise<Bench> {
  const carrier = await tcp(double);
  return benchOn(carrier);
}

async function benchOn(carrier: Carrier): Promise<Bench> {
  const port = await openPort(carrier.path);
  const close = async (): Promise<void> => {
    await port.close();
    await carrier.close();
  };
  return { port, close };
}

const engines: [string, () => Promise<Bench>, ReturnType<typeof testWith>][] = [
  ["the double", () => doubleBench(), test],
  ["a real Espruino", realBench, testReal()],
];

describe.each(engines)("on %s", (_, open, run) => {
  run("a file is stored and read back, nearly every byte in it", async () => {
    const bench = await open();
    const repl = await EspruinoRepl.attach(bench.port);
    // All but Ctrl-C and Ctrl-D, which end Espruino on Linux wherever they stand.
    const file = Uint8Array.from({ length: 3000 }, (_, at) => at % 256).filter(
      (byte) => byte !== 0x03 && byte !== 0x04,
    );
    await repl.storeFile("bytes", file);
    expect(await repl.readFile("bytes")).toEqual(file);
    expect(await repl.readFile("nowhere")).toBeUndefined();
    await bench.close();
  });

  run("a file is stored again with other contents and another length", async () => {
    const bench = await open();
    const repl = await EspruinoRepl.attach(bench.port);
    for (const contents of ["first and longer", "second"])
      await repl.storeFile("twice", new TextEncoder().encode(contents));
    expect(new TextDecoder().decode(await repl.readFile("twice"))).toBe("second");
    await bench.close();
  });

  run("a half-typed line is no obstacle", async () => {
    const bench = await open();
    await bench.port.write(new TextEncoder().encode("function half() {"));
    const repl = await EspruinoRepl.attach(bench.port);
    await repl.storeFile("after", new TextEncoder().encode("print(1)"));
    await bench.close();
  });
});

testReal()("on a real Espruino a program that never returns is interrupted", async () => {
  const bench = await realBench();
  await bench.port.write(new TextEncoder().encode("while (true);\n"));
  const repl = await EspruinoRepl.attach(bench.port);
  await repl.storeFile("after", new TextEncoder().encode("print(1)"));
  await repl.execute("global.ran=1");
  await vi.waitUntil(async () => (await repl.evaluate("global.ran")) === 1, { timeout: 5_000 });
  await bench.close();
});

testReal()("on a real Espruino a bundled application runs from Storage", async () => {
  const bench = await realBench();
  const repl = await EspruinoRepl.attach(bench.port);
  const script = await bundleForEspruino(application());
  await repl.storeFile("app", script);
  await repl.evaluate(`eval(require("Storage").read("app"))`);
  expect(await repl.evaluate("global.greeting")).toBe("hello sensor 1");
  await bench.close();
});

test.each<[string, ReplFaults]>([
  ["a program that needs two Ctrl-C", { stuckFor: 2 }],
  ["a loop that Ctrl-C takes into the debugger", { stuckFor: 2, debugger: true }],
  ["a refused block", { refuseBlock: 3 }],
  ["a block stored wrongly", { corruptBlock: 2 }],
  ["XOFF and XON all the time", { holdOff: true }],
])(
  "%s is survived",
  async (_, faults) => {
    const double = new EspruinoDouble();
    double.faults = faults;
    const bench = await doubleBench(double);
    const repl = await EspruinoRepl.attach(bench.port);
    const file = Uint8Array.from(randomBytes(5000));
    await repl.storeFile(".bootcde", file);
    expect(double.files.get(".bootcde")).toEqual(file);
    await bench.close();
  },
  60_000,
);

test.concurrent.each<[string, ReplFaults, RegExp]>([
  ["nothing", { silent: true }, /Nothing answers .* Is Espruino flashed/],
  ["a prompt and no more", { old: true }, /older than 2v25/],
])("a console that shows %s ends in a sentence", async (_, faults, message) => {
  const double = new EspruinoDouble();
  double.faults = faults;
  const bench = await doubleBench(double);
  await expect(EspruinoRepl.attach(bench.port)).rejects.toThrow(message);
  await bench.close();
});

test("a port that vanishes ends at once", async () => {
  const double = new EspruinoDouble();
  const carrier = await tcp(double);
  const port = await openPort(carrier.path);
  const repl = await EspruinoRepl.attach(port);
  const storing = repl.storeFile("app", new Uint8Array(5000), () => carrier.unplug());
  await expect(storing).rejects.toThrow(/is gone/);
  await carrier.close();
});

test("a bundle holds nothing that Espruino cannot read", async () => {
  const script = new TextDecoder().decode(await bundleForEspruino(application()));
  expect(script).not.toMatch(/import |export |\?\.|\?\?=|=>\s*\{\s*\.\.\./);
  expect(script.length).toBeLessThan(400);
});

test("what can be written in no way that Espruino reads is an error that says where", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mote-app-"));
  writeFileSync(join(folder, "app.ts"), "const { a } = { a: 1 };\nconsole.log(a);\n");
  await expect(bundleForEspruino(join(folder, "app.ts"))).rejects.toThrow(/app\.ts:1: .*destructuring/);
});

function application(): string {
  const folder = mkdtempSync(join(tmpdir(), "mote-app-"));
  writeFileSync(join(folder, "greet.ts"), "export const greet = (who: string): string => `hello ${who}`;\n");
  writeFileSync(
    join(folder, "app.ts"),
    [
      `import { greet } from "./greet.ts";`,
      `class Counter { count = 0; next(): number { return ++this.count; } }`,
      `(globalThis as { greeting?: string }).greeting = greet("sensor") + " " + new Counter().next();`,
    ].join("\n"),
  );
  return join(folder, "app.ts");
}

function testReal(): ReturnType<typeof testWith> {
  // Nobody can be expected to have one: not required even where everything is.
  if (!process.env["ESPRUINO"]) return test.skip;
  return testWith("socat", hasSocat);
}

/** A real Espruino for Linux behind a pseudo-terminal, its Storage in a folder of its own. */
async function realBench(): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), "mote-espruino-"));
  const path = join(folder, "tty");
  const socat = spawn("socat", ["-d", "-d", `pty,rawer,link=${path}`, `EXEC:${process.env["ESPRUINO"]},pty,rawer`], {
    cwd: folder,
    detached: true, // a group of its own, Espruino with it
  });
  const end = (): void => void process.kill(-socat.pid!, "SIGKILL");
  await started(socat);
  const carrier: Carrier = {
    path,
    unplug: end,
    close: async () => {
      end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return benchOn(carrier);
}

function started(socat: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    socat.once("exit", (code) => reject(new Error(`socat ended with ${code}`)));
    socat.stderr!.on("data", (text: Buffer) => text.includes("starting data transfer loop") && resolve());
  });
}
