import { describe, expect, it } from "vitest";
import { decodeUnsubscribe, PacketType, Reason, UnsubscribeView } from "../../src/packet/index.ts";
import { unsubscribe } from "./arbitraries.ts";
import { itIsEncodedAndDecoded } from "./codec-properties.ts";
import { encode, toHex } from "./model.ts";

describe("UNSUBSCRIBE", () => {
  itIsEncodedAndDecoded(unsubscribe);

  const EXAMPLE = encode({ type: PacketType.UNSUBSCRIBE, packetId: 10, filters: ["a/b", "c/d"] });

  it("is the specification's example (figure 3.30) [MQTT-3.10.1-1]", () => {
    expect(toHex(EXAMPLE)).toBe("a20c" + "000a" + "0003612f62" + "0003632f64");
  });

  it("has no filter after its last, however often one asks", () => {
    const view = new UnsubscribeView();
    expect(decodeUnsubscribe(EXAMPLE, 2, EXAMPLE.length, view)).toBe(Reason.OK);
    expect([1, 2, 3, 4].map(() => view.next(EXAMPLE))).toEqual([true, true, false, false]);
  });
});
