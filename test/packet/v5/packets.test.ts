import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  AcknowledgementView,
  AuthView,
  checkSubscriptionFilter,
  closePublish,
  ConnackView,
  connectSize,
  ConnectView,
  decodeAcknowledgement,
  decodeAuth,
  decodeConnack,
  decodeConnect,
  decodeDisconnect,
  decodePublish,
  decodeSubscribe,
  DisconnectView,
  encodePublish,
  isShared,
  matchedFilterStart,
  NO_ROOM,
  openPublish,
  PacketType,
  Property,
  publishHeader,
  PublishView,
  Reason,
  RetainHandling,
  setPublishPacketId,
  SubscribeView,
} from "../../../src/packet/v5/index.ts";
import { topicFilter } from "../arbitraries.ts";
import { connect, publishToServer } from "./arbitraries.ts";
import { type Connect, encode, encodeProperties, fromHex, type Packet, toHex, utf8 } from "./model.ts";
import { readPackets } from "./read-packets.ts";

describe("CONNECT", () => {
  it("is laid out as in 3.1.2.12, its payload in order [MQTT-3.1.2-1], [MQTT-3.1.2-9], [MQTT-3.1.2-17], [MQTT-3.1.2-19], [MQTT-3.1.3-1], [MQTT-3.1.3-3]", () => {
    const packet: Connect = {
      type: PacketType.CONNECT,
      clientId: "c",
      cleanStart: true,
      keepAlive: 10,
      properties: { sessionExpiryInterval: 10 },
      will: { topic: "w", payload: "70", qos: 1, retain: false, properties: { willDelayInterval: 1 } },
      username: "u",
      password: "73",
    };
    expect(toHex(encode(packet))).toBe(
      "1025" +
        "00044d515454" +
        "05" +
        "ce" +
        "000a" +
        "05110000000a" +
        "000163" +
        "051800000001" +
        "000177000170000175000173",
    );
  });

  it("has flags 0 for what is not there: will, user name, password [MQTT-3.1.2-11], [MQTT-3.1.2-13], [MQTT-3.1.2-16], [MQTT-3.1.2-18]", () => {
    const packet: Connect = {
      type: PacketType.CONNECT,
      clientId: "c",
      cleanStart: true,
      keepAlive: 60,
      properties: {},
    };
    expect(toHex(encode(packet))).toBe("100e" + "00044d515454" + "05" + "02" + "003c" + "00" + "000163");
  });

  it("may have a password without a user name (3.1.2.9), and an empty client identifier with or without clean start", () => {
    const packet: Connect = {
      type: PacketType.CONNECT,
      clientId: "",
      cleanStart: false,
      keepAlive: 0,
      properties: {},
      password: "ff",
    };
    expect(toHex(encode(packet))).toBe("1010" + "00044d51545405" + "40" + "0000" + "00" + "0000" + "0001ff");
    expect(readPackets([encode(packet)], { toServer: true }).packets).toEqual([packet]);
  });

  it("knows its size beforehand", () => {
    fc.assert(
      fc.property(connect, (packet) => {
        const size = connectSize({
          clientId: utf8(packet.clientId),
          cleanStart: packet.cleanStart,
          keepAlive: packet.keepAlive,
          properties: encodeProperties(packet.properties),
          will: packet.will && {
            qos: packet.will.qos,
            retain: packet.will.retain,
            topic: utf8(packet.will.topic),
            payload: fromHex(packet.will.payload),
            properties: encodeProperties(packet.will.properties),
          },
          username: packet.username === undefined ? undefined : utf8(packet.username),
          password: packet.password === undefined ? undefined : fromHex(packet.password),
        });
        expect(size).toBe(encode(packet).length);
      }),
      { numRuns: 30 },
    );
  });

  it("accepts exactly the flags that 3.1.2 allows", () => {
    for (let flags = 0; flags < 256; flags++) {
      const will = (flags & 4) !== 0;
      const willQos = (flags >> 3) & 3;
      const allowed =
        (flags & 1) === 0 && // [MQTT-3.1.2-3]
        willQos < 3 && // [MQTT-3.1.2-12]
        (will || (willQos === 0 && (flags & 0x20) === 0)); // [MQTT-3.1.2-11], [MQTT-3.1.2-13]
      const body =
        "00044d51545405" +
        flags.toString(16).padStart(2, "0") +
        "000a00000163" +
        (will ? "00000177000170" : "") +
        (flags & 0x80 ? "000175" : "") +
        (flags & 0x40 ? "000173" : "");
      const bytes = fromHex(`10${(body.length / 2).toString(16).padStart(2, "0")}${body}`);
      expect(readPackets([bytes], { toServer: true }).packets.length, `flags ${flags.toString(2)}`).toBe(
        allowed ? 1 : 0,
      );
    }
  });

  it("forgets the fields of the CONNECT that a view held before", () => {
    const view = new ConnectView();
    const full = encode({
      type: PacketType.CONNECT,
      clientId: "c",
      cleanStart: true,
      keepAlive: 10,
      properties: { receiveMaximum: 3 },
      will: { topic: "w", payload: "70", qos: 1, retain: true, properties: { willDelayInterval: 1 } },
      username: "u",
      password: "73",
    });
    expect(decodeConnect(full, 2, full.length, view)).toBe(Reason.OK);
    const plain = encode({
      type: PacketType.CONNECT,
      clientId: "c",
      cleanStart: false,
      keepAlive: 0,
      properties: {},
    });
    expect(decodeConnect(plain, 2, plain.length, view)).toBe(Reason.OK);
    const { properties, willProperties } = view;
    const expected = Object.assign(new ConnectView(), { properties, willProperties });
    expect(view).toEqual(Object.assign(expected, { clientIdStart: 15, clientIdEnd: 16 }));
    expect(properties.has(Property.RECEIVE_MAXIMUM)).toBe(false);
    expect(willProperties.next(plain)).toBe(false);
  });
});

