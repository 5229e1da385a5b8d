// The opening handshake of WebSocket, the client's side (RFC 6455, 4.1).

import type { Endpoint, Platform } from "../../../src/platform.ts";
import { base64, sha1 } from "./digest.ts";

/** What a server appends to the key, for nobody but a WebSocket server would (1.3). */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/** A longer answer is none of a WebSocket server's. */
const RESPONSE_BYTES = 2_048;
const SPACE = 0x20;
const DELETE = 0x7f;

export class Handshake {
  readonly request: Uint8Array;
  /** Whether the server switched to WebSocket with the subprotocol mqtt; undefined as long as it has not said. */
  accepted: boolean | undefined;
  private readonly _key: string;
  private _response = "";
  /** How many bytes of the empty line at the end have come. */
  private _ending = 0;

  /** Throws a TypeError when the URL has what cannot be in a request. */
  constructor(endpoint: Endpoint, platform: Platform) {
    const hostname = endpoint.hostname;
    const key = new Uint8Array(16);
    for (let at = 0; at < key.length; at++) key[at] = platform.random() * 256;
    this._key = base64(key);
    this.request = ascii(
      `GET ${visible(endpoint.path || "/")} HTTP/1.1\r\n` +
        `Host: ${visible(hostname.indexOf(":") < 0 ? hostname : `[${hostname}]`)}:${endpoint.port}\r\n` +
        "Upgrade: websocket\r\nConnection: Upgrade\r\n" +
        `Sec-WebSocket-Key: ${this._key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n`,
    );
  }

  /** Takes of the answer what there is. Returns where it stopped: what follows the answer are frames. */
  push(bytes: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end && this._ending < 4 && this._response.length < RESPONSE_BYTES) {
      const byte = bytes[at++]!;
      this._response += String.fromCharCode(byte);
      if (byte === (this._ending & 1 ? 10 : 13)) this._ending++;
      else this._ending = byte === 13 ? 1 : 0;
    }
    const response = this._response;
    if (this._ending === 4) this.accepted = this._accepts(response.split("\r\n"));
    else if (response.length === RESPONSE_BYTES) this.accepted = false;
    return at;
  }

  private _accepts(lines: string[]): boolean {
    const fields: Record<string, string> = {};
    for (let index = 1; index < lines.length; index++) {
      const line = lines[index]!;
      const colon = line.indexOf(":");
      if (colon > 0) fields[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    return (
      lines[0]!.indexOf("HTTP/1.1 101") === 0 &&
      (fields["upgrade"] ?? "").toLowerCase() === "websocket" &&
      (fields["connection"] ?? "").toLowerCase().indexOf("upgrade") >= 0 &&
      fields["sec-websocket-accept"] === base64(sha1(ascii(this._key + GUID))) &&
      fields["sec-websocket-protocol"] === "mqtt" && // [MQTT-6.0.0-4]
      fields["sec-websocket-extensions"] === undefined // none was offered
    );
  }
}

function visible(text: string): string {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code <= SPACE || code >= DELETE) {
      throw new TypeError(`url must have visible ASCII characters alone, and the others percent-encoded: "${text}"`);
    }
  }
  return text;
}

function ascii(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}
