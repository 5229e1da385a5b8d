// Numbers to ASCII digits and back, without making a string.

enum Ascii {
  MINUS = 0x2d,
  POINT = 0x2e,
  ZERO = 0x30,
}

enum Limit {
  /** Above this a number is not sure to have all its digits (ECMAScript's Number.MAX_SAFE_INTEGER). */
  EXACT = 9_007_199_254_740_991,
}

/**
 * Writes `value` with `decimals` digits after the point, 0 to 9, at `at`; halves are rounded away from zero. What has no
 * such digits (NaN, Infinity, more than 2^53 of the last decimal) is written as `toFixed` does, which makes a string.
 *
 * @returns where it ends, or -1 when that would be beyond `limit`.
 */
export function writeDecimal(into: Uint8Array, at: number, limit: number, value: number, decimals: number): number {
  let scale = 1;
  for (let count = decimals; count > 0; count--) scale *= 10;
  let rest = Math.round(Math.abs(value) * scale);
  if (!(rest <= Limit.EXACT)) {
    const text = value.toFixed(decimals);
    const end = at + text.length;
    if (end > limit) return -1;
    for (let index = 0; at + index < end; index++) into[at + index] = text.charCodeAt(index);
    return end;
  }

  let digits = decimals + 1;
  for (let power = scale * 10; power <= rest; power *= 10) digits++;
  const negative = value < 0 && rest > 0;
  const end = at + (negative ? 1 : 0) + digits + (decimals ? 1 : 0);
  if (end > limit) return -1;
  if (negative) into[at] = Ascii.MINUS;
  const point = decimals ? end - decimals - 1 : -1;
  for (let place = end - 1; digits > 0; place--) {
    if (place === point) {
      into[place] = Ascii.POINT;
    } else {
      into[place] = Ascii.ZERO + (rest % 10);
      rest = Math.floor(rest / 10);
      digits--;
    }
  }
  return end;
}

/**
 * Reads bytes `start` up to, not including, `end` as a decimal number: an optional sign, digits, and optionally a point
 * with digits. Exact up to 15 digits.
 *
 * @returns the number, or NaN when the bytes are anything else.
 */
export function readDecimal(bytes: Uint8Array, start: number, end: number): number {
  const negative = bytes[start] === Ascii.MINUS;
  let at = negative ? start + 1 : start;
  let digits = 0;
  let scale = 0;
  for (let value = 0; ; at++) {
    if (at === end) return digits && scale !== 1 ? (negative ? -1 : 1) * (scale ? value / scale : value) : NaN;
    const digit = bytes[at] - Ascii.ZERO;
    if (digit >= 0 && digit <= 9) {
      value = value * 10 + digit;
      scale *= 10;
      digits++;
    } else if (bytes[at] === Ascii.POINT && digits && !scale) {
      scale = 1;
    } else {
      return NaN;
    }
  }
}
