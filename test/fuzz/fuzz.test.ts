// The codec and the client are fed with real traffic, with what is malformed, and with mutations of both. `npm run fuzz`
// goes on from there, led by coverage.

import { afterEach, describe, expect, it, vi } from "vitest";
import { Client } from "../../src/client/client.ts";
import { Framer } from "../../src/packet/framer.ts";
import { Client as LeanClient } from "../../src/lean/index.ts";
import { Reason } from "../../src/packet/index.ts";
import { Outbox } from "../../src/session/outbox.ts";
import { seededRandom } from "../support/random.ts";
import { inputs, regressions } from "./corpus.ts";
import { mutate } from "./mutate.ts";
import { describeInput, TARGETS } from "./targets.ts";

const MUTATIONS = 2_000;

describe.each(TARGETS)("$name", (target) => {
  const pool = inputs(target.level, target.toServer);

  const feed = (input: Uint8Array): void => {
    try {
      target.run(input);
    } catch (error) {
      throw new Error(describeInput(target, input, error as Error), { cause: error });
    }
  };

  it("holds with all that is in the corpus", () => {
    expect(pool.length).toBeGreaterThan(100);
    pool.forEach(feed);
  });

  it.each(regressions.filter((one) => one.target === target.name))("holds with $name", ({ bytes }) =>
    feed(Uint8Array.from(Buffer.from(bytes, "hex"))),
  );

  it(`holds with ${MUTATIONS} mutations`, () => {
    const random = seededRandom(1);
    for (let count = 0; count < MUTATIONS; count++) feed(mutate(pool, random));
  });
});

describe("the fuzzer notices", () => {
  afterEach(() => vi.restoreAllMocks());

  /** What comes of it when `target` is fed with its corpus and some mutations. */
  function found(name: string): string {
    const target = TARGETS.find((one) => one.name === name)!;
    const pool = inputs(target.level, target.toServer);
    const random = seededRandom(1);
    const more = Array.from({ length: 200 }, () => mutate(pool, random));
    try {
      [...pool, ...more].forEach((input) => target.run(input));
    } catch (error) {
      return (error as Error).message;
    }
    return "nothing";
  }

  it("a framer that keeps something from one packet to the next", () => {
    const { push } = Framer.prototype;
    vi.spyOn(Framer.prototype, "push").mockImplementation(function (this: Framer, bytes, start, end) {
      return push.call(this, bytes, start, end - (end - start > 30 ? 1 : 0));
    });
    expect(found("codec-4-down")).toMatch(/cut into chunks/);
  });

  it("a client that throws", () => {
    vi.spyOn(Outbox.prototype, "sentEntry").mockImplementation(() => {
      throw new Error("thrown on purpose");
    });
    expect(found("client-4")).toBe("thrown on purpose");
  });

  it("a client that takes what is malformed for the end of the world, and does not reconnect", () => {
    vi.spyOn(Client.prototype, "onMalformed").mockImplementation(function (this: Client) {
      this.disconnect();
    });
    expect(found("client-5")).toMatch(/not within 120000 ms: it is connected again/);
  });

  it("a client that goes on after what is malformed", () => {
    vi.spyOn(Client.prototype, "onMalformed").mockImplementation(() => undefined);
    expect(found("client-4")).toMatch(/does not close the connection/);
  });

  it("a lean client that goes on after what is malformed", () => {
    const lean = LeanClient.prototype as unknown as { _lose(reason: Reason): void };
    const { _lose } = lean;
    vi.spyOn(lean, "_lose").mockImplementation(function (this: typeof lean, reason) {
      if (reason !== Reason.UNEXPECTED_PACKET) _lose.call(this, reason);
    });
    expect(found("client-4-lean")).toMatch(/does not close the connection/);
  });

  it("a client that keeps what it receives", () => {
    const { onPacket } = Client.prototype;
    vi.spyOn(Client.prototype, "onPacket").mockImplementation(function (
      this: Client & { kept?: Uint8Array[] },
      header,
      ...rest
    ) {
      (this.kept ??= []).push(new Uint8Array(1_000));
      onPacket.call(this, header, ...rest);
    });
    expect(found("client-4")).toMatch(/its memory grew/);
  });
});
