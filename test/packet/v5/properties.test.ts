import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeProperties,
  encodeFieldProperty,
  encodeNumberProperty,
  encodeUserProperty,
  NO_ROOM,
  Properties,
  Property,
  PropertyOwner,
  readVariableByteInteger,
  Reason,
  remainingLengthSize,
  writeProperties,
  writeVariableByteInteger,
} from "../../../src/packet/v5/index.ts";
import { fromHex, toHex, utf8 } from "./model.ts";

/** Table 2-4: identifier, a value in hexadecimal, and the packets that may have the property. */
const TABLE_2_4: [number, string, string][] = [
  [1, "01", "PUBLISH_TO_CLIENT PUBLISH_TO_SERVER WILL"],
  [2, "00000001", "PUBLISH_TO_CLIENT PUBLISH_TO_SERVER WILL"],
  [3, "000161", "PUBLISH_TO_CLIENT PUBLISH_TO_SERVER WILL"],
  [8, "000161", "PUBLISH_TO_CLIENT PUBLISH_TO_SERVER WILL"],
  [9, "000161", "PUBLISH_TO_CLIENT PUBLISH_TO_SERVER WILL"],
  [11, "01", "PUBLISH_TO_CLIENT SUBSCRIBE"], // [MQTT-3.3.4-6]
  [17, "00000001", "CONNECT CONNACK DISCONNECT_TO_SERVER"], // [MQTT-3.14.2-2]
  [18, "000161", "CONNACK"],
  [19, "0001", "CONNACK"],
  [21, "000161", "CONNECT CONNACK AUTH"],
  [22, "000161", "CONNECT CONNACK AUTH"],
  [23, "01", "CONNECT"],
  [24, "00000001", "WILL"],
  [25, "01", "CONNECT"],
  [26, "000161", "CONNACK"],
  [28, "000161", "CONNACK DISCONNECT_TO_CLIENT"],
  [31, "000161", "CONNACK PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK DISCONNECT_TO_SERVER DISCONNECT_TO_CLIENT AUTH"],
  [33, "0001", "CONNECT CONNACK"],
  [34, "0001", "CONNECT CONNACK"],
  [35, "0001", "PUBLISH_TO_CLIENT PUBLISH_TO_SERVER"],
  [36, "01", "CONNACK"],
  [37, "01", "CONNACK"],
  [
    38,
    "000161000162",
    "CONNECT CONNACK PUBLISH_TO_CLIENT PUBLISH_TO_SERVER WILL PUBACK PUBREC PUBREL PUBCOMP SUBSCRIBE SUBACK UNSUBSCRIBE UNSUBACK DISCONNECT_TO_SERVER DISCONNECT_TO_CLIENT AUTH",
  ],
  [39, "00000001", "CONNECT CONNACK"],
  [40, "01", "CONNACK"],
  [41, "01", "CONNACK"],
  [42, "01", "CONNACK"],
];

const OWNERS = Object.values(PropertyOwner).filter((owner) => typeof owner === "number");

/** What a list of the given properties, in hexadecimal, is to its owner. */
function check(owner: PropertyOwner, list: string, properties = new Properties()): Reason {
  const bytes = fromHex((list.length / 2).toString(16).padStart(2, "0") + list);
  return decodeProperties(bytes, 0, bytes.length, owner, properties);
}

const hex = (byte: number) => byte.toString(16).padStart(2, "0");