describe("CONNACK", () => {
  it("without properties has the values that the specification gives them (3.2.2.3)", () => {
    const view = new ConnackView();
    const full = encode({
      type: PacketType.CONNACK,
      sessionPresent: true,
      reasonCode: 0,
      properties: {
        sessionExpiryInterval: 1,
        receiveMaximum: 2,
        maximumQoS: 1,
        retainAvailable: false,
        maximumPacketSize: 3,
        topicAliasMaximum: 4,
        wildcardSubscriptionAvailable: false,
        subscriptionIdentifiersAvailable: false,
        sharedSubscriptionAvailable: false,
        serverKeepAlive: 5,
        assignedClientIdentifier: "me",
      },
    });
    expect(decodeConnack(full, 2, full.length, view)).toBe(Reason.OK);
    expect(view).toMatchObject({
      sessionPresent: true,
      reasonCode: 0,
      sessionExpiryInterval: 1,
      receiveMaximum: 2,
      maximumQos: 1,
      retainAvailable: false,
      maximumPacketSize: 3,
      topicAliasMaximum: 4,
      wildcardSubscriptionAvailable: false,
      subscriptionIdentifiersAvailable: false,
      sharedSubscriptionAvailable: false,
      serverKeepAlive: 5,
    });
    expect(view.properties.find(full, Property.ASSIGNED_CLIENT_IDENTIFIER)).toBe(true);
    expect(toHex(full, view.properties.valueStart, view.properties.valueEnd)).toBe(toHex(utf8("me")));

    const plain = fromHex("2003000000");
    expect(decodeConnack(plain, 2, 5, view)).toBe(Reason.OK);
    const defaults = Object.assign(new ConnackView(), { properties: view.properties });
    expect(view).toEqual(defaults);
    expect(defaults).toMatchObject({
      receiveMaximum: 65_535,
      maximumQos: 2,
      retainAvailable: true,
      topicAliasMaximum: 0,
    });
  });
});

