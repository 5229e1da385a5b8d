import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PacketType } from "../../../src/packet/v5/index.ts";
import { itIsEncodedAndDecodedBy } from "../codec-properties.ts";
import {
  acknowledgement,
  auth,
  bare,
  connack,
  connect,
  disconnectToClient,
  disconnectToServer,
  publishToClient,
  publishToServer,
  reasonCodes,
  subscribe,
  unsubscribe,
} from "./arbitraries.ts";
import * as model from "./model.ts";
import type { Packet } from "./model.ts";
import * as oracle from "./oracle.ts";
import { cutEverywhere, readPackets } from "./read-packets.ts";

const KINDS: { name: string; packets: fc.Arbitrary<Packet>; toServer: boolean }[] = [
  { name: "CONNECT", packets: connect, toServer: true },
  { name: "CONNACK", packets: connack, toServer: false },
  { name: "PUBLISH from a client", packets: publishToServer, toServer: true },
  { name: "PUBLISH from a server", packets: publishToClient, toServer: false },
  { name: "PUBACK", packets: acknowledgement(PacketType.PUBACK), toServer: false },
  { name: "PUBREC", packets: acknowledgement(PacketType.PUBREC), toServer: false },
  { name: "PUBREL", packets: acknowledgement(PacketType.PUBREL), toServer: false },
  { name: "PUBCOMP", packets: acknowledgement(PacketType.PUBCOMP), toServer: false },
  { name: "SUBSCRIBE", packets: subscribe, toServer: true },
  { name: "SUBACK", packets: reasonCodes(PacketType.SUBACK), toServer: false },
  { name: "UNSUBSCRIBE", packets: unsubscribe, toServer: true },
  { name: "UNSUBACK", packets: reasonCodes(PacketType.UNSUBACK), toServer: false },
  { name: "PINGREQ", packets: bare(PacketType.PINGREQ), toServer: true },
  { name: "PINGRESP", packets: bare(PacketType.PINGRESP), toServer: false },
  { name: "DISCONNECT from a client", packets: disconnectToServer, toServer: true },
  { name: "DISCONNECT from a server", packets: disconnectToClient, toServer: false },
  { name: "AUTH", packets: auth, toServer: false },
];

describe.each(KINDS)("$name", ({ packets, toServer }) => {
  itIsEncodedAndDecodedBy<Packet>(
    {
      ...model,
      ...oracle,
      readPackets: (chunks, { bufferSize }) => readPackets(chunks, { bufferSize, toServer }),
    },
    packets,
  );

  it("is read whole or in single bytes alike, and ended early at any byte is malformed or another packet", () => {
    fc.assert(
      fc.property(packets, (packet) => {
        const bytes = model.encode(packet);
        const cutBytes = cutEverywhere(bytes);
        expect(readPackets(cutBytes, { bufferSize: bytes.length, toServer }).packets).toEqual([packet]);
        for (let size = 2; size < Math.min(bytes.length, 130); size++) {
          // A remaining length of one byte that says what is there.
          const short = Uint8Array.of(bytes[0], size - 2, ...bytes.subarray(bytes.length - bodyLength(bytes)));
          const { packets, reason } = readPackets([short.subarray(0, size)], { toServer });
          expect(packets.length === 0).toBe(reason !== 0);
          expect(packets).not.toEqual([packet]);
        }
      }),
      { numRuns: 8 },
    );
  });
});

/** The remaining length of a packet. */
function bodyLength(bytes: Uint8Array): number {
  let at = 1;
  while (bytes[at] & 128) at++;
  return bytes.length - at - 1;
}