describe("a property list", () => {
  it.each(OWNERS.map((owner) => ({ owner, name: PropertyOwner[owner] })))(
    "of $name has what table 2-4 allows",
    ({ owner, name }) => {
      for (let identifier = 0; identifier < 256; identifier++) {
        const row = TABLE_2_4.find(([known]) => known === identifier);
        const allowed = row?.[2].split(" ").includes(name);
        const expected = !row ? Reason.UNKNOWN_PROPERTY : allowed ? Reason.OK : Reason.MISPLACED_PROPERTY;
        const property = hex(identifier) + (row?.[1] ?? "01");
        expect(Reason[check(owner, property)], `property ${identifier}`).toBe(Reason[expected]);
        if (!allowed) continue;

        const repeats = identifier === 38 || (identifier === 11 && owner === PropertyOwner.PUBLISH_TO_CLIENT);
        const twice = repeats ? Reason.OK : Reason.DUPLICATE_PROPERTY;
        expect(Reason[check(owner, property + property)], `property ${identifier} twice`).toBe(Reason[twice]);
        for (let size = 2; size < property.length; size += 2) {
          expect(check(owner, property.slice(0, size)), `${size / 2} bytes of property ${identifier}`).toBe(
            Reason.TRUNCATED,
          );
        }
      }
    },
  );

  it("has 27 properties to choose from", () => {
    expect(TABLE_2_4.length).toBe(27);
    const known = Object.values(Property).filter((identifier) => typeof identifier === "number");
    expect(known).toEqual(TABLE_2_4.map(([identifier]) => identifier));
  });

  it("that is refused at its length is empty, so that no cursor runs over what was not checked", () => {
    const properties = new Properties();
    const bytes = fromHex("0526");
    expect(decodeProperties(bytes, 0, 2, PropertyOwner.CONNACK, properties)).toBe(Reason.TRUNCATED);
    expect(properties.next(bytes)).toBe(false);
    expect(properties.has(Property.USER_PROPERTY)).toBe(false);
  });

  it("is read without a trace of the one before", () => {
    const properties = new Properties();
    expect(check(PropertyOwner.CONNACK, "210001" + "26000161000162", properties)).toBe(Reason.OK);
    expect(properties.has(Property.RECEIVE_MAXIMUM)).toBe(true);
    expect(check(PropertyOwner.CONNACK, "1300ff", properties)).toBe(Reason.OK);
    expect(properties.has(Property.RECEIVE_MAXIMUM)).toBe(false);
    expect(properties.has(Property.USER_PROPERTY)).toBe(false);
    expect(properties.has(Property.SERVER_KEEP_ALIVE)).toBe(true);
  });

  it("is written behind its length, from any part of a buffer", () => {
    const into = new Uint8Array(300);
    const source = Uint8Array.from({ length: 200 }, (_, index) => index);
    expect(writeProperties(into, 2, source, 3, 6)).toBe(6);
    expect(toHex(into, 2, 6)).toBe("03030405");
    expect(writeProperties(into, 0, source, 0, 128)).toBe(130);
    expect(toHex(into, 0, 3)).toBe("800100");
    expect(writeProperties(into, 0, undefined, 0, 0), "none").toBe(1);
    expect(into[0]).toBe(0); // [MQTT-2.2.2-1]
  });
});

describe("Properties", () => {
  const LIST =
    "01" +
    "01" +
    "26" +
    "00016b" +
    "000131" +
    "0b" +
    "8001" +
    "02" +
    "fffffffe" +
    "26" +
    "00016b" +
    "000132" +
    "0b" +
    "01";
  const bytes = fromHex(hex(LIST.length / 2) + LIST);
  const text = (start: number, end: number) => Buffer.from(bytes.subarray(start, end)).toString("utf8");

  function decoded(): Properties {
    const properties = new Properties();
    expect(decodeProperties(bytes, 0, bytes.length, PropertyOwner.PUBLISH_TO_CLIENT, properties)).toBe(Reason.OK);
    return properties;
  }

  it("steps through all properties in their order, and has none after the last", () => {
    const properties = decoded();
    const seen = [];
    while (properties.next(bytes)) seen.push(properties.identifier);
    expect(seen).toEqual([1, 38, 11, 2, 38, 11]);
    expect(properties.next(bytes)).toBe(false);
    properties.rewind();
    expect(properties.next(bytes)).toBe(true);
    expect(properties.identifier).toBe(Property.PAYLOAD_FORMAT_INDICATOR);
  });

  it("finds a property wherever it stands", () => {
    const properties = decoded();
    expect(properties.find(bytes, Property.MESSAGE_EXPIRY_INTERVAL)).toBe(true);
    expect(properties.number).toBe(0xffff_fffe);
    expect(properties.find(bytes, Property.PAYLOAD_FORMAT_INDICATOR)).toBe(true);
    expect(properties.number).toBe(1);
    expect(properties.find(bytes, Property.CONTENT_TYPE)).toBe(false);
    expect(properties.numberOf(bytes, Property.PAYLOAD_FORMAT_INDICATOR, 7)).toBe(1);
    expect(properties.numberOf(bytes, Property.TOPIC_ALIAS, 7)).toBe(7);
  });

  it("finds all user properties, in their order (3.3.2.3.7), and all subscription identifiers", () => {
    const properties = decoded();
    const pairs = [];
    while (properties.findNext(bytes, Property.USER_PROPERTY)) {
      pairs.push(
        text(properties.nameStart, properties.nameEnd) + "=" + text(properties.valueStart, properties.valueEnd),
      );
    }
    expect(pairs).toEqual(["k=1", "k=2"]);
    properties.rewind();
    const identifiers = [];
    while (properties.findNext(bytes, Property.SUBSCRIPTION_IDENTIFIER)) identifiers.push(properties.number);
    expect(identifiers).toEqual([128, 1]);
  });
});

