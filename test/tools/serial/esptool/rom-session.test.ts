// The double against a session with the real boot ROM: the same client has to see frames of the same kind and shape in
// the same order, or what is tested against the double is tested against a fiction.
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { ESPLoader } from "esptool-js";
import { expect, test } from "vitest";
import { PortTransport } from "../../../../tools/serial/esptool/transport.ts";
import { WiredPort } from "../carriers.ts";
import { RomDouble } from "../rom-double.ts";

const OFFSET = 0x110000;
const LENGTH = 204_800;

test("esptool-js and the double exchange the frames that esptool-js and the real ROM did", async () => {
  const recorded = readSession();
  const double = new RomDouble();
  const seen: string[] = [];
  const image = randomBytes(LENGTH);
  await runRecordedSession(double, image);
  await sleep(0); // the last frame is one that esptool-js leaves unread
  for (const frame of double.log) seen.push(`${frame.direction} ${frame.kind} ${frame.length}`);

  expect(seen.slice(0, 20)).toEqual(recorded.slice(0, 20));
  expect(seen).toEqual(recorded);
  expect(Buffer.from(double.flash.subarray(OFFSET, OFFSET + LENGTH)).equals(image)).toBe(true);
});

/** What the developers' recording script did, by esptool-js alone, without Mote's own loader. */
async function runRecordedSession(double: RomDouble, image: Uint8Array): Promise<void> {
  const transport = new PortTransport(new WiredPort(double));
  const silent = { clean: () => {}, write: () => {}, writeLine: () => {} };
  const loader = new ESPLoader({ transport, baudrate: 921_600, terminal: silent });
  await loader.main("no_reset");
  await loader.readFlashId();
  await loader.writeFlash({
    fileArray: [{ data: image, address: OFFSET }],
    flashMode: "keep",
    flashFreq: "keep",
    flashSize: "keep",
    eraseAll: false,
    compress: true,
    calculateMD5Hash: (bytes) => createHash("md5").update(bytes).digest("hex"),
  });
  await loader.flashMd5sum(OFFSET, LENGTH);
  const read = await loader.readFlash(OFFSET, LENGTH, () => {});
  expect(Buffer.from(read).equals(image)).toBe(true);
}

function readSession(): string[] {
  const text = readFileSync(new URL("../data/rom-session.txt", import.meta.url), "utf8");
  return text
    .split("\n")
    .filter((line) => line && !line.startsWith("#"))
    .flatMap((line) => {
      const [frames, times] = line.split(" x ");
      return Array.from({ length: Number(times ?? 1) }, () => frames!.split("; ")).flat();
    });
}
