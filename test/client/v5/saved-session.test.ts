import { describe, expect, it } from "vitest";
import { PacketType } from "../../../src/packet/v5/index.ts";
import { ExactlyOnce } from "../../../src/qos2.ts";
import { SavedSession } from "../../../src/store.ts";
import type { Store } from "../../../src/platform.ts";
import type { Publish } from "../../packet/v5/model.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { acknowledgement, brief, publish, ScriptedWorldV5 } from "../../support/scripted-world-v5.ts";

const { PUBACK, PUBREC, PUBCOMP } = PacketType;
const [COLD, WARM] = ["greenhouse/7/cold/frame", "greenhouse/7/warm/frame"];

/** One life of a device. */
function boot(store: Store): ScriptedWorldV5 {
  const world = new ScriptedWorldV5({ cleanStart: false, sessionExpiryInterval: 60, exactlyOnce: new ExactlyOnce() });
  new SavedSession(world.client, store);
  return world;
}

const topics = (world: ScriptedWorldV5): string[] =>
  (world.take() as Publish[]).map(({ topic, properties }) => `${topic} ${properties.topicAlias ?? ""}`.trim());

describe("a saved session of MQTT 5", () => {
  it("keeps topics whole, whatever their aliases stand for after a reboot [MQTT-3.3.2-7]", () => {
    const store = new MemoryStore();
    const first = boot(store);
    const cold = first.client.publisher(COLD, { qos: 1, topicAlias: true, contentType: "c" });
    const warm = first.client.publisher(WARM, { qos: 1, topicAlias: true });
    first.connectWith({ topicAliasMaximum: 9 });
    for (const publisher of [cold, warm, cold, warm]) publisher.publish("x");
    expect(topics(first)).toEqual([`${COLD} 1`, `${WARM} 2`, "1", "2"]);

    const second = boot(store);
    second.client.publisher(WARM, { topicAlias: true });
    second.client.publisher("greenhouse/7/another", { topicAlias: true });
    second.connectWith({ topicAliasMaximum: 9 }, true);
    const properties = { contentType: "c" };
    const again = { qos: 1, dup: true };
    expect(second.take()).toEqual([
      publish(COLD, "x", { ...again, packetId: 2, properties }),
      publish(WARM, "x", { ...again, packetId: 3 }),
      publish(COLD, "x", { ...again, packetId: 4, properties }),
      publish(WARM, "x", { ...again, packetId: 5 }),
    ]);
    second.send(...[2, 3, 4, 5].map((id) => acknowledgement(PUBACK, id)));
    expect(store.records.size).toBe(0);
  });

  it("lets go what the broker rejects, or says that it does not take", () => {
    const store = new MemoryStore();
    const world = boot(store);
    world.client.publish("t", "a", { qos: 1, retain: true });
    world.client.publish("t", "b", { qos: 2 });
    world.client.publish("t", "c", { qos: 2 });
    expect(store.records.size).toBe(3);
    world.connectWith({ retainAvailable: false }, true);
    expect(store.records.size).toBe(2);
    world.send(acknowledgement(PUBREC, 3, 0x87), acknowledgement(PUBREC, 4), acknowledgement(PUBCOMP, 4));
    expect(brief(world.take())).toEqual(["PUBLISH t=b#3", "PUBLISH t=c#4", "PUBREL#4"]);
    expect(store.records.size).toBe(0);
    expect([world.client.queued, world.client.inFlight, world.client.rejected]).toEqual([0, 0, 2]);
  });

  it("has its quota back for what was rejected, and none for a PUBREL of an earlier life", () => {
    const store = new MemoryStore();
    const first = boot(store);
    first.connect(true);
    for (const text of ["a", "b", "c"]) first.client.publish("t", text, { qos: 2 });
    first.send(acknowledgement(PUBREC, 2));
    const second = boot(store);
    second.connectWith({ receiveMaximum: 1 }, true);
    expect(brief(second.take())).toEqual(["PUBREL#2", "PUBLISH t=b#3!"]);
    second.send(acknowledgement(PUBCOMP, 2));
    expect(brief(second.take())).toEqual([]);
    second.send(acknowledgement(PUBREC, 3, 0x80));
    expect(brief(second.take())).toEqual(["PUBLISH t=c#4!"]);
  });

  it("sends a packet whole that goes with its alias alone, and of which the transport takes a part at a time", () => {
    const world = boot(new MemoryStore());
    const publisher = world.client.publisher(COLD, { qos: 1, topicAlias: true });
    world.connectWith({ topicAliasMaximum: 9 });
    publisher.publish("first");
    world.take();
    world.link.link.room = 0;
    publisher.publish("second");
    for (let step = 0; step < 20; step++) {
      world.link.link.grant(1);
      world.clock.settle();
    }
    expect(world.take()).toEqual([publish("", "second", { qos: 1, packetId: 3, properties: { topicAlias: 1 } })]);
  });
});