describe("an encoder of a property", () => {
  const integers: [Property, number, string][] = [
    [Property.PAYLOAD_FORMAT_INDICATOR, 1, "0101"],
    [Property.SHARED_SUBSCRIPTION_AVAILABLE, 0, "2a00"],
    [Property.RECEIVE_MAXIMUM, 0x1234, "211234"],
    [Property.SESSION_EXPIRY_INTERVAL, 0xffff_ffff, "11ffffffff"],
    [Property.MAXIMUM_PACKET_SIZE, 0x0102_0304, "2701020304"],
    [Property.SUBSCRIPTION_IDENTIFIER, 127, "0b7f"],
    [Property.SUBSCRIPTION_IDENTIFIER, 268_435_455, "0bffffff7f"],
  ];
  const encoders: { name: string; encode: (into: Uint8Array, at: number) => number; expected: string }[] = [
    ...integers.map(([identifier, value, expected]) => ({
      name: `${Property[identifier]} ${value}`,
      encode: (into: Uint8Array, at: number) => encodeNumberProperty(into, at, identifier, value),
      expected,
    })),
    {
      name: "a text",
      encode: (into, at) => encodeFieldProperty(into, at, Property.CONTENT_TYPE, utf8("ü")),
      expected: "030002c3bc",
    },
    {
      name: "a user property",
      encode: (into, at) => encodeUserProperty(into, at, utf8("a"), utf8("")),
      expected: "260001610000",
    },
  ];

  it.each(encoders)("writes $name, needs exactly its room, and passes NO_ROOM on", ({ encode, expected }) => {
    const size = expected.length / 2;
    const into = new Uint8Array(size + 4).fill(0xa5);
    expect(encode(into.subarray(0, size + 1), 2), "one byte short").toBe(NO_ROOM);
    expect(encode(into, NO_ROOM)).toBe(NO_ROOM);
    expect(toHex(into)).toBe("a5".repeat(size + 4));
    expect(encode(into.subarray(0, size + 2), 2)).toBe(size + 2);
    expect(toHex(into)).toBe("a5a5" + expected + "a5a5");
  });
});

describe("a Variable Byte Integer", () => {
  it("is read as it was written, in the fewest bytes [MQTT-1.5.5-1]", () => {
    const edges = [0, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 268_435_455];
    fc.assert(
      fc.property(fc.oneof(fc.integer({ min: 0, max: 268_435_455 }), fc.constantFrom(...edges)), (value) => {
        const into = new Uint8Array(6);
        const end = writeVariableByteInteger(into, 1, value);
        expect(end - 1).toBe(remainingLengthSize(value));
        expect(readVariableByteInteger(into, 1, end)).toBe(value);
        expect(readVariableByteInteger(into, 1, end - 1)).toBe(-Reason.TRUNCATED);
      }),
    );
  });

  it.each(["8000", "808000", "80808000", "ff00", "8080808000", "ffffffffff"])("is not %s", (bytes) => {
    expect(readVariableByteInteger(fromHex(bytes), 0, bytes.length / 2)).toBe(-Reason.VARIABLE_BYTE_INTEGER);
  });
});
