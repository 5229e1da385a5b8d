// Stands in for src/packet/topic.ts: the same answers, from native functions over strings.

import { Reason } from "../../../src/packet/reason.ts";
import { bytesToString } from "./bytes.ts";
import { checkUtf8 } from "./utf8.ts";

export function checkTopicName(bytes: Uint8Array, start: number, end: number): Reason {
  if (start === end) return Reason.EMPTY_TOPIC;
  const name = bytesToString(bytes, start, end);
  if (!/[\0+#\x80-\xff]/.test(name)) return Reason.OK; // most names, and each message has one
  return /[+#]/.test(name) ? Reason.WILDCARD_IN_TOPIC : checkUtf8(bytes, start, end);
}

export function checkTopicFilter(bytes: Uint8Array, start: number, end: number): Reason {
  if (start === end) return Reason.EMPTY_TOPIC;
  const levels = bytesToString(bytes, start, end).split("/");
  for (let index = 0; index < levels.length; index++) {
    const level = levels[index];
    const whole = level === "+" || (level === "#" && index === levels.length - 1);
    if (!whole && /[+#]/.test(level)) return Reason.MISPLACED_WILDCARD;
  }
  return checkUtf8(bytes, start, end);
}

export function topicMatches(
  filter: Uint8Array,
  filterAt: number,
  filterEnd: number,
  topic: Uint8Array,
  topicAt: number,
  topicEnd: number,
): boolean {
  const wanted = bytesToString(filter, filterAt, filterEnd);
  const name = bytesToString(topic, topicAt, topicEnd);
  if (wanted === name) return true; // most filters have no wildcard
  if (!/[+#]/.test(wanted)) return false;
  const levels = wanted.split("/");
  const names = name.split("/");
  if (name[0] === "$" && (levels[0] === "#" || levels[0] === "+")) return false;
  for (let index = 0; index < levels.length; index++) {
    if (levels[index] === "#") return true;
    if (index === names.length || (levels[index] !== "+" && levels[index] !== names[index])) return false;
  }
  return levels.length === names.length;
}
