import { describe, expect, it } from "vitest";
import { ExactlyOnce } from "../../../src/qos2.ts";
import {
  type ClientOptions,
  describe as sentence,
  type DisconnectOptions,
  Property,
  Reason,
  ReasonCode,
} from "../../../src/v5.ts";
import { PacketType } from "../../../src/packet/v5/index.ts";
import type { Connect, Packet } from "../../packet/v5/model.ts";
import {
  acknowledgement,
  brief,
  connack,
  disconnect,
  named,
  publish,
  ScriptedWorldV5,
} from "../../support/scripted-world-v5.ts";

const auth = (reasonCode: number, data?: string, method = "M"): Packet => ({
  type: PacketType.AUTH,
  reasonCode,
  properties: { authenticationMethod: method, ...(data !== undefined && { authenticationData: data }) },
});

function connectOf(world: ScriptedWorldV5): Connect {
  return world.open().take()[0] as Connect;
}

describe("CONNECT", () => {
  it("says what the client always says", () => {
    expect(connectOf(new ScriptedWorldV5())).toEqual({
      type: PacketType.CONNECT,
      clientId: "sensor",
      cleanStart: true,
      keepAlive: 60,
      properties: { receiveMaximum: 32, topicAliasMaximum: 0 },
    });
  });

  it("has all properties, a will with all of its own, and a password without a user name", () => {
    const world = new ScriptedWorldV5({
      clientId: "",
      cleanStart: false,
      keepAlive: 0,
      sessionExpiryInterval: 4_294_967_295,
      receiveMaximum: 65_535,
      maximumPacketSize: 2_000,
      topicAliasMaximum: 7,
      requestResponseInformation: true,
      requestProblemInformation: false,
      userProperties: [["n", "v"]],
      authenticationMethod: "M",
      authenticationData: new Uint8Array([1, 2]),
      password: "p",
      will: {
        topic: "w",
        payload: "bye",
        qos: 1,
        retain: true,
        willDelayInterval: 30,
        payloadFormatIndicator: 1,
        messageExpiryInterval: 3_600,
        contentType: "text/plain",
        responseTopic: "r",
        correlationData: "c",
        userProperties: [["a", "b"]],
      },
    });
    expect(connectOf(world)).toEqual({
      type: PacketType.CONNECT,
      clientId: "",
      cleanStart: false,
      keepAlive: 0,
      properties: {
        receiveMaximum: 65_535,
        topicAliasMaximum: 7,
        sessionExpiryInterval: 4_294_967_295,
        maximumPacketSize: 2_000,
        requestResponseInformation: true,
        requestProblemInformation: false,
        authenticationMethod: "M",
        authenticationData: "0102",
        userProperties: { n: "v" },
      },
      will: {
        topic: "w",
        payload: "627965",
        qos: 1,
        retain: true,
        properties: {
          willDelayInterval: 30,
          payloadFormatIndicator: true,
          messageExpiryInterval: 3_600,
          contentType: "text/plain",
          responseTopic: "r",
          correlationData: "63",
          userProperties: { a: "b" },
        },
      },
      password: "70",
    });
  });

  it("is as long as need be", () => {
    const long = "x".repeat(60_000);
    expect(connectOf(new ScriptedWorldV5({ userProperties: [[long, long]] })).properties.userProperties).toEqual({
      [long]: long,
    });
  });

  it.each<[Partial<ClientOptions>, string]>([
    [{ sessionExpiryInterval: -1 }, "sessionExpiryInterval must be a whole number from 0 to 4294967295, not -1"],
    [{ receiveMaximum: 0 }, "receiveMaximum must be a whole number from 1 to 65535, not 0"],
    [{ maximumPacketSize: 63 }, "maximumPacketSize must be a whole number from 64 to 268435460, not 63"],
    [{ topicAliasMaximum: 1_001 }, "topicAliasMaximum must be a whole number from 0 to 1000, not 1001"],
    [{ topicAliasBytes: 0 }, "topicAliasBytes must be a whole number from 1 to 65535, not 0"],
    [{ authenticationData: "x" }, "authenticationData needs an authenticationMethod"],
    [{ authenticationMethod: "\0" }, "authenticationMethod must be well-formed text"],
    [{ will: { topic: "t", payload: "", willDelayInterval: 0.5 } }, "will.willDelayInterval must be a whole number"],
    [{ will: { topic: "t", payload: "", responseTopic: "#" } }, "will.responseTopic must not have the wildcards"],
    [{ keepAlive: 65_536 }, "keepAlive must be a whole number from 0 to 65535, not 65536"],
  ])("%j: throws", (options, message) => {
    expect(() => new ScriptedWorldV5(options)).toThrow(message);
  });
});

