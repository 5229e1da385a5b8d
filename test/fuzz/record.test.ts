// How corpus/traffic.json was made: it is what real brokers and a client of Mote say to each other. `npm run fuzz:record`
// writes it anew.

import { writeFileSync } from "node:fs";
import { afterEach, expect, it } from "vitest";
import { createPlatform } from "../../platforms/node/index.ts";
import type { Client } from "../../src/client/client.ts";
import { PacketType } from "../../src/packet/index.ts";
import type { Platform, Transport } from "../../src/platform.ts";
import { type Level, Reader } from "../simulation/wire.ts";
import { mosquitto, type RealBroker, startAedes, startMosquitto } from "../support/real-brokers.ts";
import { describeWith } from "../support/require.ts";
import { type Traffic, TRAFFIC_FILE, trafficOf } from "./corpus.ts";
import { exercise, LARGE } from "./exercise.ts";

/** It ends each recording: by then all else has come. */
const PINGRESP = "d000";

const isRecording = process.env.MOTE_RECORD !== undefined;
/** aedes is recorded, and not compared: in the midst of QoS 2 it ends a connection at times. */
const SESSIONS = [
  ["mosquitto", 4, startMosquitto],
  ["mosquitto", 5, startMosquitto],
  ...(isRecording ? ([["aedes", 4, startAedes]] as const) : []),
] as const;

const recorded: Traffic[] = [];
const clients: Client[] = [];
afterEach(() => clients.splice(0).forEach((client) => client.disconnect()));

describeWith(mosquitto, "the fuzzer's traffic", () => {
  it.each(SESSIONS)("has the packets that %s sends and gets at level %i", async (name, level, start) => {
    const traffic = await recordWith(name, await start(), level);
    recorded.push(traffic);
    if (isRecording) return writeFileSync(TRAFFIC_FILE, JSON.stringify(recorded, null, 2) + "\n");
    const kept = trafficOf(name, level);
    expect(typesOf(kept.up, level, true)).toEqual(expect.arrayContaining(typesOf(traffic.up, level, true)));
    expect(typesOf(kept.down, level, false)).toEqual(expect.arrayContaining(typesOf(traffic.down, level, false)));
  });
});

function typesOf(connections: string[], level: Level, toServer: boolean): string[] {
  const types = new Set<string>();
  for (const bytes of connections) {
    const reader = new Reader(level, toServer);
    reader.onPacket = ({ type }) => types.add(PacketType[type]);
    reader.onMalformed = (why) => expect.unreachable(why);
    reader.push(Buffer.from(bytes, "hex"));
  }
  return [...types].sort();
}

async function recordWith(name: string, broker: RealBroker, level: Level): Promise<Traffic> {
  const traffic: Traffic = { broker: name, level, up: [], down: [] };
  const { client } = exercise(recordingPlatform(traffic), level, false, { url: broker.url });
  // aedes may have ended a connection or two.
  const isQuiet = (): boolean => client.connected && traffic.down[traffic.down.length - 1].endsWith(PINGRESP);
  await connected(client, isQuiet);
  const other = exercise(createPlatform(), level, false, { url: broker.url, clientId: "other", outboxBytes: 4_096 });
  // While the first is away, the broker keeps these for its session.
  for (const qos of [1, 2] as const)
    for (const text of ["later", LARGE]) other.client.publish("greenhouse/8", text, { qos });
  await connected(other.client, () => other.client.queued + other.client.inFlight === 0);
  await connected(client, isQuiet);
  await broker.stop();
  return traffic;
}

/** Connects until it has what it came for. */
async function connected(client: Client, isDone: () => boolean): Promise<void> {
  clients.push(client);
  client.connect();
  await expect.poll(isDone, { timeout: 20_000 }).toBe(true);
  client.disconnect();
}

/** Notes what goes through its transports. */
function recordingPlatform({ up, down }: Traffic): Platform {
  const platform = createPlatform();
  const createTransport = (): Transport => {
    const transport = platform.createTransport();
    return {
      open(endpoint, listener) {
        const connection = up.push("") - 1;
        down.push("");
        transport.open(endpoint, {
          onOpen: () => listener.onOpen(),
          onData(bytes, start, end) {
            down[connection] += hex(bytes, start, end);
            listener.onData(bytes, start, end);
          },
          onWritable: () => listener.onWritable(),
          onClose: (reason) => listener.onClose(reason),
        });
      },
      write(bytes, start, end) {
        const taken = transport.write(bytes, start, end);
        up[up.length - 1] += hex(bytes, start, start + taken);
        return taken;
      },
      close: () => transport.close(),
    };
  };
  return { ...platform, createTransport };
}

function hex(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.subarray(start, end)).toString("hex");
}
