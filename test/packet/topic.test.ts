import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkTopicFilter, checkTopicName, Reason, topicMatches } from "../../src/packet/index.ts";
import { topicFilter, topicName } from "./arbitraries.ts";
import { utf8 } from "./model.ts";

/** Matches in the middle of larger buffers, where a look beyond either end finds what would make a match. */
function matches(filter: string, topic: string): boolean {
  const filterBytes = utf8(`/${filter}#`);
  const topicBytes = utf8(`$${topic}`);
  const beyond = utf8(`$${topic}${filter.slice(topic.length)}/`);
  return topicMatches(filterBytes, 1, filterBytes.length - 1, beyond, 1, topicBytes.length);
}

describe("topicMatches: the examples of 4.7", () => {
  const EXAMPLES: [clause: string, filter: string, topic: string, matches: boolean][] = [
    ["4.7.1.2", "sport/tennis/player1/#", "sport/tennis/player1", true],
    ["4.7.1.2", "sport/tennis/player1/#", "sport/tennis/player1/ranking", true],
    ["4.7.1.2", "sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true],
    ["4.7.1.2", "sport/#", "sport", true],
    ["4.7.1.2", "#", "sport/tennis/player1", true],
    ["4.7.1.2", "#", "/", true],
    ["4.7.1.2", "sport/tennis/#", "sport/tennis", true],
    ["4.7.1.2", "sport/tennis/player1/#", "sport/tennis/player10", false],
    ["4.7.1.2", "sport/#", "sports", false],
    ["4.7.1.3", "sport/tennis/+", "sport/tennis/player1", true],
    ["4.7.1.3", "sport/tennis/+", "sport/tennis/player2", true],
    ["4.7.1.3", "sport/tennis/+", "sport/tennis/player1/ranking", false],
    ["4.7.1.3", "sport/+", "sport", false],
    ["4.7.1.3", "sport/+", "sport/", true],
    ["4.7.1.3", "+", "sport", true],
    ["4.7.1.3", "+", "sport/tennis", false],
    ["4.7.1.3", "+/tennis/#", "sport/tennis", true],
    ["4.7.1.3", "+/tennis/#", "sport/tennis/player1", true],
    ["4.7.1.3", "sport/+/player1", "sport/tennis/player1", true],
    ["4.7.1.3", "sport/+/player1", "sport/player1", false],
    ["4.7.1.3", "sport/+/player1", "sport//player1", true],
    ["4.7.1.3", "+/+", "/finance", true],
    ["4.7.1.3", "/+", "/finance", true],
    ["4.7.1.3", "+", "/finance", false],
    ["MQTT-4.7.2-1", "#", "$SYS", false],
    ["MQTT-4.7.2-1", "#", "$SYS/monitor/Clients", false],
    ["MQTT-4.7.2-1", "+", "$SYS", false],
    ["MQTT-4.7.2-1", "+/monitor/Clients", "$SYS/monitor/Clients", false],
    ["MQTT-4.7.2-1", "$SYS/#", "$SYS/monitor/Clients", true],
    ["MQTT-4.7.2-1", "$SYS/monitor/+", "$SYS/monitor/Clients", true],
    ["MQTT-4.7.2-1", "$SYS/#", "$SYS", true],
    ["MQTT-4.7.2-1", "a/+", "a/$SYS", true],
    ["MQTT-4.7.2-1", "a/#", "a/$SYS", true],
    ["4.7.3", "ACCOUNTS", "Accounts", false],
    ["4.7.3", "Accounts payable", "Accounts payable", true],
    ["4.7.3", "/finance", "finance", false],
    ["4.7.3", "finance", "finance/", false],
    ["4.7.3", "finance/", "finance", false],
    ["4.7.3", "/", "/", true],
    ["4.7.3", "//", "/", false],
    ["MQTT-4.7.3-4", "é", "e\u0301", false], // no normalization
  ];

  it.each(EXAMPLES)("[%s] %s and %s: %s", (_, filter, topic, expected) => {
    expect(matches(filter, topic)).toBe(expected);
  });
});

/** 4.7 as it reads: level by level. */
function matchesByLevels(filter: string, topic: string): boolean {
  const wanted = filter.split("/");
  const levels = topic.split("/");
  if (topic.startsWith("$") && (wanted[0] === "#" || wanted[0] === "+")) return false;
  const hash = wanted.at(-1) === "#";
  const fixed = hash ? wanted.slice(0, -1) : wanted;
  return (
    (hash ? levels.length >= fixed.length : levels.length === fixed.length) &&
    fixed.every((level, index) => level === "+" || level === levels[index])
  );
}

describe("topicMatches", () => {
  it("agrees with a comparison level by level, for names made of the same few levels", () => {
    const level = fc.constantFrom("", "a", "b", "ab", "$", "é");
    const name = fc
      .array(level, { minLength: 1, maxLength: 5 })
      .map((levels) => levels.join("/"))
      .filter((topic) => topic !== "");
    const filter = fc
      .tuple(fc.array(fc.oneof(level, fc.constant("+")), { maxLength: 5 }), fc.boolean())
      .map(([levels, hash]) => [...levels, ...(hash ? ["#"] : [])].join("/"))
      .filter((value) => value !== "");
    fc.assert(
      fc.property(filter, name, (filter, topic) => {
        expect(matches(filter, topic)).toBe(matchesByLevels(filter, topic));
      }),
      { numRuns: 20_000 },
    );
  });

  it("agrees with it for any names", () => {
    fc.assert(
      fc.property(topicFilter, topicName, (filter, topic) => {
        expect(matches(filter, topic)).toBe(matchesByLevels(filter, topic));
        expect(matches(topic, topic), "a topic name matches itself").toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it("agrees with it for filters made of a topic by putting in wildcards", () => {
    fc.assert(
      fc.property(topicName, fc.nat(), fc.nat(), fc.boolean(), (topic, plusBits, hashAt, hash) => {
        const levels = topic.split("/").map((level, index) => ((plusBits >> (index % 31)) & 1 ? "+" : level));
        const filter = hash ? [...levels.slice(0, hashAt % (levels.length + 1)), "#"].join("/") : levels.join("/");
        expect(matches(filter, topic)).toBe(matchesByLevels(filter, topic));
      }),
      { numRuns: 1000 },
    );
  });
});

describe("checkTopicFilter", () => {
  /** 4.7.1 as it reads. */
  function isFilter(filter: string): boolean {
    const levels = filter.split("/");
    return levels.every(
      (level, index) => !/[+#]/.test(level) || level === "+" || (level === "#" && index === levels.length - 1),
    );
  }

  it("agrees with a check level by level [MQTT-4.7.1-2], [MQTT-4.7.1-3], [MQTT5-4.7.1-1], [MQTT5-4.7.1-2]", () => {
    const anything = fc.string({ unit: fc.constantFrom("a", "/", "+", "#", "é"), minLength: 1, maxLength: 7 });
    fc.assert(
      fc.property(anything, (filter) => {
        const bytes = utf8(`+${filter}/`);
        const expected = isFilter(filter) ? Reason.OK : Reason.MISPLACED_WILDCARD;
        expect(checkTopicFilter(bytes, 1, bytes.length - 1)).toBe(expected);
      }),
      { numRuns: 20_000 },
    );
  });

  it("accepts every topic name as a filter", () => {
    fc.assert(
      fc.property(topicName, (name) => {
        const bytes = utf8(name);
        expect(checkTopicFilter(bytes, 0, bytes.length)).toBe(Reason.OK);
      }),
    );
  });
});

describe("checkTopicName", () => {
  it("accepts any text that is not empty and has no wildcard [MQTT-4.7.3-1], [MQTT-3.3.2-2], [MQTT5-4.7.0-1], [MQTT5-4.7.3-1], [MQTT5-3.3.2-2]", () => {
    fc.assert(
      fc.property(topicName, fc.nat(), fc.constantFrom("", "+", "#"), (name, position, wildcard) => {
        const at = position % (name.length + 1);
        // A wildcard between two halves of a surrogate pair leaves the text well-formed after encoding, as U+FFFD.
        const bytes = utf8(name.slice(0, at) + wildcard + name.slice(at));
        expect(checkTopicName(bytes, 0, bytes.length)).toBe(wildcard ? Reason.WILDCARD_IN_TOPIC : Reason.OK);
      }),
      { numRuns: 1000 },
    );
  });
});
