import { afterEach, describe, expect, it } from "vitest";
import type { Board } from "../../../tools/simulator/machine.ts";
import { NodeMachine } from "../../../tools/simulator/node-machine.ts";
import { listening } from "./xs/device.ts";

/** What the program asked of the board, in order. */
let calls: unknown[][];
let machine: NodeMachine;
afterEach(() => machine.stop());

async function start(program: string, settings = "{}", seed = 1): Promise<void> {
  calls = [];
  const note =
    (name: string) =>
    (...values: unknown[]): void =>
      void calls.push([name, ...values]);
  const board: Board = {
    open: note("open"),
    write: (socket, bytes) => calls.push(["write", socket, Buffer.from(bytes).toString()]),
    close: note("close"),
    wakeAt: note("wakeAt"),
    print: note("print"),
    onEnd: note("end"),
  };
  machine = new NodeMachine(board, { settings, seed });
  await machine.start(program);
}

const lines = (): unknown[] => calls.filter(([name]) => name === "print").map(([, line]) => line);

describe("a device on Node", () => {
  it("is opened, written within its credit, read and closed, as on XS", async () => {
    await start(
      listening(
        `onOpen(s) { host.print("open " + s); this.send(s); }
         send(s) { host.print("wrote " + host.write(s, bytes, 2, 10)); }
         onWritable(s) { host.print("writable"); this.send(s); }
         onReadable(s, count) {
           let k; const parts = [];
           while ((k = host.read(s, into, 1, 4)) > 0) parts.push(String.fromCharCode(...into.subarray(1, 1 + k)));
           host.print(count + ":" + parts.join("|"));
         }
         onClose(s, code) { host.print("closed " + s + " " + code); }`,
        "const bytes = new Uint8Array(10).map((_, i) => 65 + i), into = new Uint8Array(8);",
        "host.open(3, 'broker.example', 8883, true); host.wakeAt(77.5);",
      ),
    );
    expect(calls).toEqual([
      ["open", 3, "broker.example", 8883, true],
      ["wakeAt", 77.5],
    ]);
    machine.opened(1, 3, 5);
    machine.writable(2, 3, 100);
    machine.writable(3, 3, 100); // nothing had been refused: the program is not told
    machine.received(4, 3, Buffer.from("0123456"));
    machine.closed(5, 3, 64);
    expect(lines()).toEqual(["open 3", "wrote 5", "writable", "wrote 8", "7:012|345|6", "closed 3 64"]);
    expect(calls.filter(([name]) => name === "write")).toEqual([
      ["write", 3, "CDEFG"],
      ["write", 3, "CDEFGHIJ"],
    ]);
  });

  it("keeps what was written though the program's buffer changes", async () => {
    await start(
      listening(
        "onOpen(s) { host.write(s, bytes, 0, 2); bytes.fill(90); }",
        "const bytes = new Uint8Array([65, 66]);",
        "host.open(0, 'a', 1, false);",
      ),
    );
    machine.opened(0, 0, 10);
    expect(calls).toContainEqual(["write", 0, "AB"]);
  });

  it("may not read in one event what came with another", async () => {
    await start(
      listening(
        "onReadable() {} onWake() { host.print(String(host.read(0, into, 0, 4))); }",
        "const into = new Uint8Array(4);",
        "host.open(0, 'a', 1, false);",
      ),
    );
    machine.opened(0, 0, 10);
    machine.received(0, 0, Buffer.from("abc"));
    machine.wake(1);
    expect(lines()).toEqual(["0"]);
  });

  it.each([
    { socket: 0, read: "0" },
    { socket: 1, read: "2" },
  ])("reads on unless it closes that very connection: socket $socket", async ({ socket, read }) => {
    await start(
      listening(
        `onReadable(s) { host.read(0, into, 0, 2); host.close(${socket}); host.print(String(host.read(0, into, 0, 4))); }`,
        "const into = new Uint8Array(4);",
        "host.open(0, 'a', 1, false); host.open(1, 'b', 1, false);",
      ),
    );
    machine.opened(0, 0, 10);
    machine.opened(0, 1, 10);
    machine.received(0, 0, Buffer.from("abcd"));
    expect(lines()).toEqual([read]);
  });

  it("has the time of the event, its settings, and the seed's numbers", async () => {
    const draw = listening("onWake() { host.print(host.now() + ' ' + host.random() + ' ' + host.settings); }");
    await start(draw, "one", 7);
    machine.wake(12.5);
    machine.wake(13);
    const first = lines();
    expect(first[0]).toMatch(/^12\.5 0\.\d+ one$/);
    await start(draw, "one", 7);
    machine.wake(12.5);
    machine.wake(13);
    expect(lines()).toEqual(first);
    await start(draw, "one", 8);
    machine.wake(12.5);
    expect(lines()[0]).not.toBe(first[0]);
  });

  it("reports its figures afresh each time, and no counters", async () => {
    await start(
      listening("onReport() { host.report('turn', ++turn); if (turn === 1) host.report('once', 1); }", "let turn = 0;"),
    );
    expect((await machine.statistics(0)).reports).toEqual({ turn: 1, once: 1 });
    expect(await machine.statistics(1)).toMatchObject({ reports: { turn: 2 }, slotBytes: 0, slots: 0, collections: 0 });
  });

  it.each([
    { what: "at its start", program: "function inner() { null.x; } inner();", says: /TypeError: .*\n.*inner/ },
    { what: "that is no error", program: "throw 'no sensor';", says: /exception: no sensor$/ },
    { what: "of syntax", program: "const = 1;", says: /SyntaxError/ },
    { what: "in an event", program: listening("onWake() { throw new Error('asleep'); }"), says: /Error: asleep/ },
  ])("ends with an exception $what, once", async ({ program, says }) => {
    await start(program);
    machine.wake(1);
    machine.wake(2);
    machine.received(3, 0, Buffer.from("a"));
    expect(calls).toEqual([["end", expect.stringMatching(says)]]);
    expect(calls[0]![1]).toMatch(/^The program threw an exception: /);
  });

  it("that has ended or was stopped has no statistics, as on XS", async () => {
    await start("throw 1;");
    await expect(machine.statistics(0)).rejects.toThrow("The machine does not run");
    await start(listening("onWake() { host.print('late'); }"));
    await machine.stop();
    machine.wake(1);
    await expect(machine.statistics(0)).rejects.toThrow("The machine does not run");
    expect(lines()).toEqual([]);
  });

  it("is apart from others that run the same program", async () => {
    const program = listening("onWake() { host.print(String(++count)); }", "let count = 0;");
    await start(program);
    machine.wake(1);
    machine.wake(2);
    const { stop } = machine;
    await stop.call(machine);
    await start(program);
    machine.wake(1);
    expect(lines()).toEqual(["1"]);
  });
});
