import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";

const PACKET = fileURLToPath(new URL("../../../src/packet", import.meta.url));

/** What a client needs: the encoders of what it sends, the decoders of what it receives. */
const CLIENT_311 = [
  "Framer encodeConnect decodeConnack encodePublish openPublish closePublish setPublishPacketId decodePublish",
  "encodeAcknowledgement checkAcknowledgement encodeSubscribe decodeSuback encodeUnsubscribe encodeBarePacket",
  "topicMatches checkTopicName checkTopicFilter",
].flatMap((names) => names.split(" "));
const CLIENT_5 = [
  ...CLIENT_311.filter((name) => name !== "checkAcknowledgement"),
  "decodeAcknowledgement decodeUnsuback encodeDisconnect decodeDisconnect encodeAuth decodeAuth disconnectReason",
  "encodeNumberProperty encodeFieldProperty encodeUserProperty checkSubscriptionFilter matchedFilterStart",
].flatMap((names) => names.split(" "));

interface Bundle {
  bytes: number;
  inputs: string[];
}

async function bundle(names: readonly string[], from: string): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: `export { ${names.join(", ")} } from "${from}";`, resolveDir: PACKET },
    bundle: true,
    minify: true,
    mangleProps: /^_/,
    format: "esm",
    target: "es2020",
    metafile: true,
    write: false,
  });
  return { bytes: outputFiles[0].contents.length, inputs: Object.keys(metafile.inputs) };
}

describe("bundles", () => {
  it("of 3.1.1 take in nothing of MQTT 5", async () => {
    const codec = await bundle(CLIENT_311, "./index.ts");
    const client = await bundle(["Client", "Reason", "describe"], "../index.ts");
    const inputs = [...codec.inputs, ...client.inputs].map((path) => path.replace(/^.*src\//, ""));
    expect(inputs).toContain("packet/framer.ts");
    expect(inputs.filter((path) => path.includes("v5"))).toEqual([]);
  });

  it("of the client's direction are as large as printed", async () => {
    const three = await bundle(CLIENT_311, "./index.ts");
    const five = await bundle(CLIENT_5, "./v5/index.ts");
    console.log(`codec, client's direction, minified: 3.1.1 ${three.bytes} bytes, 5 ${five.bytes} bytes`);
    expect(five.bytes).toBeGreaterThan(three.bytes);
  });
});