describe("PUBLISH", () => {
  const PLAIN: Packet = {
    type: PacketType.PUBLISH,
    topic: "a/b",
    payload: "68",
    qos: 1,
    retain: false,
    dup: false,
    packetId: 10,
    properties: {},
  };

  it("has no packet identifier with QoS 0 [MQTT-2.2.1-2], and property length 0 without properties [MQTT-2.2.2-1]", () => {
    expect(toHex(encode({ ...PLAIN, qos: 0, packetId: 0 }))).toBe("3007" + "0003612f62" + "00" + "68");
  });

  it("has topic, packet identifier, properties and payload in this order [MQTT-3.3.2-1]", () => {
    expect(toHex(encode(PLAIN))).toBe("3209" + "0003612f62" + "000a" + "00" + "68");
    expect(toHex(encode({ ...PLAIN, properties: { topicAlias: 5 } }))).toBe(
      "320c" + "0003612f62" + "000a" + "03230005" + "68",
    );
  });

  it("may have an alias for its topic (3.3.2.3.4)", () => {
    const bytes = encode({ ...PLAIN, topic: "", properties: { topicAlias: 5 } });
    const view = new PublishView();
    expect(decodePublish(bytes[0], bytes, 2, bytes.length, view)).toBe(Reason.OK);
    expect(view.topicAlias).toBe(5);
    expect(view.topicStart).toBe(view.topicEnd);
    const plain = encode(PLAIN);
    expect(decodePublish(plain[0], plain, 2, plain.length, view)).toBe(Reason.OK);
    expect(view.topicAlias).toBe(0);
    expect(view.properties.next(plain)).toBe(false);
  });

  it("takes properties and payload from parts of buffers: an alias in front is left out by starting after it", () => {
    const prepared = encodeProperties({ topicAlias: 1, contentType: "x" })!;
    const into = new Uint8Array(100);
    const source = utf8("...payload");
    const end = encodePublish(into, 0, 0x30, utf8("t"), 0, prepared, 3, prepared.length, source, 3, 10);
    expect(toHex(into, 0, end)).toBe("300f" + "000174" + "0403000178" + toHex(utf8("payload")));
  });

  it("written in place is what encodePublish writes", () => {
    fc.assert(
      fc.property(publishToServer, fc.nat({ max: 9 }), (packet, at) => {
        const topic = utf8(packet.topic);
        const payload = fromHex(packet.payload);
        const properties = encodeProperties(packet.properties);
        const size = properties?.length ?? 0;
        const whole = encode(packet);
        const bodySize = whole.length - 1 - whole.findIndex((byte, index) => index > 0 && byte < 128);
        const limit = at + 5 + bodySize;
        const into = new Uint8Array(limit + 3).fill(0xa5);
        const roomFor = limit - payload.length;
        expect(openPublish(into, at, roomFor - 1, packet.qos, topic, properties, 0, size)).toBe(NO_ROOM);
        expect(toHex(into), "an untouched buffer").toBe("a5".repeat(into.length));
        const payloadAt = openPublish(into, at, limit, packet.qos, topic, properties, 0, size);
        expect(payloadAt).toBe(roomFor);
        into.set(payload, payloadAt);
        const start = closePublish(into, at, limit, publishHeader(packet.qos, packet.retain, packet.dup));
        if (packet.qos) setPublishPacketId(into, start, packet.packetId);
        expect(toHex(into, start, limit)).toBe(toHex(whole));
        expect(toHex(into, 0, at) + toHex(into, limit)).toBe("a5".repeat(at + 3));
      }),
    );
  });
});

describe("PUBACK, PUBREC, PUBREL and PUBCOMP", () => {
  const packet = (reasonCode: number, properties = {}): Packet => ({
    type: PacketType.PUBACK,
    packetId: 10,
    reasonCode,
    properties,
  });

  it("leave out what says nothing (3.4.2.1, 3.4.2.2.1)", () => {
    expect(toHex(encode(packet(0)))).toBe("4002000a");
    expect(toHex(encode(packet(0x10)))).toBe("4003000a10");
    expect(toHex(encode(packet(0, { reasonString: "x" })))).toBe("4008000a00041f000178");
    expect(toHex(encode(packet(0x87, { reasonString: "x" })))).toBe("4008000a87041f000178");
  });

  it("are read in all their forms, without a trace of the one before", () => {
    const view = new AcknowledgementView();
    const read = (hex: string) => {
      const bytes = fromHex(hex);
      expect(decodeAcknowledgement(PacketType.PUBACK, bytes, 2, bytes.length, view)).toBe(Reason.OK);
      return [view.packetId, view.reasonCode, view.properties.has(Property.REASON_STRING)];
    };
    expect(read("4008000b87041f000178")).toEqual([11, 0x87, true]);
    expect(read("4002000a")).toEqual([10, 0, false]);
    expect(read("4003000a10")).toEqual([10, 0x10, false]);
    expect(read("4004000a1000")).toEqual([10, 0x10, false]);
    expect(read("4004000a0000")).toEqual([10, 0, false]);
  });
});

