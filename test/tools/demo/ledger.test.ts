import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { Ledger } from "../../../tools/demo/ledger.ts";

let ledger: Ledger;
beforeEach(() => {
  ledger = new Ledger();
});

/** Takes messages of a sensor: "t" and "h" for its measurements, a number for the end of that sample. */
function take(messages: string, id = "a"): void {
  for (const message of messages.split(" ")) {
    if (message === "t") ledger.take(id, "temperature", "21.50", 1);
    else if (message === "h") ledger.take(id, "humidity", "55.0", 1);
    else ledger.take(id, "samples", message, 1);
  }
}

describe("the books", () => {
  it.each([
    { what: "nothing is amiss", messages: "t h 1 t h 2 t h 3", received: 9, lost: 0, duplicates: 0 },
    { what: "the measurements change places", messages: "h t 1 t h 2", received: 6, lost: 0, duplicates: 0 },
    { what: "a measurement is lost", messages: "t h 1 t 2 t h 3", received: 8, lost: 1, duplicates: 0 },
    { what: "both measurements are lost", messages: "t h 1 2", received: 4, lost: 2, duplicates: 0 },
    { what: "a sample's number is lost", messages: "t h 1 t h t h 3", received: 8, lost: 1, duplicates: 0 },
    { what: "a whole sample is lost", messages: "t h 1 t h 3", received: 6, lost: 3, duplicates: 0 },
    { what: "the first samples are lost", messages: "t h 3", received: 3, lost: 6, duplicates: 0 },
    { what: "a measurement comes twice", messages: "t t h 1 t h 2", received: 6, lost: 0, duplicates: 1 },
    { what: "a number comes twice", messages: "t h 1 1 t h 2", received: 6, lost: 0, duplicates: 1 },
    { what: "a sample comes twice", messages: "t h 1 t h 1 t h 2", received: 6, lost: 0, duplicates: 3 },
    { what: "the last in flight come again", messages: "t h 1 t h 2 h 2 t h 3", received: 9, lost: 0, duplicates: 2 },
    { what: "they come again in the middle", messages: "t h 1 t h t h 2", received: 6, lost: 0, duplicates: 2 },
    {
      what: "one is lost, and another comes twice",
      messages: "t h 1 t t 2 t h 3",
      received: 8,
      lost: 1,
      duplicates: 1,
    },
  ])("when $what", ({ messages, received, lost, duplicates }) => {
    take(messages);
    expect(ledger).toMatchObject({ received, lost, duplicates, receivedQos0: 0 });
  });

  it("are kept for each sensor", () => {
    take("t h 1 t h 2", "a");
    take("t h 1 t h 3", "b");
    expect(ledger).toMatchObject({ received: 12, lost: 3, duplicates: 0 });
    expect([ledger.receivedFrom("a"), ledger.receivedFrom("b"), ledger.receivedFrom("c")]).toEqual([6, 6, 0]);
  });

  it("have messages with QoS 0 apart, and the state but not the will", () => {
    ledger.take("a", "battery", "4.100", 0);
    ledger.take("a", "state", "online", 1);
    ledger.take("a", "state", "offline", 1);
    expect(ledger).toMatchObject({ received: 0, receivedQos0: 1, lost: 0, duplicates: 0 });
    expect(ledger.onlineFrom("a")).toBe(1);
  });

  it("are exact for whatever single messages are lost or doubled, as long as the last number comes", () => {
    const fate = fc.constantFrom(0, 1, 1, 1, 2);
    fc.assert(
      fc.property(fc.array(fc.tuple(fate, fate, fate), { maxLength: 20 }), (samples) => {
        ledger = new Ledger();
        let delivered = 0;
        let doubled = 0;
        const book = (times: number, message: string): void => {
          for (let count = 0; count < times; count++) take(message);
          if (times > 0) delivered++;
          if (times > 1) doubled++;
        };
        let number = 0;
        for (const [temperature, humidity, end] of [...samples, [1, 1, 1]]) {
          // A measurement that comes twice hides a lost one when the number between them is lost too: not both here.
          book(end === 0 ? Math.min(temperature!, 1) : temperature!, "t");
          book(end === 0 ? Math.min(humidity!, 1) : humidity!, "h");
          book(end!, String(++number));
        }
        expect(ledger.received + ledger.lost).toBe(number * 3);
        expect(ledger.received - ledger.duplicates).toBeLessThanOrEqual(delivered);
        expect(Math.abs(ledger.duplicates - doubled)).toBeLessThanOrEqual(samples.length * 2);
      }),
      { seed: 1 },
    );
  });
});
