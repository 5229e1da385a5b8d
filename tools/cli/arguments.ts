// Readers of option values: each returns the value or throws what commander shows with the option's name.

import { InvalidArgumentError } from "commander";
import { UserError } from "./errors.ts";

/** A port, or 0 for any that is free. */
export function parsePort(text: string): number {
  return parseWhole(text, 0, 65_535);
}

/** A reader of whole numbers in a range. */
export function whole(minimum: number, maximum: number): (text: string) => number {
  return (text) => parseWhole(text, minimum, maximum);
}

function parseWhole(text: string, minimum: number, maximum: number): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
  if (!(value >= minimum && value <= maximum)) {
    throw new InvalidArgumentError(`It must be a whole number from ${minimum} to ${maximum}.`);
  }
  return value;
}

const UNITS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** A duration such as 500ms, 10s, 5m or 1h, in ms; up to 24 days. */
export function parseDuration(text: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
  const ms = Number(digits) * (UNITS[unit ?? ""] ?? NaN);
  if (!(ms > 0 && ms <= 2_147_483_647)) {
    throw new InvalidArgumentError("It must be a duration such as 500ms, 10s, 5m or 1h, up to 24 days.");
  }
  return Math.round(ms);
}

/** A reader of durations that are no shorter than `minimumMs`. */
export function durationFrom(minimumMs: number): (text: string) => number {
  return (text) => {
    const ms = parseDuration(text);
    if (ms < minimumMs) throw new InvalidArgumentError(`It must be ${minimumMs}ms or more.`);
    return ms;
  };
}

/** The URL of a broker that a program is to connect to. What may hold a password is not repeated. */
export function parseBrokerUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url?.hostname || !["mqtt:", "mqtts:"].includes(url.protocol)) {
    throw new UserError("The broker has to be a URL such as mqtts://broker.example:8883, or mqtt:// without TLS.");
  }
  if (url.username || url.password) {
    throw new UserError("Give the broker's user and password as settings of their own, not within the URL.");
  }
  return text;
}

/** An address to listen at. The empty one would be all of them. */
export function parseHost(text: string): string {
  if (!text.trim()) throw new InvalidArgumentError("It must be an address, such as 127.0.0.1, or 0.0.0.0 for all.");
  return text;
}
