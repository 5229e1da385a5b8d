import { afterEach, expect, it } from "vitest";
import { describeWith } from "../../../support/require.ts";
import { host, xs } from "../engine.ts";
import { listening, runDevice, stopDevices } from "./device.ts";

afterEach(stopDevices);

/** Something of about 60 slots and 1,000 bytes of chunks, and a name to find it by. */
const ballast = (name: string): string =>
  `const ${name} = []; for (let i = 0; i < 30; i++) ${name}.push({ i }); ${name}.push(new Uint8Array(500));`;

describeWith(xs, "what a program makes before host.preloaded()", () => {
  it("is baseline, and not in use by the program", async () => {
    const all = await (await runDevice(host, listening("", ballast("a") + ballast("b")))).machine.statistics(0);
    const half = await (
      await runDevice(host, listening("", `${ballast("a")} host.preloaded(); ${ballast("b")}`))
    ).machine.statistics(0);
    const none = await (
      await runDevice(host, `${listening("", ballast("a") + ballast("b"))}; host.preloaded();`)
    ).machine.statistics(0);

    expect(none).toMatchObject({ slots: 0, chunkBytes: 0, slotsPeak: 0, chunkBytesPeak: 0, collections: 0 });
    expect(half.slots).toBeGreaterThan(60);
    expect(half.slots).toBeLessThan(all.slots - 60);
    expect(half.chunkBytes).toBeLessThan(all.chunkBytes - 1_000);
    for (const { slots, baselineSlots, chunkBytes, baselineChunkBytes } of [half, none]) {
      // The call's own name is the only difference.
      expect(slots + baselineSlots - all.slots - all.baselineSlots).toBeLessThanOrEqual(2);
      expect(chunkBytes + baselineChunkBytes - all.chunkBytes - all.baselineChunkBytes).toBeLessThanOrEqual(200);
    }
  });

  it("may be more than the limits, and what comes after may not", async () => {
    const program = (after: number): string => `
      const before = new Array(3_000).fill(0).map((_, i) => ({ i })); const more = new Uint8Array(100_000);
      host.preloaded();
      const after = []; for (let i = 0; i < ${after}; i++) after.push({ i });
      host.print(before.length + " and " + after.length);`;
    const { board, machine } = await runDevice(host, program(300));
    expect(board.lines).toEqual(["3000 and 300"]);
    expect(await machine.statistics(0)).toMatchObject({ slotsLimit: 2048, chunkBytesLimit: 32_768 });
    const { board: full } = await runDevice(host, program(3_000));
    expect(await full.ended).toMatch(/more than the 2048 slots/);
    const { board: large } = await runDevice(host, "host.preloaded(); new Uint8Array(33_000);");
    expect(await large.ended).toMatch(/more than the 32768 bytes of chunks/);
  });

  it("has its variables on a stack beside the program's, which is no larger for them", async () => {
    const variables = Array.from({ length: 1_000 }, (_, index) => `let v${index} = ${index};`).join(" ");
    const wake = "onWake() { const fall = (n) => (n ? fall(n - 1) + 1 : 0); host.print(String(fall(host.now()))); }";
    for (const before of ["", variables]) {
      const program = `(() => { ${listening(wake, before, "host.preloaded();")} })()`;
      const { board, machine } = await runDevice(host, program);
      machine.wake(20);
      await machine.settled();
      expect(board.lines).toEqual(["20"]);
      machine.wake(60);
      expect(await board.ended).toMatch("more than the 384 stack slots");
    }
  });

  it("does nothing to the outside twice, and lives on", async () => {
    const { board, machine } = await runDevice(
      host,
      listening(
        "onWake() { host.print(String(++count)); }",
        "let count = 7; host.print('before'); host.open(2, 'early', 1883, false); host.wakeAt(5); host.preloaded();",
        "host.print('after'); host.open(3, 'late', 1883, true);",
      ),
    );
    machine.wake(5);
    await machine.settled();
    expect(board.lines).toEqual(["before", "after", "8"]);
    expect(board.calls).toEqual([
      ["open", 2, "early", 1883, false],
      ["wakeAt", 5],
      ["open", 3, "late", 1883, true],
    ]);
  });

  it("draws the random numbers that the seed says", async () => {
    const draw = async (program: string): Promise<string[]> => (await runDevice(host, program)).board.lines;
    const numbers = await draw("for (let i = 0; i < 4; i++) host.print(String(host.random()));");
    const around = "for (let i = 0; i < 2; i++) host.print(String(host.random()));";
    expect(await draw(`${around} host.preloaded(); ${around}`)).toEqual(numbers);
  });

  it.each([
    { when: "before it", program: "host.print('said'); null.x; host.preloaded();" },
    { when: "after it", program: "host.preloaded(); host.print('said'); null.x;" },
    { when: "where it is not reached", program: "host.print('said'); if (0) host.preloaded(); null.x;" },
  ])("does not hide an exception $when", async ({ program }) => {
    const { board } = await runDevice(host, program);
    expect(await board.ended).toMatch("The program threw TypeError");
    expect(board.lines).toEqual(["said"]);
  });

  it("ends with the first call, and a program that never calls it works", async () => {
    const again = `host.preloaded(); ${ballast("a")} host.preloaded(); host.print("done " + a.length);`;
    const { board, machine } = await runDevice(host, again);
    expect(board.lines).toEqual(["done 31"]);
    expect((await machine.statistics(0)).slots).toBeGreaterThan(60);

    const never = listening("", `if (host.settings === "") host.preloaded(); ${ballast("a")}`, "host.print('done');");
    const { board: other, machine: otherMachine } = await runDevice(host, never);
    expect(other.lines).toEqual(["done"]);
    expect((await otherMachine.statistics(0)).slots).toBeGreaterThan(60);
  });

  it("may catch what the call throws in the rehearsal", async () => {
    const { board, machine } = await runDevice(
      host,
      `${ballast("a")} try { host.preloaded(); } catch (e) { host.print("caught"); } ${ballast("b")} host.print("done");`,
    );
    expect(board.lines).toEqual(["done"]);
    expect((await machine.statistics(0)).slots).toBeLessThan(100);
  });
});
