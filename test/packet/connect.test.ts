import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { connectSize, ConnectView, decodeConnect, PacketType, Reason } from "../../src/packet/index.ts";
import { connect } from "./arbitraries.ts";
import { itIsEncodedAndDecoded } from "./codec-properties.ts";
import { type Connect, encode, fromHex, toHex, utf8 } from "./model.ts";
import { oracleEncode, oracleRead } from "./oracle.ts";
import { readPackets } from "./read-packets.ts";

const FULL: Connect = {
  type: PacketType.CONNECT,
  clientId: "c",
  cleanSession: true,
  keepAlive: 10,
  will: { topic: "w", payload: "70", qos: 1, retain: false },
  username: "u",
  password: "73",
};

describe("CONNECT", () => {
  itIsEncodedAndDecoded(connect);

  it("is laid out as in figure 3.6, its payload in order [MQTT-3.1.3-1]", () => {
    expect(toHex(encode(FULL))).toBe("1019" + "00044d515454" + "04" + "ce" + "000a" + "000163000177000170000175000173");
  });

  it("knows its size beforehand", () => {
    fc.assert(
      fc.property(connect, (packet) => {
        const size = connectSize({
          clientId: utf8(packet.clientId),
          cleanSession: packet.cleanSession,
          keepAlive: packet.keepAlive,
          will: packet.will && {
            ...packet.will,
            topic: utf8(packet.will.topic),
            payload: fromHex(packet.will.payload),
          },
          username: packet.username === undefined ? undefined : utf8(packet.username),
          password: packet.password === undefined ? undefined : fromHex(packet.password),
        });
        expect(size).toBe(encode(packet).length);
      }),
    );
  });

  it("accepts exactly the flags that 3.1.2 allows, as mqtt-packet does but for its laxness", () => {
    for (let flags = 0; flags < 256; flags++) {
      const will = (flags & 4) !== 0;
      const willQos = (flags >> 3) & 3;
      const allowed =
        (flags & 1) === 0 && // [MQTT-3.1.2-3]
        willQos < 3 && // [MQTT-3.1.2-14]
        (will || (willQos === 0 && (flags & 0x20) === 0)) && // [MQTT-3.1.2-13], [MQTT-3.1.2-15]
        ((flags & 0x80) !== 0 || (flags & 0x40) === 0); // [MQTT-3.1.2-22]
      const fields = 1 + (will ? 2 : 0) + (flags & 0x80 ? 1 : 0) + (flags & 0x40 ? 1 : 0);
      const body = `00044d51545404${flags.toString(16).padStart(2, "0")}000a` + "000163".repeat(fields);
      const bytes = fromHex(`10${(body.length / 2).toString(16).padStart(2, "0")}${body}`);
      const { packets, reason } = readPackets([bytes]);
      expect(reason === Reason.OK, `flags ${flags.toString(2)} are accepted`).toBe(allowed);
      if (allowed) expect(oracleRead(bytes), `flags ${flags.toString(2)}`).toEqual(packets);
    }
  });

  it("may have an empty client id with a clean session [MQTT-3.1.3-6]", () => {
    const packet: Connect = { type: PacketType.CONNECT, clientId: "", cleanSession: true, keepAlive: 0 };
    expect(readPackets([encode(packet)]).packets).toEqual([packet]);
  });

  it("tells an empty will, username and password from absent ones", () => {
    const packet: Connect = {
      ...FULL,
      will: { topic: "w", payload: "", qos: 2, retain: true },
      username: "",
      password: "",
    };
    expect(toHex(encode(packet))).toBe(toHex(oracleEncode(packet)));
    expect(readPackets([encode(packet)]).packets).toEqual([packet]);
  });

  it("takes fields of 65,535 bytes each", () => {
    const long = "x".repeat(65_535);
    const binary = "ff".repeat(65_535);
    const packet: Connect = {
      ...FULL,
      clientId: long,
      will: { topic: long, payload: binary, qos: 0, retain: false },
      username: long,
      password: binary,
    };
    expect(toHex(encode(packet)) === toHex(oracleEncode(packet)), "the same bytes as mqtt-packet's").toBe(true);
    expect(readPackets([encode(packet)], { bufferSize: 1 << 19 }).packets).toEqual([packet]);
  });

  it("forgets the fields of the CONNECT that a view held before", () => {
    const view = new ConnectView();
    const full = encode(FULL);
    expect(decodeConnect(full, 2, full.length, view)).toBe(Reason.OK);
    const plain = encode({ type: PacketType.CONNECT, clientId: "c", cleanSession: false, keepAlive: 0 });
    expect(decodeConnect(plain, 2, plain.length, view)).toBe(Reason.OK);
    const expected = new ConnectView();
    expected.clientIdStart = 14;
    expected.clientIdEnd = 15;
    expect(view).toEqual(expected);
  });
});
