import fc from "fast-check";
import { afterEach, describe, expect } from "vitest";
import { itIfThere } from "../../../support/require.ts";
import { hostOrReason, listening, runDevice, stopDevices } from "./device.ts";

const built = await hostOrReason();
const nativeBuilt = await hostOrReason(true);

afterEach(stopDevices);

describe.each([
  { name: "XS as for an ESP32", found: built },
  { name: "XS as for this computer", found: nativeBuilt },
])("$name", ({ found }) => {
  const only = itIfThere({ name: "the XS engine", missing: "reason" in found ? found.reason : undefined });
  const host = "host" in found ? found.host : { path: "", bits: 64 as const };

  describe("a program", () => {
    only("prints, and reads its settings", async () => {
      const { board } = await runDevice(host, "host.print(`${host.settings} é 😀 \\0.`);", {
        settings: '{"id":"grün"}',
      });
      expect(board.lines).toEqual(['{"id":"grün"} é 😀 \0.']);
    });

    only("runs its promise jobs before the next event", async () => {
      const { board } = await runDevice(
        host,
        "(async () => { await null; host.print('later'); })(); host.print('first');",
      );
      expect(board.lines).toEqual(["first", "later"]);
    });

    only("has the time of the event, also with fractions", async () => {
      const { board, machine } = await runDevice(host, listening("onWake() { host.print(String(host.now())); }"));
      machine.wake(12.5);
      machine.wake(4_000_000_000_000.25);
      await machine.settled();
      expect(board.lines).toEqual(["12.5", "4000000000000.25"]);
    });

    only("draws the same numbers from the same seed", async () => {
      const draw = async (seed: number): Promise<number[]> => {
        const { board } = await runDevice(host, "for (let i = 0; i < 50; i++) host.print(String(host.random()));", {
          seed,
        });
        return board.lines.map(Number);
      };
      const first = await draw(7);
      expect(first.every((number) => number >= 0 && number < 1)).toBe(true);
      expect(new Set(first).size).toBe(50);
      expect(await draw(7)).toEqual(first);
      expect(await draw(8)).not.toEqual(first);
    });

    only("has no parser, as on a device", async () => {
      const { board } = await runDevice(host, "try { eval('1') } catch (e) { host.print(e.name) }");
      expect(board.lines).toEqual(["SyntaxError"]);
    });
  });

  describe("a connection", () => {
    only("is opened, written within its credit, read and closed", async () => {
      const { board, machine } = await runDevice(
        host,
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
      expect(board.calls).toEqual([
        ["open", 3, "broker.example", 8883, true],
        ["wakeAt", 77.5],
      ]);
      machine.opened(1, 3, 5);
      machine.writable(2, 3, 100);
      machine.writable(3, 3, 100); // nothing had been refused: the program is not told
      machine.received(4, 3, Buffer.from("0123456"));
      machine.closed(5, 3, 2);
      machine.received(6, 3, Buffer.from("late"));
      await machine.settled();
      expect(board.lines).toEqual(["open 3", "wrote 5", "writable", "wrote 8", "7:012|345|6", "closed 3 2"]);
      expect(board.calls.slice(2)).toEqual([
        ["write", 3, "CDEFG"],
        ["write", 3, "CDEFGHIJ"],
      ]);
    });

    only("that was closed gets no event, though its socket is in use again", async () => {
      const { board, machine } = await runDevice(
        host,
        listening(
          `onWake() { host.close(0); host.open(0, "b", 2, false); } onReadable(s, c) { host.print("read " + c); }
           onOpen(s) { host.print("open"); }`,
          "",
          "host.open(0, 'a', 1, false);",
        ),
      );
      machine.opened(0, 0);
      machine.wake(1);
      machine.received(1, 0, Buffer.from("for the first")); // sent before the program's answer to wake arrives
      await machine.settled();
      machine.opened(2, 0);
      machine.received(2, 0, Buffer.from("second"));
      await machine.settled();
      expect(board.lines).toEqual(["open", "open", "read 6"]);
      expect(board.calls).toEqual([
        ["open", 0, "a", 1, false],
        ["close", 0],
        ["open", 0, "b", 2, false],
      ]);
    });

    only("refuses what is out of bounds with an exception that the program can catch", async () => {
      const wrong = [
        "host.write(0, bytes, 0, 1)", // not open
        "host.open(8, 'a', 1, false)",
        "host.open(0, '', 1, false)",
        "host.open(0, 'a', 0, false)",
        "host.open(0, 'a'.repeat(256), 1, false)",
        "host.open(1, 'a', 1, false)", // in use
        "host.write(1, bytes, 0, 11)",
        "host.write(1, bytes, 5, 4)",
        "host.write(1, bytes, -1, 4)",
        "host.write(1, bytes, 0, NaN)",
        "host.write(1, 'text', 0, 1)",
        "host.read(1, bytes, 0.5, 1)",
        "host.read(NaN, bytes, 0, 1)",
        "host.listen(null)",
        "host.listen({})",
      ];
      const { board, machine } = await runDevice(
        host,
        listening(
          `onOpen() { for (const f of wrong) try { f(); host.print("accepted " + f) } catch (e) { caught++; } host.print(caught); }`,
          `let caught = 0; const bytes = new Uint8Array(10); const wrong = [${wrong.map((call) => `() => ${call}`).join()}];`,
          "host.open(1, 'a', 1, false);",
        ),
      );
      machine.opened(0, 1);
      await machine.settled();
      expect(board.lines).toEqual([String(wrong.length)]);
    });

    only("survives any bytes", async () => {
      const { board, machine } = await runDevice(
        host,
        listening(
          `onReadable(s, count) {
             let k; while ((k = host.read(s, into, 0, into.length)) > 0) for (let i = 0; i < k; i++) sum = (sum * 31 + into[i]) % 65521;
           }
           onReport() { host.report("sum", sum); }`,
          "let sum = 0; const into = new Uint8Array(100);",
          "host.open(0, 'a', 1, false);",
        ),
      );
      machine.opened(0, 0);
      let sum = 0;
      const chunks = fc.sample(fc.uint8Array({ minLength: 1, maxLength: 600 }), { numRuns: 999, seed: 1 });
      chunks.push(new Uint8Array(200_000).fill(7)); // more than one frame holds
      for (const chunk of chunks) {
        machine.received(0, 0, chunk);
        for (const byte of chunk) sum = (sum * 31 + byte) % 65521;
      }
      expect((await machine.statistics(1)).reports).toEqual({ sum });
      expect(board.lines).toEqual([]);
    });
  });

  describe("memory", () => {
    only("is not allocated by calls of the host, nor by the events", async () => {
      const { machine } = await runDevice(
        host,
        listening(
          `onWake() {
             for (let i = 0; i < 100; i++) {
               view.setFloat64(0, host.now() + host.random()); out.set(into, 8); this.#count += view.getUint16(2);
               this.#count += host.write(0, out, 0, 64) + host.slots() + host.chunkBytes();
               host.wakeAt(host.now() + 1.5); host.report("count", 1.5); host.print(text);
             }
           }
           onReadable(s, count) { while (host.read(s, into, 0, 10) > 0) this.#count++; }
           onWritable(s) { host.write(s, out, 0, 500); }
           #count = 0;`,
          "const out = new Uint8Array(512), into = new Uint8Array(64), view = new DataView(out.buffer); const text = 'a line';",
          "host.open(0, 'a', 1, false);",
        ),
      );
      machine.opened(0, 0, 20_000);
      machine.wake(1); // once warm
      const before = await machine.statistics(1);
      for (let i = 0; i < 100; i++) {
        machine.wake(i + 0.5);
        machine.received(i + 0.5, 0, new Uint8Array(100));
        machine.writable(i + 0.5, 0, 100);
      }
      const after = await machine.statistics(200);
      expect(after).toEqual(before);
      expect(after).toMatchObject({
        wakeSlots: 0,
        wakeChunkBytes: 0,
        receivedSlots: 0,
        receivedChunkBytes: 0,
        collections: 0,
      });
    });

    only("is counted exactly, through collections", async () => {
      const { machine } = await runDevice(
        host,
        listening(
          `onWake() { for (let i = 0; i < 1000; i++) last = { a: i, b: i }; }
           onReadable() { for (let i = 0; i < 100; i++) last = new Uint8Array(100); }`,
          "let last = null;",
          "host.open(0, 'a', 1, false);",
        ),
      );
      machine.opened(0, 0);
      for (let i = 0; i < 20; i++) machine.wake(i);
      for (let i = 0; i < 20; i++) machine.received(i, 0, new Uint8Array(1));
      const statistics = await machine.statistics(20);
      const chunk = host.bits === 32 ? 8 + 100 : 16 + 104; // a header, and the bytes in whole words
      expect(statistics.wakeSlots).toBe(20 * 1000 * 3); // an object and two properties
      expect(statistics.wakeChunkBytes).toBe(0);
      expect(statistics.receivedSlots).toBe(20 * 100 * 7);
      expect(statistics.receivedChunkBytes).toBe(20 * 100 * chunk);
      expect(statistics.collections).toBeGreaterThan(20);
    });

    only("has the statistics of an ESP32's heap", async () => {
      const { machine } = await runDevice(
        host,
        listening("onReport() { host.report('half', 0.5); host.report('-1', -1); }"),
      );
      const statistics = await machine.statistics(0);
      expect(statistics).toMatchObject({
        reports: { half: 0.5, "-1": -1 },
        slotBytes: host.bits === 32 ? 16 : 32,
        slotsLimit: 2048,
        chunkBytesLimit: 32768,
        collections: 0,
      });
      expect(statistics.slots).toBeGreaterThan(20);
      expect(statistics.slots).toBeLessThan(200);
      expect(statistics.slotsPeak).toBeGreaterThanOrEqual(statistics.slots);
      expect(statistics.chunkBytesPeak).toBeGreaterThanOrEqual(statistics.chunkBytes);
      expect(statistics.baselineSlots).toBeGreaterThan(3000);
      expect(statistics.baselineChunkBytes).toBeGreaterThan(5000);
      expect(statistics.codeBytes).toBeGreaterThan(100);
      expect((await machine.statistics(1)).reports).toEqual({ half: 0.5, "-1": -1 });
    });

    only("does not hold the program's code, its names or its literals", async () => {
      const text = "x".repeat(20_000);
      const names = Array.from({ length: 500 }, (_, i) => `aLongNameForAProperty${i}`);
      const body = `const o = { held: null }; function f() { return [${names.map((name) => `o.${name}`).join()}, "${text}"]; }`;
      const { machine } = await runDevice(host, body);
      const statistics = await machine.statistics(0);
      expect(statistics.codeBytes).toBeGreaterThan(20_000);
      expect(statistics.slots).toBeLessThan(40);
      expect(statistics.chunkBytes).toBeLessThan(500);
    });

    only.each([
      { what: "slots", program: "let all = null; for (;;) all = { all };", sentence: /more than the 2048 slots/ },
      {
        what: "chunks",
        program: "const all = []; for (;;) all.push(new Uint8Array(900));",
        sentence: /more than the 32768 bytes of chunks/,
      },
      { what: "one chunk", program: "new ArrayBuffer(40000);", sentence: /more than the 32768 bytes of chunks/ },
      {
        what: "one huge chunk",
        program: "new ArrayBuffer(2 ** 31 - 8);",
        sentence: /more than the 32768 bytes of chunks/,
      },
      {
        what: "stack",
        program: "function f(n) { return 1 + f(n + 1); } f(0);",
        sentence: /more than the 384 stack slots/,
      },
    ])("ends the machine when it is exceeded: $what", async ({ program, sentence }) => {
      const { board } = await runDevice(host, program);
      expect(await board.ended).toMatch(sentence);
    });

    only("may be given other limits", async () => {
      const program = listening(
        "",
        "const all = []; for (let i = 0; i < 40; i++) all.push({ i }); new Uint8Array(9000);",
      );
      const { machine } = await runDevice(host, program, { slots: 300, chunkBytes: 12_000, stackSlots: 100 });
      expect(await machine.statistics(0)).toMatchObject({ slotsLimit: 300, chunkBytesLimit: 12_000 });
      const { board } = await runDevice(host, program, { slots: 300, chunkBytes: 5000 });
      expect(await board.ended).toMatch(/more than the 5000 bytes/);
      await expect(runDevice(host, "", { slots: 100 })).rejects.toThrow("The option slots of an XS machine");
      await expect(runDevice(host, "", { seed: -1 })).rejects.toThrow("The option seed");
    });
  });

  describe("the end", () => {
    only.each([
      {
        what: "an exception",
        program: "function inner() { null.x; } inner();",
        sentence: /^The program threw TypeError: .*\n at inner/,
      },
      { what: "a thrown text", program: "throw 'no sensor';", sentence: /^The program threw no sensor$/ },
      {
        what: "a long message",
        program: "throw new Error('m'.repeat(5000));",
        sentence: /^The program threw Error: m{1000}/,
      },
      { what: "a value without text", program: "throw { toString() { throw 1; } };", sentence: /cannot be shown/ },
      {
        what: "a rejection",
        program: "Promise.reject(new RangeError('far'));",
        sentence: /in a promise that nobody caught: RangeError: far/,
      },
      {
        what: "an async function",
        program: "(async () => { await 1; throw new Error('off'); })();",
        sentence: /nobody caught: Error: off/,
      },
      { what: "syntax", program: "\nconst = 1;", sentence: /^The program does not parse: line 2: / },
      { what: "too much output", program: "for (;;) host.print('again and again');", sentence: /more than 16 MiB/ },
      {
        what: "an exception when memory is short",
        program: "const all = []; for (let i = 0; i < 330; i++) all.push({ i }); throw new Error('late');",
        sentence: /threw Error: late/,
      },
    ])("is told by its cause: $what", async ({ program, sentence }) => {
      const { board, machine } = await runDevice(host, program);
      expect(await board.ended).toMatch(sentence);
      await expect(machine.statistics(0)).rejects.toThrow("The machine does not run");
      machine.wake(1); // dropped
      await machine.settled();
    });

    only("comes with an exception in an event", async () => {
      const { board, machine } = await runDevice(host, listening("onWake() { throw new Error('asleep'); }"));
      machine.wake(1);
      const statistics = machine.statistics(2);
      await expect(statistics).rejects.toThrow("Error: asleep");
      expect(await board.ended).toMatch("The program threw Error: asleep\n at onWake");
    });

    only("comes in bounded time when the program loops", async () => {
      const { board, machine } = await runDevice(host, listening("onWake() { for (;;); }"), { answerWithinMs: 300 });
      machine.wake(1);
      expect(await board.ended).toMatch("did not return from an event within 0.3 s");
      await machine.stop();
    });

    only("is silent when the machine is stopped, even while it loops", async () => {
      const { board, machine } = await runDevice(host, listening("onWake() { for (;;); }"));
      machine.wake(1);
      const statistics = machine.statistics(2);
      const stopped = machine.stop();
      await expect(statistics).rejects.toThrow("it was stopped");
      await stopped;
      await machine.stop();
      expect(await Promise.race([board.ended, Promise.resolve("silent")])).toBe("silent");
    });

    only("is told when the host does not start or dies", async () => {
      const { board } = await runDevice({ path: "/nowhere/mote-xs", bits: 32 }, "");
      expect(await board.ended).toMatch("The XS host /nowhere/mote-xs does not start");
      const { board: dead } = await runDevice({ path: "/bin/false", bits: 32 }, "");
      expect(await dead.ended).toMatch("The XS engine crashed: it exited with 1");
    });
  });
});
