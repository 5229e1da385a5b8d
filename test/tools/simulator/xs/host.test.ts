import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import fc from "fast-check";
import { expect } from "vitest";
import { FrameReader, FromHost, HEADER_BYTES, ToHost, createFrame } from "../../../../tools/simulator/xs/protocol.ts";
import { itIfThere } from "../../../support/require.ts";
import { hostOrReason } from "./device.ts";

const built = await hostOrReason();
const only = itIfThere({ name: "the XS engine", missing: "reason" in built ? built.reason : undefined });
const path = "host" in built ? built.host.path : "";

/** Runs the host by hand, on frames as they are; returns its exit code and what it says of the end. */
async function feed(
  input: Buffer[],
  args = ["2048", "32768", "384", "1"],
): Promise<{ code: unknown; sentence: string }> {
  const child = spawn(path, args);
  let sentence = "";
  const reader = new FrameReader();
  child.stdin.on("error", () => undefined); // it may end before it has read everything
  child.stdout.on("data", (chunk: Buffer) =>
    reader.read(chunk, ({ type, payload }) => {
      if (type === FromHost.ENDED) sentence = payload.toString();
    }),
  );
  for (const bytes of input) child.stdin.write(bytes);
  child.stdin.end();
  const [code] = (await once(child, "close")) as [unknown];
  return { code, sentence };
}

function evaluate(program: string): Buffer {
  const frame = createFrame(ToHost.EVALUATE, 0, 0, 0, 4 + program.length);
  frame.writeUInt32LE(0, HEADER_BYTES);
  frame.write(program, HEADER_BYTES + 4, "latin1");
  return frame;
}

function announced(type: number, length: number): Buffer {
  const frame = createFrame(type, 0, 0, 0, 0);
  frame.writeUInt32LE(length, 0);
  return frame;
}

const silent = createFrame(ToHost.CLOSED, 0, 0, 0, 3).fill(0, HEADER_BYTES);
const wrongLength = Buffer.from(evaluate("1;")).fill(255, HEADER_BYTES, HEADER_BYTES + 4);

only.each([
  { what: "an unknown type", input: [createFrame(99, 0, 0, 0, 0)], sentence: /type 99/ },
  { what: "a socket beyond the last", input: [createFrame(ToHost.WAKE, 8, 0, 0, 0)], sentence: /socket 8/ },
  { what: "too long a program", input: [announced(ToHost.EVALUATE, 5_000_000)], sentence: /5000000 bytes/ },
  { what: "too long an event", input: [announced(ToHost.RECEIVED, 0xffffffff)], sentence: /4294967295 bytes/ },
  { what: "an event before the program", input: [createFrame(ToHost.WAKE, 0, 0, 0, 0)], sentence: /out of turn/ },
  { what: "a second program", input: [evaluate("1;"), evaluate("2;")], sentence: /out of turn/ },
  {
    what: "a program without settings",
    input: [createFrame(ToHost.EVALUATE, 0, 0, 0, 0)],
    sentence: /without settings/,
  },
  { what: "settings longer than the frame", input: [wrongLength], sentence: /without settings/ },
  { what: "a number of 3 bytes", input: [evaluate("1;"), silent], sentence: /with 3 bytes/ },
])("the host refuses $what", async ({ input, sentence }) => {
  expect(await feed(input)).toEqual({ code: 12, sentence: expect.stringMatching(sentence) });
});

only("the host survives any frames", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 5 }), async (chunks) => {
      const frames = chunks.map((bytes, i) => {
        const frame = createFrame(1 + ((bytes[0] ?? i) % 9), (bytes[1] ?? 0) % 9, bytes[2] ?? 0, i, bytes.length);
        frame.set(bytes, HEADER_BYTES);
        return frame;
      });
      const { code } = await feed([evaluate("host.open(0, 'a', 1, false);"), ...frames]);
      expect([0, 12]).toContain(code);
    }),
    { numRuns: 40, seed: 1 },
  );
});

only("the host ends when stdin does, even while the program loops", async () => {
  const child: ChildProcessWithoutNullStreams = spawn(path, ["2048", "32768", "384", "1"]);
  child.stdin.on("error", () => undefined);
  child.stdin.write(evaluate("for (;;);"));
  child.stdin.end();
  child.stdin.destroy();
  child.stdout.destroy();
  await once(child, "exit");
});

only("the host refuses arguments that it cannot use", async () => {
  expect(await feed([], ["2048", "32768"])).toMatchObject({ code: 2 });
  expect(await feed([], ["x", "32768", "384", "1"])).toMatchObject({ code: 2 });
  expect(await feed([], ["1", "32768", "384", "1"])).toMatchObject({ code: 2 });
});
