// Requests and their responses, on a virtual clock and with a broker that does nothing but what the test says.

import { describe, expect, it } from "vitest";
import { PacketType, Property } from "../../../src/packet/v5/index.ts";
import { OfflineQueue } from "../../../src/queue.ts";
import { ExactlyOnce } from "../../../src/qos2.ts";
import { type RequestOptions, Requests, type RequestsOptions, Responder } from "../../../src/requests.ts";
import { type ClientOptions, Published, Reason } from "../../../src/v5.ts";
import type { Packet, PropertyValues, Publish } from "../../packet/v5/model.ts";
import { acknowledgement, brief, codes, publish, ScriptedWorldV5 } from "../../support/scripted-world-v5.ts";

const { PUBACK, PUBLISH, SUBACK } = PacketType;

interface Asking {
  world: ScriptedWorldV5;
  requests: Requests;
  ask: (payload: string) => number;
  /** What the handler was told: of which request, and the response or why there is none. */
  told: string[];
  /** The requests that the client has sent since the last call. */
  sent: () => Publish[];
}

function asking(
  options: Partial<RequestsOptions> = {},
  requestOptions: RequestOptions = {},
  clientOptions: Partial<ClientOptions> = {},
): Asking {
  const world = new ScriptedWorldV5({ keepAlive: 0, acknowledgeTimeoutMs: 1_000_000, ...clientOptions });
  const requests = new Requests(world.client, {
    responseTopic: "me/answers",
    timeoutMs: 2_000,
    maximum: 3,
    ...options,
  });
  const told: string[] = [];
  const requester = requests.requester("you/ask", requestOptions, (reason, message, request) =>
    told.push(`${request} ${message ? `${Reason[reason]} ${message.topic}=${message.text()}` : Reason[reason]}`),
  );
  const sent = (): Publish[] => world.take().filter((packet): packet is Publish => packet.type === PUBLISH);
  return { world, requests, ask: (payload) => requester.request(payload), told, sent };
}

/** The response that a responder would send. */
function response(request: Publish, payload: string, fields: Partial<Publish> = {}): Publish {
  const { responseTopic, correlationData } = request.properties as Record<string, string>;
  return publish(responseTopic!, payload, { properties: { correlationData: correlationData! }, ...fields });
}

