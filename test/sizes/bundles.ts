import { build } from "esbuild";
import { packageRoot } from "../../tools/cli/package.ts";

/** What a device's bundle takes of Mote. */
export interface Bundle {
  /** What it is, in the table's words. */
  name: string;
  /** Names that are imported, by source. */
  imports: Record<string, readonly string[]>;
  /** The bundle that it adds to. */
  on?: Bundle;
}

export interface Size {
  bundle: Bundle;
  /** Bytes, minified, private names shortened. */
  bytes: number;
  /** The sources that it has bytes of. */
  modules: string[];
}

const words = (...lines: string[]): string[] => lines.flatMap((line) => line.split(" "));

const CODEC = words(
  "Framer encodeConnect decodeConnack encodePublish openPublish closePublish setPublishPacketId decodePublish",
  "encodeAcknowledgement encodeSubscribe decodeSuback encodeUnsubscribe encodeBarePacket",
  "topicMatches checkTopicName checkTopicFilter",
);

/** The smallest client: what every other bundle is measured against. */
export const BASE: Bundle = { name: "client, QoS 0 and 1", imports: { "src/index.ts": ["Client"] } };
const V5: Bundle = { name: "client of MQTT 5, QoS 0 and 1", imports: { "src/v5.ts": ["Client"] } };

const PARTS: Record<string, Bundle["imports"]> = {
  "`mote-mqtt/qos2`": { "src/qos2.ts": ["ExactlyOnce"] },
  "`mote-mqtt/streaming`": { "src/streaming.ts": ["Streaming"] },
  "`mote-mqtt/store`": { "src/store.ts": ["SavedSession"] },
  "`mote-mqtt/queue`": { "src/queue.ts": ["OfflineQueue"] },
  "`mote-mqtt/metrics`": { "src/metrics.ts": ["Metrics"] },
};

const PARTS_V5: typeof PARTS = {
  ...PARTS,
  "`mote-mqtt/requests`": { "src/requests.ts": ["Requests", "Responder"] },
};

const withParts = (on: Bundle, parts: typeof PARTS): Bundle[] => [
  on,
  ...Object.entries(parts).map(([name, imports]) => ({ name: `… with ${name}`, imports, on })),
  { name: "… with all of these", imports: Object.assign({}, ...Object.values(parts)) as Bundle["imports"], on },
];

export const BUNDLES: readonly Bundle[] = [
  ...withParts(BASE, PARTS),
  ...withParts(V5, PARTS_V5),
  { name: "client of `mote-mqtt/lean`", imports: { "src/lean/index.ts": ["Client"] } },
  {
    name: "codec alone, what a client needs of it",
    imports: { "src/packet/index.ts": [...CODEC, "checkAcknowledgement"] },
  },
  {
    name: "codec of MQTT 5 alone, likewise",
    imports: {
      "src/packet/v5/index.ts": words(
        ...CODEC,
        "decodeAcknowledgement decodeUnsuback encodeDisconnect decodeDisconnect encodeAuth decodeAuth disconnectReason",
        "encodeNumberProperty encodeFieldProperty encodeUserProperty checkSubscriptionFilter matchedFilterStart",
      ),
    },
  },
];

/** Bundles it as a device's build does. */
export async function measure(bundle: Bundle): Promise<Size> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: exportsOf(bundle), resolveDir: packageRoot, loader: "ts" },
    bundle: true,
    minify: true,
    mangleProps: /^_/,
    format: "esm",
    target: "es2022",
    legalComments: "none",
    tsconfigRaw: { compilerOptions: { useDefineForClassFields: false } },
    absWorkingDir: packageRoot,
    metafile: true,
    write: false,
  });
  const [{ inputs }] = Object.values(metafile.outputs);
  const modules = Object.keys(inputs).filter((path) => path !== "<stdin>" && inputs[path]!.bytesInOutput > 0);
  return { bundle, bytes: outputFiles[0]!.contents.length, modules: modules.sort() };
}

function exportsOf({ imports, on }: Bundle): string {
  const lines = Object.entries(imports).map(([source, names]) => `export { ${names.join(", ")} } from "./${source}";`);
  return (on ? exportsOf(on) : "") + lines.join("");
}

/** The table as the README has it. */
export async function table(): Promise<string> {
  const sizes = new Map<Bundle, number>();
  for (const bundle of BUNDLES) sizes.set(bundle, (await measure(bundle)).bytes);
  const rows = BUNDLES.map((bundle) => {
    const bytes = sizes.get(bundle)!;
    const more = bundle.on ? `+ ${grouped(bytes - sizes.get(bundle.on)!)}` : "";
    return [bundle.name, grouped(bytes), more];
  });
  return markdown([["bundle", "bytes", "more"], ...rows]);
}

const grouped = (count: number): string => count.toLocaleString("en-US");

/** Formatted as the formatter does. */
function markdown([header, ...rows]: string[][]): string {
  const widths = header!.map((_, column) => Math.max(...[header!, ...rows].map((row) => row[column]!.length)));
  const line = (cells: string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  return [line(header!), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

const MARKS = ["<!-- sizes: begin -->\n\n", "\n\n<!-- sizes: end -->"] as const;

/** The text with the table between its marks. */
export function withTable(text: string, table: string): string {
  const [begin, end] = MARKS;
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error("the text has no marks for the table of sizes");
  return text.slice(0, from + begin.length) + table + text.slice(to);
}
