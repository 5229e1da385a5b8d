import { describe, expect, it } from "vitest";
import { decodeSubscribe, PacketType, Reason, SubscribeView } from "../../src/packet/index.ts";
import { subscribe } from "./arbitraries.ts";
import { itIsEncodedAndDecoded } from "./codec-properties.ts";
import { encode, toHex } from "./model.ts";

describe("SUBSCRIBE", () => {
  itIsEncodedAndDecoded(subscribe);

  const EXAMPLE = encode({
    type: PacketType.SUBSCRIBE,
    packetId: 10,
    entries: [
      { filter: "a/b", qos: 1 },
      { filter: "c/d", qos: 2 },
    ],
  });

  it("is the specification's example (figure 3.23) [MQTT-3.8.1-1]", () => {
    expect(toHex(EXAMPLE)).toBe("820e" + "000a" + "0003612f6201" + "0003632f6402");
  });

  it("has no entry after its last, however often one asks", () => {
    const view = new SubscribeView();
    expect(decodeSubscribe(EXAMPLE, 2, EXAMPLE.length, view)).toBe(Reason.OK);
    expect([1, 2, 3, 4].map(() => view.next(EXAMPLE))).toEqual([true, true, false, false]);
  });
});
