import { createHash, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { parseBrokerUrl } from "../../cli/arguments.ts";
import { UserError } from "../../cli/errors.ts";
import type { NvsEntry, NvsValue } from "./nvs.ts";

/**
 * What a device has to be told that its program does not know. The names are those under which the device finds them:
 * as keys of the NVS namespace "mote" (on Moddable `Preference.get("mote", "host")`), or in the Storage file
 * "mote.json" on Espruino. NVS allows 15 characters.
 */
export interface Settings {
  wifiSsid?: string;
  wifiPassword?: string;
  host?: string;
  port?: number;
  tls?: boolean;
  clientId?: string;
  username?: string;
  password?: string;
  /** Certificates and key in DER, the form that both engines take. */
  ca?: Uint8Array;
  cert?: Uint8Array;
  key?: Uint8Array;
}

export const NAMESPACE = "mote";
export const STORAGE_FILE = "mote.json";

const NAMES = [
  "wifiSsid",
  "wifiPassword",
  "host",
  "port",
  "tls",
  "clientId",
  "username",
  "password",
  "ca",
  "cert",
  "key",
] as const satisfies (keyof Settings)[];
const SECRETS: ReadonlySet<keyof Settings> = new Set(["wifiPassword", "password", "key"]);
const MASK = "********";

/** What the user gives: a broker is one URL, certificates are files. */
export interface GivenSettings {
  wifiSsid?: string;
  wifiPassword?: string;
  broker?: string;
  clientId?: string;
  username?: string;
  password?: string;
  ca?: string;
  cert?: string;
  key?: string;
}

const GIVEN_NAMES = ["wifiSsid", "wifiPassword", "broker", "clientId", "username", "password", "ca", "cert", "key"];

/** A JSON file of settings; paths in it are seen from where it lies. */
export async function readSettingsFile(file: string): Promise<GivenSettings> {
  const text = await readFile(file, "utf8").catch((error: Error) => {
    throw new UserError(`The settings cannot be read: ${error.message}.`);
  });
  const given = parseObject(text);
  if (!given)
    throw new UserError(`${file} is no settings file: it has to be a JSON object, such as {"wifiSsid": "…"}.`);
  for (const [name, value] of Object.entries(given)) {
    if (!GIVEN_NAMES.includes(name))
      throw new UserError(`${file}: ${JSON.stringify(name)} is no setting. There are ${GIVEN_NAMES.join(", ")}.`);
    if (typeof value !== "string") throw new UserError(`${file}: ${name} has to be a text.`);
  }
  for (const name of ["ca", "cert", "key"]) {
    if (name in given) given[name] = resolve(dirname(file), given[name] as string);
  }
  return given;
}

/** Undefined when it is no JSON object. The engine's own words would repeat a part of it, which may be a password. */
function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && !Array.isArray(value)
      ? ((value ?? undefined) as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Checks what was given, and turns it into what the device reads. */
export async function resolveSettings(given: GivenSettings): Promise<Settings> {
  const settings: Settings = { ...(given.broker !== undefined && parseBroker(given.broker)) };
  for (const name of ["wifiSsid", "wifiPassword", "clientId", "username", "password"] as const) {
    if (given[name] !== undefined) settings[name] = checkText(name, given[name]);
  }
  for (const name of ["ca", "cert", "key"] as const) {
    if (given[name] !== undefined) settings[name] = await readPem(name, given[name]);
  }
  return settings;
}

export function settingsToNvs(settings: Settings): NvsEntry[] {
  return NAMES.filter((name) => settings[name] !== undefined).map((key) => ({
    namespace: NAMESPACE,
    key,
    value: toNvs(settings[key]!),
  }));
}

export function settingsFromNvs(entries: NvsEntry[]): Settings {
  const own = entries.filter(({ namespace }) => namespace === NAMESPACE);
  return fromRecord(Object.fromEntries(own.map(({ key, value }) => [key, fromNvs(key, value)])));
}

/** Espruino takes certificates as base64 of DER. */
export function settingsToJson(settings: Settings): string {
  return JSON.stringify(settings, (_, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value,
  );
}

export function settingsFromJson(json: string): Settings {
  const record = JSON.parse(json) as Record<string, unknown>;
  for (const name of ["ca", "cert", "key"]) {
    if (typeof record[name] === "string") record[name] = Uint8Array.from(Buffer.from(record[name], "base64"));
  }
  return fromRecord(record);
}

/** One line a setting, for people: secrets never show, not even how long they are. */
export function describeSettings(settings: Settings): string {
  const shown = Object.entries(maskSettings(settings));
  return shown.length === 0
    ? "no settings"
    : shown.map(([name, value]) => `${name.padEnd(13)} ${String(value)}`).join("\n");
}

/** The settings as they may be shown and logged. */
export function maskSettings(settings: Settings): Record<string, string | number | boolean> {
  return Object.fromEntries(
    NAMES.filter((name) => settings[name] !== undefined).map((name) => {
      const value = settings[name]!;
      if (SECRETS.has(name)) return [name, MASK];
      return [name, value instanceof Uint8Array ? fingerprint(value) : value];
    }),
  );
}

function parseBroker(url: string): Pick<Settings, "host" | "port" | "tls"> {
  const parsed = new URL(parseBrokerUrl(url));
  const tls = parsed.protocol === "mqtts:";
  return {
    host: parsed.hostname.replace(/^\[|\]$/g, ""),
    port: parsed.port ? Number(parsed.port) : tls ? 8883 : 1883,
    tls,
  };
}

function checkText(name: string, text: string): string {
  const bytes = Buffer.byteLength(text);
  if (text.includes("\0")) throw new UserError(`${name} must not contain U+0000.`);
  if (name === "wifiSsid" && (bytes < 1 || bytes > 32))
    throw new UserError(`wifiSsid has ${bytes} bytes; a network's name has 1 to 32.`);
  if (name === "wifiPassword" && bytes !== 0 && (bytes < 8 || bytes > 64))
    throw new UserError(`wifiPassword has ${bytes} bytes; WPA wants 8 to 63, or 64 hexadecimal digits.`);
  return text;
}

/** A PEM file with one certificate or key, as DER. */
async function readPem(name: string, file: string): Promise<Uint8Array> {
  const text = await readFile(file, "utf8").catch((error: Error) => {
    throw new UserError(`${name}: ${file} cannot be read: ${error.message}`);
  });
  const body = /-----BEGIN [^-]+-----([^-]+)-----END [^-]+-----/.exec(text)?.[1];
  if (!body) throw new UserError(`${name}: ${file} is not in PEM format (it has no -----BEGIN … line).`);
  const der = Uint8Array.from(Buffer.from(body, "base64"));
  if (name !== "key") {
    try {
      new X509Certificate(der);
    } catch (error) {
      throw new UserError(`${name}: ${file} holds no certificate: ${(error as Error).message}`);
    }
  }
  return der;
}

/** Moddable reads a boolean from u8, a number from i32, text from a string and bytes from a blob. */
function toNvs(value: string | number | boolean | Uint8Array): NvsValue {
  if (typeof value === "string") return { type: "string", text: value };
  if (typeof value === "number") return { type: "i32", number: BigInt(value) };
  if (typeof value === "boolean") return { type: "u8", number: value ? 1n : 0n };
  return { type: "blob", bytes: value };
}

function fromNvs(key: string, value: NvsValue): string | number | boolean | Uint8Array {
  if (value.type === "string") return value.text;
  if (value.type === "blob") return value.bytes;
  return key === "tls" ? value.number !== 0n : Number(value.number);
}

/** Keeps what this version knows. */
function fromRecord(record: Record<string, unknown>): Settings {
  return Object.fromEntries(NAMES.filter((name) => name in record).map((name) => [name, record[name]])) as Settings;
}

function fingerprint(der: Uint8Array): string {
  return `${der.length} bytes, SHA-256 ${createHash("sha256").update(der).digest("hex").slice(0, 16)}…`;
}
