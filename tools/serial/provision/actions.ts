import { UserError } from "../../cli/errors.ts";
import type { Loader } from "../esptool/loader.ts";
import { DataSubtype, type Partition, PartitionType, readPartitionTable } from "../esptool/partition-table.ts";
import { withLoader } from "../esptool/session.ts";
import { writeWithProgress } from "../flash/actions.ts";
import { memoryImage } from "../flash/images.ts";
import type { LoaderOptions } from "../options.ts";
import { withRepl } from "../upload/session.ts";
import { decodeNvs, encodeNvs } from "./nvs.ts";
import {
  describeSettings,
  type GivenSettings,
  maskSettings,
  NAMESPACE,
  readSettingsFile,
  resolveSettings,
  type Settings,
  settingsFromJson,
  settingsFromNvs,
  settingsToJson,
  settingsToNvs,
  STORAGE_FILE,
} from "./settings.ts";

export interface ProvisionOptions extends LoaderOptions, GivenSettings {
  target: "moddable" | "espruino";
  fresh?: boolean;
  show?: boolean;
}

const RUN_AGAIN = "Run the same command again; until it succeeds the board may have no settings.";

export async function provision(file: string | undefined, options: ProvisionOptions): Promise<void> {
  const given = { ...(file !== undefined && (await readSettingsFile(file))), ...givenIn(options) };
  const settings = await resolveSettings(given);
  if (!options.show && Object.keys(settings).length === 0 && !options.fresh)
    throw new UserError("Give settings to store, as a file or as options, or --show (mote provision --help).");
  const change = options.show ? undefined : settings;
  const stored = await (options.target === "espruino" ? provisionStorage : provisionNvs)(change, options);
  console.log(options.json ? JSON.stringify(maskSettings(stored)) : describeSettings(stored));
}

function givenIn(options: ProvisionOptions): GivenSettings {
  const { wifiSsid, wifiPassword, broker, clientId, username, password, ca, cert, key } = options;
  const given = { wifiSsid, wifiPassword, broker, clientId, username, password, ca, cert, key };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** Merges `change` into the chip's NVS partition. Returns what the partition then holds, read back from the chip. */
async function provisionNvs(change: Settings | undefined, options: ProvisionOptions): Promise<Settings> {
  return withLoader(options, RUN_AGAIN, async (session) => {
    const { loader } = session;
    const partition = await findNvs(loader);
    if (change) {
      const before = options.fresh ? [] : decodeNvs(await loader.read(partition.offset, partition.size));
      const others = before.filter(({ namespace }) => namespace !== NAMESPACE);
      const merged = { ...settingsFromNvs(before), ...change };
      const image = encodeNvs([...settingsToNvs(merged), ...others], partition.size);
      await writeWithProgress(session, [memoryImage("settings", partition.offset, image)]);
    }
    return settingsFromNvs(decodeNvs(await loader.read(partition.offset, partition.size)));
  });
}

async function findNvs(loader: Loader): Promise<Partition> {
  const partitions = await readPartitionTable(loader);
  const nvs = partitions.find(({ type, subtype }) => type === PartitionType.DATA && subtype === DataSubtype.NVS);
  if (!nvs)
    throw new UserError(
      `The board's firmware has no NVS partition, only ${partitions.map(({ label }) => label).join(", ")}. Flash one that has.`,
    );
  if (nvs.encrypted) throw new UserError(`The board's NVS partition ${nvs.label} is encrypted: mote cannot write it.`);
  return nvs;
}

/** The same on Espruino, whose programs read `require("Storage").readJSON("mote.json")`. */
async function provisionStorage(change: Settings | undefined, options: ProvisionOptions): Promise<Settings> {
  return withRepl(options, RUN_AGAIN, async (repl) => {
    const stored = async (): Promise<Settings> => {
      const file = await repl.readFile(STORAGE_FILE);
      return file ? settingsFromJson(new TextDecoder().decode(file)) : {};
    };
    if (change) {
      const before = options.fresh ? {} : await stored();
      await repl.storeFile(STORAGE_FILE, new TextEncoder().encode(settingsToJson({ ...before, ...change })));
    }
    return stored();
  });
}