describe("CONNACK", () => {
  it("tells what the broker has, and its texts in onConnect", () => {
    const world = new ScriptedWorldV5({ clientId: "" });
    const seen: unknown[] = [];
    world.client.onConnect = () => {
      const { properties } = world.client;
      seen.push(properties.textOf(Property.RESPONSE_INFORMATION), properties.textOf(Property.REASON_STRING));
      for (
        let more = properties.find(Property.USER_PROPERTY);
        more;
        more = properties.findNext(Property.USER_PROPERTY)
      ) {
        seen.push(`${properties.name}=${properties.text}`);
      }
    };
    world.connectWith({
      responseInformation: "answers/7",
      reasonString: "welcome",
      userProperties: { a: ["1", "2"], b: "3" },
      receiveMaximum: 9,
      maximumQoS: 1,
      retainAvailable: false,
      maximumPacketSize: 500,
      topicAliasMaximum: 3,
      sharedSubscriptionAvailable: false,
    });
    expect(seen).toEqual(["answers/7", "welcome", "a=1", "a=2", "b=3"]);
    expect(world.client.connack).toMatchObject({
      receiveMaximum: 9,
      maximumQos: 1,
      retainAvailable: false,
      maximumPacketSize: 500,
      topicAliasMaximum: 3,
      sharedSubscriptionAvailable: false,
      wildcardSubscriptionAvailable: true,
    });
    expect(world.client.properties.has(Property.RESPONSE_INFORMATION)).toBe(false);
  });

  it.each([...Array.from({ length: 35 }, (_, index) => 0x80 + index)].filter((code) => Reason[code]))(
    "with reason code %i refuses: it is told with its text, the connection closed, and tried again [MQTT-4.13.2-1]",
    (code) => {
      const world = new ScriptedWorldV5();
      const texts: (string | undefined)[] = [];
      world.client.onDisconnect = (reason) => {
        world.events.push(reason);
        texts.push(world.client.properties.textOf(Property.REASON_STRING));
      };
      world.open();
      const refusal = connack({ reasonString: "because" }, false, code);
      const ofConnack = ![0x8b, 0x8d, 0x8e, 0x8f, 0x91, 0x92, 0x93, 0x94, 0x96, 0x98, 0x9e, 0xa0, 0xa1, 0xa2].includes(
        code,
      );
      world.send(refusal);
      world.clock.settle();
      if (!ofConnack) expect(named(world.events)).toEqual(["REASON_CODE"]);
      else {
        expect(world.events).toEqual([code]);
        expect(texts).toEqual(["because"]);
        expect(sentence(code)).toMatch(/^[A-Z].*\.$/);
      }
      expect(world.link.link.closedByClient).toBe(true);
      world.reconnect();
      expect(world.client.connected).toBe(true);
    },
  );

  it("with another server tells its reference", () => {
    const world = new ScriptedWorldV5();
    const references: unknown[] = [];
    world.client.onDisconnect = (reason) =>
      references.push(Reason[reason], world.client.properties.textOf(Property.SERVER_REFERENCE));
    world.open();
    world.send(connack({ serverReference: "other.example:1883" }, false, 0x9d));
    expect(references).toEqual(["SERVER_MOVED", "other.example:1883"]);
  });

  it("assigns a client identifier, which reconnections use", () => {
    const world = new ScriptedWorldV5({ clientId: "", sessionExpiryInterval: 60 });
    const id = "assigned-".repeat(60);
    world.connectWith({ assignedClientIdentifier: id });
    expect(world.client.clientId).toBe(id);
    world.cut();
    world.nextAttempt();
    expect(world.take()).toMatchObject([{ clientId: id, cleanStart: false }]);
  });

  it("has the keep-alive that the broker wants [MQTT-3.2.2-21], [MQTT-3.1.2-21], and CONNECT's again without", () => {
    const world = new ScriptedWorldV5({ keepAlive: 60 });
    world.connectWith({ serverKeepAlive: 5 });
    world.clock.advance(4_700);
    expect(brief(world.take())).toEqual(["PINGREQ"]);
    world.cut();
    world.reconnect();
    world.clock.advance(50_000);
    expect(brief(world.take())).toEqual([]);
    world.cut();
    world.reconnectWith({ serverKeepAlive: 0 });
    world.clock.advance(500_000);
    expect(brief(world.take())).toEqual([]);
  });

  it("with a session present where a new one was asked for ends the connection [MQTT-3.2.2-4]", () => {
    const world = new ScriptedWorldV5();
    world.connectWith({}, true);
    expect(named(world.events)).toEqual(["SESSION_PRESENT"]);
    expect(brief(world.take())).toEqual(["DISCONNECT 0x82"]);
  });
});

