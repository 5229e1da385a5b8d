// Publishes messages of `settings.total` bytes, one after the other, and takes in pieces what comes to "in", with the
// version that `settings` says. A payload's byte at `offset` is `offset % PERIOD`.

import { Client as Client311 } from "mote-mqtt";
import { ExactlyOnce } from "mote-mqtt/qos2";
import { onReport, platform, report, settings } from "mote-mqtt/simulator";
import { type Piece, Streaming } from "mote-mqtt/streaming";
import { Client } from "mote-mqtt/v5";

/** A prime, so that no piece has the length of a whole number of periods. */
const PERIOD = 251;
const total = Number(settings.total);

const version5 = settings.version === 5;
const client: Client311 = new (version5 ? Client : Client311)(platform, {
  url: "mqtt://broker:1883",
  clientId: "counted",
  keepAlive: 0,
  exactlyOnce: new ExactlyOnce(8),
});
const streaming = new Streaming(client);
const properties = version5 ? { contentType: "image/png", userProperties: [["unit", "°C"]] } : {};
const publisher = streaming.publisher("out", { qos: Number(settings.qos ?? 0) as 0 | 1 | 2, ...properties });
const chunk = new Uint8Array(4 * PERIOD);
for (let at = 0; at < chunk.length; at++) chunk[at] = at % PERIOD;

let delivered = 0;
let received = 0;
let interrupted = 0;
let wrong = 0;

function pump(): void {
  while (publisher.missing > 0) {
    const at = (total - publisher.missing) % PERIOD;
    const end = Math.min(chunk.length, at + publisher.missing);
    if (publisher.write(chunk, at, end) < end - at) return;
  }
  publisher.end();
}

function begin(): void {
  if (publisher.begin(total)) pump();
}

publisher.onWritable = pump;
publisher.onEnd = (reason) => {
  if (reason === 0) delivered++;
  else interrupted++;
};
if (total) setInterval(begin, 1_000);

let expected = 0;
function take(piece: Piece): void {
  const { offset, bytes, start, end } = piece;
  if (offset !== expected) wrong++;
  if (bytes[start] !== offset % PERIOD || bytes[end - 1] !== (offset + end - start - 1) % PERIOD) wrong++;
  expected = piece.last ? 0 : offset + end - start;
  if (piece.last) received++;
}
client.subscribe("in", 2, streaming.pieces(take));
client.connect();

onReport(() => {
  report("delivered", delivered);
  report("received", received);
  report("interrupted", interrupted);
  report("wrong", wrong);
});
