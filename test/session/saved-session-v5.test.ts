import { describe, expect, it } from "vitest";
import { PacketType } from "../../src/packet/v5/index.ts";
import type { Store } from "../../src/platform.ts";
import { ExactlyOnce } from "../../src/qos2.ts";
import { SavedSession } from "../../src/store.ts";
import type { ClientOptions } from "../../src/v5.ts";
import type { Publish } from "../packet/v5/model.ts";
import { MemoryStore } from "../support/memory-store.ts";
import { ScriptedWorld } from "../support/scripted-world.ts";
import { acknowledgement, brief, publish, ScriptedWorldV5 } from "../support/scripted-world-v5.ts";

interface SavedWorld extends ScriptedWorldV5 {
  session: SavedSession;
}

function boot(store: Store, options: Partial<ClientOptions> = {}): SavedWorld {
  const world = new ScriptedWorldV5({
    exactlyOnce: new ExactlyOnce(),
    cleanStart: false,
    sessionExpiryInterval: 600,
    ...options,
  });
  return Object.assign(world, { session: new SavedSession(world.client, store) });
}

const puback = (packetId: number, reasonCode = 0) => acknowledgement(PacketType.PUBACK, packetId, reasonCode);
const pubrec = (packetId: number, reasonCode = 0) => acknowledgement(PacketType.PUBREC, packetId, reasonCode);
const pubcomp = (packetId: number) => acknowledgement(PacketType.PUBCOMP, packetId);

/** Longer than what an alias is not worth. */
const LONG = "greenhouse/7/temperature";

describe("a saved session of MQTT 5", () => {
  it("restores messages with their properties, and received packet ids", () => {
    const store = new MemoryStore();
    const first = boot(store);
    first.connect();
    first.client.publish("t", "a", { qos: 1, contentType: "text/plain" });
    first.client.publish("t", "b", { qos: 2 });
    first.send(pubrec(3), publish("down", "x", { qos: 2, packetId: 9 }));

    const second = boot(store);
    const got: string[] = [];
    second.client.onMessage = (message) => got.push(message.text());
    second.connect(true);
    const packets = second.take();
    expect(brief(packets)).toEqual(["PUBREL#3", "PUBLISH t=a#2!"]);
    expect((packets[1] as Publish).properties).toEqual({ contentType: "text/plain" });
    second.send(publish("down", "x", { qos: 2, packetId: 9, dup: true }), puback(2), pubcomp(3));
    second.send(acknowledgement(PacketType.PUBREL, 9));
    expect(got).toEqual([]);
    expect(store.records.size).toBe(0);
  });

  it("keeps the whole topic, and gives an alias to whom it belongs in this life", () => {
    const store = new MemoryStore();
    const first = boot(store, { maximumInFlight: 2 });
    const publisher = first.client.publisher(LONG, { qos: 1, topicAlias: true });
    for (const text of ["a", "b", "c"]) publisher.publish(text);
    first.connectWith({ topicAliasMaximum: 10 });
    expect(brief(first.take())).toEqual([`PUBLISH ${LONG}=a#2`, "PUBLISH =b#3"]);

    const second = boot(store, { maximumInFlight: 10 });
    const other = second.client.publisher(`${LONG}/other`, { qos: 1, topicAlias: true });
    const same = second.client.publisher(LONG, { qos: 1, topicAlias: true });
    other.publish("d");
    same.publish("e");
    other.publish("f");
    second.connectWith({ topicAliasMaximum: 10 }, true);
    expect(brief(second.take())).toEqual([
      `PUBLISH ${LONG}=a#2!`,
      `PUBLISH ${LONG}=b#3!`,
      `PUBLISH ${LONG}=c#4!`,
      `PUBLISH ${LONG}/other=d#5`,
      `PUBLISH ${LONG}=e#6`,
      "PUBLISH =f#7",
    ]);
    second.send(...[2, 3, 4, 5, 6, 7].map((packetId) => puback(packetId)));
    expect(store.records.size).toBe(0);
  });

  it("removes what the broker refuses, or does not take at all", () => {
    const store = new MemoryStore();
    const world = boot(store);
    world.client.publish("t", "a", { qos: 1 });
    world.client.publish("t", "b", { qos: 2 });
    world.client.publish("t", "too large".repeat(20), { qos: 1 });
    world.client.publish("t", "c", { qos: 1 });
    world.connectWith({ maximumPacketSize: 100 });
    expect(brief(world.take())).toEqual(["PUBLISH t=a#2", "PUBLISH t=b#3", "PUBLISH t=c#5"]);
    expect(store.records.size).toBe(3);
    world.send(puback(2, 0x97), pubrec(3, 0x97), puback(5));
    expect(world.client.rejected).toBe(3);
    expect(store.records.size).toBe(0);
    expect(world.client.inFlight).toBe(0);
  });

  it("keeps to the broker's receive maximum over reboots and lost sessions", () => {
    const store = new MemoryStore();
    const first = boot(store);
    for (const text of ["a", "b", "c", "d"]) first.client.publish("t", text, { qos: 2 });
    first.connectWith({ receiveMaximum: 2 });
    expect(brief(first.take())).toEqual(["PUBLISH t=a#2", "PUBLISH t=b#3"]);
    first.send(pubrec(2));

    const second = boot(store);
    second.connectWith({ receiveMaximum: 2 }, true);
    expect(brief(second.take())).toEqual(["PUBREL#2", "PUBLISH t=b#3!", "PUBLISH t=c#4!"]);
    second.send(pubcomp(2)); // whose PUBLISH was not sent on this connection
    expect(brief(second.take())).toEqual([]);
    second.cut();
    second.reconnectWith({ receiveMaximum: 2 }, false);
    expect(brief(second.take())).toEqual(["PUBLISH t=b#3", "PUBLISH t=c#4"]);
    second.send(pubrec(3), pubcomp(3), pubrec(4), pubcomp(4));
    expect(brief(second.take())).toEqual(["PUBREL#3", "PUBREL#4", "PUBLISH t=d#5"]);
    second.send(pubrec(5), pubcomp(5));
    expect(store.records.size).toBe(0);
  });

  it("does not read what a client of 3.1.1 has left, nor the other way round", () => {
    const store = new MemoryStore();
    const before = new ScriptedWorld();
    new SavedSession(before.client, store);
    before.client.publish("t", "a", { qos: 1 });
    const upgraded = boot(store);
    expect(upgraded.session).toMatchObject({ restored: 0, damaged: 1 });
    upgraded.client.publish("t", "a", { qos: 1 });
    expect(new SavedSession(new ScriptedWorld().client, store)).toMatchObject({ restored: 0, damaged: 1 });
  });
});