describe("SUBSCRIBE", () => {
  it("has its options in a byte after each filter (3.8.3.1) [MQTT-3.8.1-1]", () => {
    const bytes = encode({
      type: PacketType.SUBSCRIBE,
      packetId: 10,
      properties: { subscriptionIdentifier: 1 },
      entries: [
        { filter: "a", qos: 1, noLocal: true, retainAsPublished: false, retainHandling: RetainHandling.DO_NOT_SEND },
        { filter: "b", qos: 2, noLocal: false, retainAsPublished: true, retainHandling: RetainHandling.SEND_IF_NEW },
      ],
    });
    expect(toHex(bytes)).toBe("820d" + "000a" + "020b01" + "000161" + "25" + "000162" + "1a");
    const view = new SubscribeView();
    expect(decodeSubscribe(bytes, 2, bytes.length, view)).toBe(Reason.OK);
    expect([1, 2, 3, 4].map(() => view.next(bytes))).toEqual([true, true, false, false]);
  });

  it("has no options byte but those that 3.8.3.1 allows", () => {
    for (let options = 0; options < 256; options++) {
      const allowed = (options & 3) < 3 && options >> 4 < 3;
      const bytes = Uint8Array.of(0x82, 7, 0, 10, 0, 0, 1, 0x61, options);
      expect(readPackets([bytes], { toServer: true }).packets.length, `options ${options}`).toBe(allowed ? 1 : 0);
    }
  });
});

describe("UNSUBSCRIBE", () => {
  it("has its filters after its properties [MQTT-3.10.1-1]", () => {
    const packet: Packet = { type: PacketType.UNSUBSCRIBE, packetId: 10, properties: {}, filters: ["a/b", "c"] };
    expect(toHex(encode(packet))).toBe("a20b" + "000a" + "00" + "0003612f62" + "000163");
  });
});

describe("DISCONNECT and AUTH", () => {
  it("leave out what says nothing (3.14.2.1, 3.14.2.2.1)", () => {
    const packet = (reasonCode: number, properties = {}): Packet => ({
      type: PacketType.DISCONNECT,
      reasonCode,
      properties,
    });
    expect(toHex(encode(packet(0)))).toBe("e000");
    expect(toHex(encode(packet(4)))).toBe("e00104");
    expect(toHex(encode(packet(0, { sessionExpiryInterval: 0 })))).toBe("e00700051100000000");
  });

  it("are read in all their forms, without a trace of the one before", () => {
    const view = new DisconnectView();
    for (const [hex, code, hasReference] of [
      ["e0069c041c000161", 0x9c, true],
      ["e000", 0, false],
      ["e0018b", 0x8b, false],
      ["e0028c00", 0x8c, false],
    ] as const) {
      const bytes = fromHex(hex);
      expect(decodeDisconnect(bytes, 2, bytes.length, view), hex).toBe(Reason.OK);
      expect([view.reasonCode, view.properties.has(Property.SERVER_REFERENCE)]).toEqual([code, hasReference]);
    }
  });

  it("AUTH may be empty, which is success without a method (3.15.2.1)", () => {
    const view = new AuthView();
    const bytes = fromHex("f0061804" + "15000161");
    expect(decodeAuth(bytes, 2, bytes.length, view)).toBe(Reason.OK);
    expect([view.reasonCode, view.properties.has(Property.AUTHENTICATION_METHOD)]).toEqual([0x18, true]);
    expect(decodeAuth(bytes, 2, 2, view)).toBe(Reason.OK);
    expect([view.reasonCode, view.properties.has(Property.AUTHENTICATION_METHOD)]).toEqual([0, false]);
  });
});

describe("a shared subscription's filter", () => {
  const part = (filter: string) => {
    const bytes = utf8(filter);
    return Buffer.from(bytes.subarray(matchedFilterStart(bytes, 0, bytes.length))).toString("utf8");
  };

  it.each([
    ["$share/g/a/b", "a/b"],
    ["$share/g//", "/"],
    ["$share/g/#", "#"],
    ["$share", "$share"],
    ["$shared/g/a", "$shared/g/a"],
    ["a/$share/g/b", "a/$share/g/b"],
    ["$SHARE/g/a", "$SHARE/g/a"],
  ])("%s matches names by %s", (filter, expected) => {
    expect(checkSubscriptionFilter(utf8(filter), 0, utf8(filter).length)).toBe(Reason.OK);
    expect(part(filter)).toBe(expected);
  });

  it("is any filter behind $share/ and a share name [MQTT-4.8.2-1], [MQTT-4.8.2-2]", () => {
    fc.assert(
      fc.property(topicFilter, (filter) => {
        const bytes = utf8(`..$share/name/${filter}..`);
        expect(checkSubscriptionFilter(bytes, 2, bytes.length - 2)).toBe(Reason.OK);
        expect(isShared(bytes, 2, bytes.length - 2)).toBe(true);
        expect(matchedFilterStart(bytes, 2, bytes.length - 2)).toBe(14);
      }),
    );
  });
});
