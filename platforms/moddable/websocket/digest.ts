// What the handshake needs to tell a WebSocket server from any other: no secret is kept by it.

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Base64 with padding (RFC 4648, 4). */
export function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at;
    const group = (bytes[at]! << 16) | ((left > 1 ? bytes[at + 1]! : 0) << 8) | (left > 2 ? bytes[at + 2]! : 0);
    text += ALPHABET.charAt(group >> 18) + ALPHABET.charAt((group >> 12) & 63);
    text += left > 1 ? ALPHABET.charAt((group >> 6) & 63) : "=";
    text += left > 2 ? ALPHABET.charAt(group & 63) : "=";
  }
  return text;
}

/** SHA-1 (FIPS 180-4, 6.1). */
export function sha1(message: Uint8Array): Uint8Array {
  const blocks = padded(message);
  const state = Int32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0);
  const words = new Int32Array(80);
  for (let at = 0; at < blocks.byteLength; at += 64) {
    for (let t = 0; t < 16; t++) words[t] = blocks.getInt32(at + 4 * t);
    for (let t = 16; t < 80; t++) {
      words[t] = rotate(words[t - 3]! ^ words[t - 8]! ^ words[t - 14]! ^ words[t - 16]!, 1);
    }
    const round = state.slice();
    for (let t = 0; t < 80; t++) {
      const next = rotate(round[0]!, 5) + mix(t, round[1]!, round[2]!, round[3]!) + round[4]! + words[t]!;
      round.copyWithin(1, 0, 4);
      round[2] = rotate(round[2]!, 30);
      round[0] = next;
    }
    for (let index = 0; index < 5; index++) state[index] = state[index]! + round[index]!;
  }
  const digest = new DataView(new ArrayBuffer(20));
  for (let index = 0; index < 5; index++) digest.setInt32(4 * index, state[index]!);
  return new Uint8Array(digest.buffer);
}

/** The message, a bit that is set, zeroes, and its length in bits in the last 8 of a multiple of 64 bytes (5.1.1). */
function padded(message: Uint8Array): DataView {
  const bytes = new Uint8Array((message.length + 8 + 64) & ~63);
  bytes.set(message);
  bytes[message.length] = 0x80;
  const view = new DataView(bytes.buffer);
  view.setUint32(bytes.length - 4, message.length * 8);
  return view;
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/** The function and constant of round `t` (4.1.1, 4.2.1). */
function mix(t: number, b: number, c: number, d: number): number {
  if (t < 20) return ((b & c) | (~b & d)) + 0x5a827999;
  if (t < 40) return (b ^ c ^ d) + 0x6ed9eba1;
  if (t < 60) return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
  return (b ^ c ^ d) + 0xca62c1d6;
}
