import { readFile } from "node:fs/promises";
import { basename, extname } from "node:path";
import { bundleForEspruino } from "../../build/espruino.ts";
import { UserError } from "../../cli/errors.ts";
import { ModdableSubtype, type Partition, PartitionType, readPartitionTable } from "../esptool/partition-table.ts";
import { withLoader } from "../esptool/session.ts";
import { writeWithProgress } from "../flash/actions.ts";
import { memoryImage } from "../flash/images.ts";
import { Progress } from "../flash/progress.ts";
import type { LoaderOptions } from "../options.ts";
import { withRepl } from "./session.ts";

export interface UploadOptions extends LoaderOptions {
  target: "espruino" | "moddable";
  boot?: boolean;
  name?: string;
  run: boolean;
}

const BOOT_FILE = ".bootcde";
const RUN_AGAIN = "Run the same command again: it starts from the beginning.";

export async function upload(app: string, options: UploadOptions): Promise<void> {
  const { stored, bytes } = await (options.target === "espruino" ? uploadToEspruino : uploadMod)(app, options);
  const said = `Stored ${bytes} bytes as ${stored}, and compared them.`;
  console.log(options.json ? JSON.stringify({ app, stored, bytes }) : said);
}

interface Stored {
  stored: string;
  bytes: number;
}

/** Bundles an application, stores it, and starts it: at once, or with --boot by booting the board. */
async function uploadToEspruino(app: string, options: UploadOptions): Promise<Stored> {
  const script = await bundleForEspruino(app);
  const name = options.boot ? BOOT_FILE : (options.name ?? basename(app, extname(app)));
  return withRepl(options, RUN_AGAIN, async (repl, status) => {
    const progress = new Progress();
    await repl.storeFile(name, script, (sent) => status.update(progress.line(sent, script.length, name)));
    // Run from Storage, where its functions stay in flash memory.
    if (options.run)
      await repl.execute(options.boot ? "load()" : `eval(require("Storage").read(${JSON.stringify(name)}))`);
    return { stored: name, bytes: script.length };
  });
}

/** A mod archive into the partition that Moddable's hosts map. */
async function uploadMod(app: string, options: UploadOptions): Promise<Stored> {
  const archive = await readArchive(app);
  return withLoader(options, RUN_AGAIN, async (session) => {
    const partition = findModPartition(await readPartitionTable(session.loader));
    if (archive.length > partition.size)
      throw new UserError(
        `${app} has ${archive.length} bytes; the partition ${partition.label} takes ${partition.size}. Make the mod smaller, or build the host with a larger partition.`,
      );
    await writeWithProgress(session, [memoryImage(app, partition.offset, archive)]);
    return { stored: `partition ${partition.label}`, bytes: archive.length };
  });
}

/** An archive begins with its length and its kind. */
async function readArchive(file: string): Promise<Uint8Array> {
  const archive = await readFile(file).catch((error: Error) => {
    throw new UserError(`${file} cannot be read: ${error.message}`);
  });
  const isArchive = archive.length >= 8 && archive.toString("latin1", 4, 8) === "XS_A";
  if (!isArchive) throw new UserError(`${file} is no mod archive (.xsa). Build one with mcrun -m -p esp32.`);
  if (archive.readUInt32BE(0) !== archive.length)
    throw new UserError(
      `${file} is cut short: it says it has ${archive.readUInt32BE(0)} bytes, and has ${archive.length}.`,
    );
  return archive;
}

function findModPartition(partitions: Partition[]): Partition {
  const found = partitions.find(
    ({ type, subtype }) => type === PartitionType.MODDABLE && subtype === ModdableSubtype.XS,
  );
  if (!found)
    throw new UserError(
      `The board's firmware takes no mods: it has no partition of type 0x40/0x1, only ${partitions.map(({ label }) => label).join(", ")}. Flash a Moddable host built with mods.`,
    );
  return found;
}