describe("the session", () => {
  const cleanStart = (world: ScriptedWorldV5): boolean => (world.take()[0] as Connect).cleanStart;

  it("that `connect` began is gone on with by reconnections while it is kept [MQTT-3.1.2-4]", () => {
    const world = new ScriptedWorldV5({ sessionExpiryInterval: 60 });
    world.open();
    expect(cleanStart(world)).toBe(true);
    world.cut();
    world.nextAttempt();
    expect(cleanStart(world), "no CONNACK had come").toBe(true);
    world.acceptWith({});
    world.cut();
    world.nextAttempt();
    expect(cleanStart(world)).toBe(false);
    world.acceptWith({}, true);
    world.client.disconnect();
    world.open();
    expect(cleanStart(world)).toBe(true);
  });

  it("is as long as the broker says (3.2.2.3.2)", () => {
    const world = new ScriptedWorldV5({ sessionExpiryInterval: 60 });
    world.connectWith({ sessionExpiryInterval: 0 });
    world.cut();
    world.nextAttempt();
    expect(cleanStart(world)).toBe(true);
  });
});

describe("DISCONNECT", () => {
  it("is the last packet, though the application subscribes while it is told of what the broker rejects [MQTT-3.14.4-1]", () => {
    const world = new ScriptedWorldV5();
    world.connectWith({ receiveMaximum: 1, maximumPacketSize: 60 });
    world.client.onRejected = () => world.client.subscribe("late", 0, () => undefined);
    world.client.onMessage = () => world.client.disconnect();
    world.client.publish("t", "first", { qos: 1 });
    world.client.publish("t", "x".repeat(60), { qos: 1 }); // waits for its turn
    expect(brief(world.take())).toEqual(["PUBLISH t=first#2"]);
    world.send(acknowledgement(PacketType.PUBACK, 2), publish("t", "go"));
    expect(brief(world.take())).toEqual(["DISCONNECT"]);
    world.client.connect();
    world.clock.settle();
    world.accept();
    expect(brief(world.take())).toEqual(["SUBSCRIBE#5"]);
  });

  it("says why, and closes", () => {
    const world = new ScriptedWorldV5({ sessionExpiryInterval: 60 });
    world.connect();
    world.client.disconnect({
      reasonCode: ReasonCode.DISCONNECT_WITH_WILL_MESSAGE,
      sessionExpiryInterval: 0,
      reasonString: "sleeping",
      userProperties: [["a", "b"]],
    });
    expect(world.take()).toEqual([
      disconnect(4, { sessionExpiryInterval: 0, reasonString: "sleeping", userProperties: { a: "b" } }),
    ]);
    expect(world.link.link.closedByClient).toBe(true);
    world.connect();
    world.client.disconnect();
    expect(world.take()).toEqual([disconnect(0)]);
  });

  it.each([
    [{ reasonCode: 1 as Reason }, "reasonCode must be one that DISCONNECT may have (3.14.2.1), not 1"],
    [{ sessionExpiryInterval: 1 }, "sessionExpiryInterval must be 0 when it was 0 in CONNECT (3.14.2.2.2)"],
    [{ reasonString: "\0" }, "reasonString must be well-formed text"],
  ])("refuses %j", (options, message) => {
    const world = new ScriptedWorldV5();
    world.connect();
    expect(() => world.client.disconnect(options)).toThrow(message);
    expect(world.client.connected).toBe(true);
  });

  it("leaves reason string and user properties out where the broker does not take them [MQTT-3.14.2-3], [MQTT-3.14.2-4]", () => {
    const more = { reasonString: "sleeping", userProperties: [["a", "b"]] as const };
    const goodbye = (maximumPacketSize: number, options: DisconnectOptions): Packet[] => {
      const world = new ScriptedWorldV5({ sessionExpiryInterval: 60 });
      world.connectWith({ maximumPacketSize });
      world.client.disconnect(options);
      return world.take();
    };
    const properties = { reasonString: "sleeping", userProperties: { a: "b" } };
    expect(goodbye(22, more)).toEqual([disconnect(0, properties)]);
    expect(goodbye(21, more)).toEqual([disconnect(0)]);
    expect(goodbye(21, { ...more, reasonCode: 4, sessionExpiryInterval: 7 })).toEqual([
      disconnect(4, { sessionExpiryInterval: 7 }),
    ]);
  });

  it.each([0x80, 0x87, 0x8b, 0x8d, 0x93, 0x98, 0x9c, 0x9d, 0xa0])(
    "by the broker is told: %i [MQTT-4.13.2-1]",
    (code) => {
      const world = new ScriptedWorldV5();
      const texts: unknown[] = [];
      world.client.onDisconnect = (reason) => {
        world.events.push(reason);
        texts.push(world.client.properties.textOf(Property.REASON_STRING));
        texts.push(world.client.properties.textOf(Property.SERVER_REFERENCE));
      };
      world.connect();
      world.send(disconnect(code, { reasonString: "because", serverReference: "elsewhere" }));
      expect(world.events).toEqual([false, code]);
      expect(texts).toEqual(["because", "elsewhere"]);
      expect(world.take()).toEqual([]);
      expect(world.link.link.closedByClient).toBe(true);
      world.reconnect();
    },
  );

  it("by the broker without an error is as good as closed; with a code of clients' alone, a protocol error", () => {
    const world = new ScriptedWorldV5();
    world.connect();
    world.send(disconnect(0));
    world.reconnect();
    world.send(disconnect(4));
    expect(named(world.events)).toEqual([false, "CLOSED_BY_BROKER", false, "REASON_CODE"]);
    expect(brief(world.take())).toEqual(["DISCONNECT 0x82"]);
  });

  it("of a session taken over has the client wait as long as it can", () => {
    const world = new ScriptedWorldV5({ reconnectMinMs: 10, reconnectMaxMs: 60_000 });
    world.connect();
    world.send(disconnect(0x8e));
    expect(named(world.events)).toEqual([false, "SESSION_TAKEN_OVER"]);
    world.clock.advance(29_000);
    expect(world.links).toHaveLength(1);
    world.reconnect();
  });

  it("goes before the connection is closed for the broker's fault, also before CONNACK", () => {
    const world = new ScriptedWorldV5();
    world.open();
    world.link.take();
    world.send({ type: PacketType.PINGRESP });
    expect(brief(world.take())).toEqual(["DISCONNECT 0x82"]);
    expect(world.link.link.closedByClient).toBe(true);
    world.reconnect();
    expect(named(world.events)).toEqual(["UNEXPECTED_PACKET", false]);
  });

  it("cannot go in the midst of a message: then the connection is closed without", () => {
    const world = new ScriptedWorldV5();
    world.connect();
    world.link.link.room = 10;
    world.client.publish("t", "x".repeat(50));
    world.send(disconnect(4));
    expect(named(world.events)).toEqual([false, "REASON_CODE"]);
    expect(world.take()).toEqual([]);
    expect(world.link.link.closedByClient).toBe(true);
  });
});