describe("a request", () => {
  it("names where its response goes, has data of its own, and expires with its time-out", () => {
    const { world, ask, sent } = asking(
      { timeoutMs: 2_500 },
      { qos: 1, contentType: "text/plain", userProperties: [["a", "b"]] },
    );
    world.connect();
    expect(world.take()).toMatchObject([{ entries: [{ filter: "me/answers", qos: 1 }] }]);
    expect(ask("x")).toBeGreaterThan(0);
    expect(ask("y")).toBeGreaterThan(0);
    const [one, other] = sent() as [Publish, Publish];
    expect(one).toMatchObject({ topic: "you/ask", payload: "78", qos: 1 });
    expect(one.properties).toMatchObject({
      responseTopic: "me/answers",
      contentType: "text/plain",
      userProperties: { a: "b" },
      messageExpiryInterval: 3,
    });
    expect(one.properties.correlationData).toMatch(/^[0-9a-f]{8}$/);
    expect(other.properties.correlationData).not.toBe(one.properties.correlationData);
  });

  it("has the expiry that it is given", () => {
    const { world, ask, sent } = asking({}, { messageExpiryInterval: 7, payloadFormatIndicator: 1 });
    world.connect();
    ask("x");
    expect(sent()[0]!.properties.messageExpiryInterval).toBe(7);
  });

  it("is told its response, in whatever order they come", () => {
    const { world, requests, ask, told, sent } = asking();
    world.connect();
    const numbers = ["a", "b", "c"].map(ask);
    expect(requests.waiting).toBe(3);
    const [a, b, c] = sent() as [Publish, Publish, Publish];
    world.send(response(b, "B"), response(c, "C"), response(a, "A"));
    expect(told).toEqual([
      `${numbers[1]} OK me/answers=B`,
      `${numbers[2]} OK me/answers=C`,
      `${numbers[0]} OK me/answers=A`,
    ]);
    expect([requests.waiting, requests.unmatched]).toEqual([0, 0]);
  });

  it("times out, and a response that comes late, or twice, is nobody's", () => {
    const { world, requests, ask, told, sent } = asking();
    world.connect();
    const one = ask("a");
    world.clock.advance(1_000);
    const other = ask("b");
    world.clock.advance(1_250);
    expect(told).toEqual([`${one} RESPONSE_TIMEOUT`]);
    const [late, twice] = sent() as [Publish, Publish];
    world.send(response(late, "late"), response(twice, "b"), response(twice, "b again"));
    expect(told.slice(1)).toEqual([`${other} OK me/answers=b`]);
    expect(requests.unmatched).toBe(2);
    // The place is another request's: the late response of the first one still is not its own.
    const third = ask("c");
    world.send(response(late, "later still"));
    expect([told.length, requests.unmatched]).toEqual([2, 3]);
    world.clock.advance(2_000);
    expect(told[2]).toBe(`${third} RESPONSE_TIMEOUT`);
  });

  it.each([undefined, "", "00", "00000000", "ffffffff", "0000000000"])(
    "does not take a response with the correlation data %s for its own",
    (correlationData) => {
      const { world, requests, ask, told } = asking();
      world.connect();
      ask("a");
      const properties: PropertyValues = correlationData === undefined ? {} : { correlationData };
      world.send(publish("me/answers", "x", { properties }));
      expect([told, requests.unmatched, requests.waiting]).toEqual([[], 1, 1]);
    },
  );

  it("is not accepted beyond the maximum, or without room in the outbox", () => {
    const { world, requests, ask, told } = asking({ maximum: 2 }, {}, { outboxBytes: 100 });
    world.connect();
    expect([ask("x".repeat(60)), requests.waiting]).toEqual([0, 0]);
    expect([ask("a") > 0, ask("b") > 0, ask("c")]).toEqual([true, true, 0]);
    expect([told, requests.waiting]).toEqual([[], 2]);
  });

  it("waits over a reconnection: it is sent again, and a response of before counts", () => {
    const { world, ask, told, sent } = asking({ timeoutMs: 60_000 }, { qos: 1 });
    world.connect();
    const numbers = ["a", "b"].map(ask);
    const [a] = sent();
    world.send(acknowledgement(PUBACK, 2));
    world.cut();
    numbers.push(ask("c"));
    world.reconnect();
    const packets = world.take();
    // The broker is asked for the responses before it gets the requests.
    expect(brief(packets).map((packet) => packet.replace(/#.*/, ""))).toEqual([
      ...["SUBSCRIBE", "PUBLISH you/ask=b", "PUBLISH you/ask=c"],
    ]);
    world.send(response(a!, "A"), response(packets[2] as Publish, "C"), response(packets[1] as Publish, "B"));
    expect(told.map((line) => line.replace(/ .*=/, " "))).toEqual([
      `${numbers[0]} A`,
      `${numbers[2]} C`,
      `${numbers[1]} B`,
    ]);
  });

  it("times out while there is no connection, too", () => {
    const { world, ask, told } = asking({}, { qos: 1 });
    world.connect();
    world.platform.network.onConnection = undefined;
    world.cut();
    const number = ask("a");
    world.clock.advance(2_250);
    expect(told).toEqual([`${number} RESPONSE_TIMEOUT`]);
  });

  it.each([1, 2] as const)("that the broker rejects is told with its reason, QoS %i", (qos) => {
    const { world, requests, ask, told } = asking({}, { qos }, { exactlyOnce: new ExactlyOnce() });
    world.connect();
    const number = ask("a");
    world.client.publish("other", "", { qos });
    const rejected: string[] = [];
    world.client.onRejected = (message) => rejected.push(message.topic);
    const type = qos === 1 ? PUBACK : PacketType.PUBREC;
    world.send(acknowledgement(type, 2, 0x87), acknowledgement(type, 3, 0x97));
    expect(told).toEqual([`${number} NOT_AUTHORIZED_V5`]);
    expect([rejected, requests.waiting]).toEqual([["you/ask", "other"], 0]);
  });

  it.each([false, true])("that the broker does not take is told at once; with a topic alias: %s", (topicAlias) => {
    const { world, requests, ask, told } = asking({}, { retain: true, topicAlias });
    world.connectWith({ retainAvailable: false, topicAliasMaximum: 5 });
    const number = ask("a");
    expect([told, requests.waiting]).toEqual([[`${number} RETAIN_NOT_SUPPORTED`], 0]);
  });

  it("ends with the application's disconnect", () => {
    const { world, requests, ask, told } = asking();
    world.connect();
    const numbers = ["a", "b"].map(ask);
    world.client.disconnect();
    expect(told).toEqual(numbers.map((number) => `${number} DISCONNECTED`));
    expect(requests.waiting).toBe(0);
  });

  it("is not accepted when the subscription to responses is refused, and those that wait are told", () => {
    const { world, ask, told } = asking();
    const number = ask("a");
    world.connect();
    world.send(codes(SUBACK, 5, 0x87));
    expect(told).toEqual([`${number} NOT_AUTHORIZED_V5`]);
    expect(ask("b")).toBe(0);
  });

  it("may be made by the handler of another, whose place it takes", () => {
    const world = new ScriptedWorldV5();
    const requests = new Requests(world.client, { responseTopic: "r", maximum: 1, timeoutMs: 1_000 });
    const reasons: string[] = [];
    const requester = requests.requester("t", {}, (reason) => {
      reasons.push(Reason[reason]);
      if (reasons.length < 4) expect(requester.request("again")).toBeGreaterThan(0);
    });
    world.connect();
    requester.request("first");
    world.send(response(world.take().at(-1) as Publish, ""));
    world.clock.advance(3_000);
    expect(reasons).toEqual(["OK", "RESPONSE_TIMEOUT", "RESPONSE_TIMEOUT", "RESPONSE_TIMEOUT"]);
    expect(requests.waiting).toBe(0);
  });

  it("keeps its time however many parts look at the clock, and what a handler throws ends up with the platform", () => {
    const { world, ask } = asking();
    const other = new Requests(world.client, { responseTopic: "other", timeoutMs: 500 });
    const failing = other.requester("t", {}, () => {
      throw new Error("of the application");
    });
    world.connect();
    ask("a");
    failing.request("b");
    expect(() => world.clock.advance(750)).toThrow("of the application");
    expect(other.waiting).toBe(0);
  });

  it("that an offline queue drops is not accepted", () => {
    const world = new ScriptedWorldV5();
    new OfflineQueue(world.client, { qos0: "drop" });
    const requests = new Requests(world.client, { responseTopic: "r" });
    expect(requests.requester("t", {}, () => undefined).request("x")).toBe(0);
    expect(requests.waiting).toBe(0);
  });

  it("with a payload that cannot be sent throws, and takes no place", () => {
    const { world, requests, ask } = asking({ maximum: 1 });
    world.connect();
    expect(() => ask({} as string)).toThrow("payload must be a string");
    expect([requests.waiting, ask("a") > 0]).toEqual([0, true]);
  });
});

describe("without a response topic of its own, a request", () => {
  const topics = (packets: Packet[]): unknown[] =>
    packets.map((packet) =>
      packet.type === PacketType.SUBSCRIBE
        ? `+${packet.entries[0]!.filter}`
        : packet.type === PacketType.UNSUBSCRIBE
          ? `-${packet.filters[0]}`
          : (packet as Publish).properties.responseTopic,
    );

  it("has the one that the broker gives, on each connection", () => {
    const { world, ask, told } = asking(
      { responseTopic: undefined, timeoutMs: 600_000 },
      {},
      { requestResponseInformation: true },
    );
    expect(ask("early")).toBe(0);
    world.open();
    expect(world.link.take()).toMatchObject([{ properties: { requestResponseInformation: true } }]);
    world.acceptWith({ responseInformation: "clients/7/" });
    expect(ask("a")).toBeGreaterThan(0);
    let packets = world.take();
    expect(topics(packets)).toEqual(["+clients/7/responses", "clients/7/responses"]);
    world.send(codes(SUBACK, 5, 1), response(packets[1] as Publish, "A"));
    expect(told).toHaveLength(1);
    world.cut();
    world.reconnectWith({ responseInformation: "clients/7/" });
    ask("b");
    expect(topics(world.take())).toEqual(["+clients/7/responses", "clients/7/responses"]);
    world.cut();
    world.reconnectWith({ responseInformation: "other" });
    ask("c");
    packets = world.take();
    expect(topics(packets)).toEqual(["+other", "other"]);
    world.send(response(packets[1] as Publish, "C"));
    expect(told).toHaveLength(2);
    world.cut();
    world.reconnect();
    expect(ask("d")).toBe(0);
  });

  it("is not accepted when what the broker gives is no topic", () => {
    const { world, ask } = asking({ responseTopic: undefined }, {}, { requestResponseInformation: true });
    world.open();
    expect(() => world.acceptWith({ responseInformation: "a/+" })).toThrow("responseTopic must not have the wildcards");
    expect(ask("a")).toBe(0);
    expect(world.client.connected).toBe(true);
  });
});

describe("options of requests", () => {
  it.each<[Partial<RequestsOptions>, string]>([
    [{ timeoutMs: 0 }, "timeoutMs must be a whole number from 1 to 2147483647, not 0"],
    [{ maximum: 256 }, "maximum must be a whole number from 1 to 255, not 256"],
    [{ responseTopic: "a/#" }, "responseTopic must not have the wildcards"],
    [{ responseQos: 2 }, "qos must be a whole number from 0 to 1, not 2"],
  ])("%j: throws", (options, message) => {
    expect(() => asking(options)).toThrow(message);
  });

  it("are checked before there is a response topic", () => {
    const { requests } = asking({ responseTopic: undefined });
    expect(() => requests.requester("a/+", {}, () => undefined)).toThrow("topic must not have the wildcards");
  });

  it("come before the client connects", () => {
    const world = new ScriptedWorldV5();
    world.connect();
    expect(() => new Requests(world.client, {})).toThrow("Requests must be made before the client connects");
  });
});

describe("a responder", () => {
  const request = (properties: Publish["properties"]): Publish => publish("ask", "2+2", { properties });

  function responding(options = {}, clientOptions: Partial<ClientOptions> = {}) {
    const world = new ScriptedWorldV5({ exactlyOnce: new ExactlyOnce(), outboxBytes: 100_000, ...clientOptions });
    const responder = new Responder(world.client, options);
    const did: (string | undefined)[] = [];
    world.client.onMessage = (message) => {
      const published = responder.respond(message, `${message.text()}=4`);
      did.push(published === undefined ? undefined : Published[published]);
      expect(message.properties.textOf(Property.RESPONSE_TOPIC) === undefined).toBe(published === undefined);
    };
    world.connect();
    return { world, did };
  }

  it.each([0, 1, 2] as const)("publishes to the response topic, with the correlation data, QoS %i", (qos) => {
    for (const options of [{}, { contentType: "text/plain", userProperties: [["a", "x".repeat(200)]] }]) {
      const { world, did } = responding({ qos, ...options });
      for (const topicLength of [1, 3, 100, 130]) {
        for (const dataLength of [-1, 0, 1, 4, 120, 130, 300]) {
          const responseTopic = "t".repeat(topicLength);
          const correlation: PropertyValues = dataLength < 0 ? {} : { correlationData: "ab".repeat(dataLength) };
          world.send(request({ responseTopic, ...correlation }));
          const [answer] = world.take() as [Publish];
          const expected = { ...correlation, ...(options.contentType && { contentType: "text/plain" }) };
          expect(answer).toMatchObject({ topic: responseTopic, qos, payload: Buffer.from("2+2=4").toString("hex") });
          expect(answer.properties).toMatchObject(expected);
          expect(Object.keys(answer.properties).length).toBe(
            Object.keys(correlation).length + Object.keys(options).length,
          );
          if (qos === 1) world.send(acknowledgement(PUBACK, answer.packetId));
          if (qos === 2) {
            world.send(acknowledgement(PacketType.PUBREC, answer.packetId));
            world.send(acknowledgement(PacketType.PUBCOMP, answer.packetId));
            world.take();
          }
        }
      }
      expect(new Set(did)).toEqual(new Set(["QUEUED"])); // a handler's messages go once it is done
    }
  });

  it("does not answer what is no request", () => {
    const { world, did } = responding();
    world.send(request({}), request({ correlationData: "01" }));
    expect([did, world.take()]).toEqual([[undefined, undefined], []]);
  });

  it("says that there is no room, and sends nothing", () => {
    const { world, did } = responding({ contentType: "c" }, { outboxBytes: 64 });
    for (let length = 1; length < 60; length++) {
      world.send(request({ responseTopic: "t".repeat(length), correlationData: "ab".repeat(4) }));
      const full = did.pop() === "FULL";
      expect(world.take()).toHaveLength(full ? 0 : 1);
      expect(full).toBe(length > 36);
    }
  });

  it("has room made by an offline queue, as much as it takes", () => {
    const world = new ScriptedWorldV5({ outboxBytes: 300 });
    const queue = new OfflineQueue(world.client, { whenFull: "drop-oldest" });
    const responder = new Responder(world.client, { qos: 1, contentType: "text/plain" });
    const did: (Published | undefined)[] = [];
    world.client.onMessage = (message) => did.push(responder.respond(message, "x".repeat(60)));
    world.connect();
    world.link.link.room = 0;
    for (let index = 0; index < 8; index++) {
      world.send(request({ responseTopic: `answers/${index}`, correlationData: "ab".repeat(20) }));
    }
    expect(did.map((published) => Published[published!])).toEqual(did.map(() => "QUEUED"));
    expect([queue.refused, queue.droppedOldest]).toEqual([0, 6]);
    world.link.link.grant(1_000);
    // The first one was on its way already.
    expect(world.take().map((packet) => (packet as Publish).topic)).toEqual(["answers/0", "answers/7"]);
  });

  it("sends again what was not acknowledged, whole", () => {
    const { world } = responding({ qos: 1 }, { cleanStart: false, sessionExpiryInterval: 60 });
    world.send(request({ responseTopic: "answers", correlationData: "0102" }));
    const [answer] = world.take() as [Publish];
    world.cut();
    world.reconnect(true);
    expect(world.take()).toEqual([{ ...answer, dup: true }]);
  });

  it("answers requests of this very client", () => {
    const { world, ask, told } = asking();
    const responder = new Responder(world.client);
    world.client.subscribe("you/ask", 1, (message) => void responder.respond(message, `${message.text()}!`));
    world.connect();
    const numbers = ["a", "b"].map(ask);
    for (let hop = 0; hop < 2; hop++) {
      for (const packet of world.take()) if (packet.type === PUBLISH) world.send(packet);
    }
    expect(told).toEqual(numbers.map((number, index) => `${number} OK me/answers=${"ab"[index]}!`));
  });
});