describe("enhanced authentication", () => {
  function authenticating(options: Partial<ClientOptions> = {}) {
    const world = new ScriptedWorldV5({ authenticationMethod: "M", authenticationData: "hello", ...options });
    const { client } = world;
    const heard: string[] = [];
    client.onAuthenticate = (properties) => {
      heard.push(`challenge ${properties.textOf(Property.AUTHENTICATION_DATA) ?? "without data"}`);
      client.authenticate(`answer ${heard.length}`);
    };
    client.onAuthenticated = (properties) => heard.push(`done ${properties.textOf(Property.AUTHENTICATION_DATA)}`);
    client.onConnect = (kept) => {
      world.events.push(kept);
      heard.push(`connected ${client.properties.textOf(Property.AUTHENTICATION_DATA)}`);
    };
    return { world, client, heard };
  }
  const hex = (text: string): string => Buffer.from(text).toString("hex");

  it("answers challenges until CONNACK comes, and sends nothing else till then [MQTT-3.1.2-30], [MQTT-4.12.0-3], [MQTT-4.12.0-5], [MQTT-3.15.2-2], [MQTT-3.15.2-3]", () => {
    const { world, client, heard } = authenticating();
    client.publish("t", "x");
    client.subscribe("f", 1, () => undefined);
    world.open();
    expect((world.take()[0] as Connect).properties).toMatchObject({
      authenticationMethod: "M",
      authenticationData: hex("hello"),
    });
    world.send(auth(0x18, hex("one")));
    world.send(auth(0x18));
    expect(world.take()).toEqual([auth(0x18, hex("answer 1")), auth(0x18, hex("answer 2"))]);
    world.send(connack({ authenticationMethod: "M", authenticationData: hex("fine") }));
    expect(heard).toEqual(["challenge one", "challenge without data", "connected fine"]);
    expect(brief(world.take())).toEqual(["SUBSCRIBE#5", "PUBLISH t=x"]);
  });

  it("may answer later, and with more than there was room for", () => {
    const { world, client } = authenticating();
    client.onAuthenticate = undefined;
    world.open();
    world.take();
    world.send(auth(0x18, "00"));
    world.clock.advance(5_000);
    expect(world.take()).toEqual([]);
    client.authenticate("x".repeat(3_000));
    expect(world.take()).toEqual([auth(0x18, hex("x".repeat(3_000)))]);
    client.authenticate("not asked for");
    expect(world.take()).toEqual([]);
    world.acceptWith({ authenticationMethod: "M" });
    expect(client.connected).toBe(true);
  });

  it("authenticates again over the connection, with the same method [MQTT-4.12.1-1]", () => {
    const { world, client, heard } = authenticating();
    world.connectWith({ authenticationMethod: "M" });
    client.authenticate("again");
    world.send(auth(0x18, hex("two")));
    world.send(auth(0x00, hex("welcome")));
    expect(world.take()).toEqual([auth(0x19, hex("again")), auth(0x18, hex("answer 2"))]);
    expect(heard.slice(1)).toEqual(["challenge two", "done welcome"]);
    client.authenticate();
    expect(world.take()).toEqual([auth(0x19)]);
  });

  it("that fails the second time, in the broker's eyes or here, ends with a DISCONNECT that says why [MQTT-4.12.1-2]", () => {
    for (const method of ["M", "N"]) {
      const { world, client } = authenticating();
      client.onAuthenticate = () => client.disconnect({ reasonCode: Reason.NOT_AUTHORIZED_V5 });
      world.connectWith({ authenticationMethod: "M" });
      client.authenticate("again");
      world.send(auth(0x18, hex("not what it should be"), method));
      expect(brief(world.take())).toEqual(["AUTH 0x19", method === "M" ? "DISCONNECT 0x87" : "DISCONNECT 0x82"]);
      expect(world.link.link.closedByClient).toBe(true);
    }
  });

  it("sends no AUTH larger than the broker takes: the connection ends [MQTT-3.2.2-15]", () => {
    const { world, client } = authenticating();
    world.connectWith({ authenticationMethod: "M", maximumPacketSize: 100 });
    client.onAuthenticate = undefined;
    client.authenticate("x".repeat(200));
    expect(named(world.events)).toEqual([false, "PACKET_TOO_LARGE_V5"]);
    expect(world.take()).toEqual([]);
    world.nextAttempt();
    world.send(auth(0x18));
    world.take();
    client.authenticate("x".repeat(200)); // what this connection's CONNACK will say is not known
    expect(brief(world.take())).toEqual(["AUTH 0x18"]);
  });

  it("is bounded in time", () => {
    const { world, client } = authenticating();
    world.open();
    world.clock.advance(10_250);
    expect(named(world.events)).toEqual(["CONNECT_TIMEOUT"]);
    world.nextAttempt();
    world.acceptWith({ authenticationMethod: "M" });
    client.authenticate();
    world.clock.advance(30_250);
    expect(named(world.events)).toEqual(["CONNECT_TIMEOUT", false, "ACKNOWLEDGE_TIMEOUT"]);
  });

  it.each<[string, Partial<ClientOptions>, Packet[], string, string]>([
    [
      "AUTH that nobody asked for",
      { authenticationMethod: undefined, authenticationData: undefined },
      [connack({}), auth(0x18)],
      "UNEXPECTED_PACKET",
      "0x82",
    ],
    [
      "AUTH without re-authentication",
      {},
      [connack({ authenticationMethod: "M" }), auth(0x18)],
      "UNEXPECTED_PACKET",
      "0x82",
    ],
    ["AUTH of another method", {}, [auth(0x18, "00", "N")], "AUTHENTICATION_METHOD", "0x82"],
    ["AUTH of a longer method", {}, [auth(0x18, "00", "MM")], "AUTHENTICATION_METHOD", "0x82"],
    ["success before CONNACK", {}, [auth(0x00)], "UNEXPECTED_PACKET", "0x82"],
    ["CONNACK without the method", {}, [connack({})], "AUTHENTICATION_METHOD", "0x82"],
    [
      "CONNACK with a method that was not asked for",
      { authenticationMethod: undefined, authenticationData: undefined },
      [connack({ authenticationMethod: "M" })],
      "AUTHENTICATION_METHOD",
      "0x82",
    ],
  ])("%s ends the connection [MQTT-4.12.0-5]", (_name, options, packets, reason, code) => {
    const { world } = authenticating(options);
    world.open();
    world.take();
    world.send(...packets);
    expect(named(world.events).filter((event) => event !== false)).toEqual([reason]);
    expect(brief(world.take())).toEqual([`DISCONNECT ${code}`]);
    expect(world.link.link.closedByClient).toBe(true);
  });

  it("that is refused is told, and begins anew", () => {
    const { world } = authenticating();
    world.open();
    world.send(auth(0x18, "00"));
    world.send(connack({ reasonString: "no" }, false, 0x87));
    expect(named(world.events)).toEqual(["NOT_AUTHORIZED_V5"]);
    world.nextAttempt();
    expect(brief(world.take())).toEqual(["CONNECT"]);
  });

  it("needs the option [MQTT-4.12.0-7]", () => {
    const world = new ScriptedWorldV5();
    world.connect();
    expect(() => world.client.authenticate("x")).toThrow("authenticate needs the option authenticationMethod");
  });
});

describe("the receive maximum of CONNECT", () => {
  it("is never more than QoS 2 has room for", () => {
    const world = new ScriptedWorldV5({ exactlyOnce: new ExactlyOnce(3), cleanStart: false, sessionExpiryInterval: 9 });
    world.open();
    expect((world.take()[0] as Connect).properties.receiveMaximum).toBe(3);
  });
});
