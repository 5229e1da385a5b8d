import { Reason } from "../../../src/packet/reason.ts";
import { call } from "../call.ts";
import type { Engine, Socket } from "../engine.ts";
import type { Client } from "./client.ts";
import { flush, lose } from "./connection.ts";
import { Begin, First, Limit, Type } from "./limit.ts";
import { matches, State } from "./subscription.ts";
import { chars, isText } from "./text.ts";

declare const E: Engine["E"];

/** A received message, of which a client has one. */
export interface Message {
  start: number;
  end: number;
  length: number;
  /** A view of all that has come in one piece. */
  bytes: Uint8Array | undefined;
  topic: string;
  qos: number;
  retain: boolean;
  dup: boolean;
  text(): string;
  /** The string that `bytes` is a view of. */
  _chunk: string;
}

export function messageText(this: Message): string {
  return this._chunk.substr(this.start, this.length);
}

/** Takes a first byte and a topic that are not those of the last message. Returns whether the topic is one. */
function takeHead(client: Client, first: number, topic: string): boolean {
  const message = client._message;
  if (topic !== client._topic) {
    if (!topic || /[+#]/.test(topic) || !isText(topic)) return false;
    client._matching = client._subscriptions.filter(
      (one) => one._state < State.UNWANTED && (one.filter === topic || matches(one.filter, topic)),
    );
    message.topic = client._topic = topic;
  }
  client._first = first;
  message.qos = (first >> 1) & 3;
  message.retain = (first & 1) > 0;
  message.dup = (first & 8) > 0;
  return true;
}

/** CONNACK accepts the connection. */
function accept(client: Client, session: boolean): void {
  client.connected = true;
  client._remaining = Limit.LASTING_TICKS;
  client._sincePing = client._unacknowledged = 0;
  client._silent = -1;
  client._lastReason = Reason.OK;
  // What was sent is sent again: with DUP if the broker kept the session, and else as new [MQTT-3.3.1-1], [MQTT-4.4.0-1].
  client._outbox.forEach((packet, index) => {
    const first = packet.charCodeAt(0);
    const again = session ? (index < client.inFlight ? first | First.PUBLISH_DUP : first) : first & ~First.PUBLISH_DUP;
    if (first !== again && packet) client._outbox[index] = chars(again) + packet.substr(1);
  });
  client.inFlight = 0;
  // Where a CONNACK got lost, the session may be a new one that began with it.
  const known = session && client._connects < 2;
  client._connects = 0;
  client._subscriptions = client._subscriptions.filter((one) => {
    if (one._state > State.ANSWERED) one._state = State.UNWANTED;
    else if (!known || one._state < State.ANSWERED || one.granted > 2) one._state = State.WANTED;
    return session || one._state < State.UNWANTED;
  });
  client._asking = true;
  call(client.onConnect, session);
}

/** Takes an acknowledgement, the answer to a request, or PINGRESP. One that nothing waits for does no harm. */
function answer(client: Client, type: number, id: number, code: number): void {
  const outbox = client._outbox;
  if (type === Type.PINGRESP) {
    client._silent = -1;
  } else if (type === Type.PUBACK) {
    id = (id - client._oldestId + Limit.MESSAGE_ID) % Limit.MESSAGE_ID;
    if (id >= client.inFlight || !outbox[id]) return;
    client._unacknowledged = 0;
    client._outboxUsed -= outbox[id].length;
    outbox[id] = "";
    while (client.inFlight && !outbox[0]) {
      outbox.shift();
      client.inFlight--;
      client._oldestId = (client._oldestId % Limit.MESSAGE_ID) + 1;
    }
  } else {
    const one = client._subscriptions.find(
      (one) => one._id === id && one._state === (type === Type.SUBACK ? State.REQUESTED : State.LEAVING),
    );
    if (!one) return;
    client._unacknowledged = 0;
    if (type === Type.UNSUBACK) {
      client._subscriptions.splice(client._subscriptions.indexOf(one), 1);
    } else {
      one._state = State.ANSWERED;
      call(one.onGranted, (one.granted = code));
    }
  }
}

/**
 * Takes the packet at `at` unless it is an ordinary PUBLISH. Returns where that one's body is, or how far it has come, as a
 * negative number, or 0 when nothing more can be taken of this chunk.
 */
function takePacket(client: Client, data: string, at: number): number {
  const first = data.charCodeAt(at);
  const type = first >> 4;
  const message = client._message;
  let body = at + 1;
  let end = 0;
  let shift = 0;
  let byte: number;
  // CONNACK, and once [MQTT-3.2.0-1]; then PUBLISH, PUBACK, SUBACK, UNSUBACK and PINGRESP, with the flags that they have.
  if (
    !client.connected
      ? first !== First.CONNACK
      : type === Type.PUBLISH
        ? (first & 14) === 8
        : first & 15 || !((0x2a10 >> type) & 1)
  ) {
    return lose(client, Reason.UNEXPECTED_PACKET);
  }
  if (type === Type.PUBLISH && first & 4) return lose(client, Reason.QOS_NOT_REQUESTED);
  do {
    client._needed = body - at + 1;
    if (body === data.length) return 0;
    byte = data.charCodeAt(body++);
    end |= (byte & 127) << shift;
    shift += 7;
  } while (byte > 127 && shift < 28);
  const length = end;
  const id = (data.charCodeAt(body) << 8) | data.charCodeAt(body + 1);
  end += body;
  client._needed = end - at;
  if (byte > 127) {
    // In more than four bytes (2.2.3).
  } else if (type === Type.PUBLISH) {
    if (length <= client._receiveBytes) return end > data.length ? 0 : body;
    // The payload is skipped: the topic and a packet id are enough.
    client._needed = Math.min(client._needed, body - at + 4 + id);
    if (id <= Limit.TOPIC_BYTES) {
      if (at + client._needed > data.length) return 0;
      shift = body + 2 + id;
      message.start = message.end = 0;
      message.length = end - shift - (first < First.PUBLISH_QOS_1 ? 0 : 2);
      client._skipped = first < First.PUBLISH_QOS_1 ? "" : Begin.PUBACK + data.substr(shift, 2);
      if (
        message.length >= 0 &&
        client._skipped !== `${Begin.PUBACK}\0\0` &&
        takeHead(client, first, data.substr(body + 2, id))
      ) {
        // Before the handler, which may end the connection.
        client._part = Math.max(0, end - data.length);
        if (!client._part) client._control += client._skipped;
        call(client.onSkipped, message);
        return -Math.min(end, data.length);
      }
    }
  } else if (length === (type === Type.PINGRESP ? 0 : type === Type.SUBACK ? 3 : 2)) {
    if (end > data.length) return 0;
    byte = data.charCodeAt(end - 1);
    if (type > Type.CONNACK && (id || !length) && (type !== Type.SUBACK || byte < 3 || byte === 128)) {
      answer(client, type, id, byte);
      return -end;
    }
    if (type === Type.CONNACK && id < 256 && byte && byte < 6) return lose(client, byte);
    // A session that was to be clean is not there [MQTT-3.2.2-1].
    if (type === Type.CONNACK && (!id || (id === 256 && !client._clean))) {
      accept(client, id > 0);
      return -end;
    }
  }
  return lose(client, Reason.UNEXPECTED_PACKET);
}

/** Most messages pass through this function alone: the text of what is rarer is outside of it, for the engine reads it all. */
export function onData(this: Socket, data: string): void {
  const client = this._client;
  let at = 0;
  if (!client) return;
  if (typeof client._part === "string") {
    client._part += data; // which the engine does in place
    if (client._part.length < client._needed) return;
    data = client._part;
    client._part = 0;
  } else if (client._part) {
    at = Math.min(client._part, data.length);
    client._part -= at;
    if (!client._part) client._control += client._skipped;
    // Neither PINGRESP nor an acknowledgement can overtake a message that is still arriving.
    client._silent = Math.min(client._silent, 0);
    client._unacknowledged = 0;
  }
  const message = client._message;
  message._chunk = data;
  message.bytes = new Uint8Array(E.toArrayBuffer(data));
  while (at + 1 < data.length && this._client) {
    const first = data.charCodeAt(at);
    let body = at + 2;
    let end = body + data.charCodeAt(at + 1);
    if (
      first < First.PUBLISH ||
      first > First.PUBLISH_QOS_1 + 1 ||
      end > body + 127 ||
      end > data.length ||
      !client.connected
    ) {
      body = takePacket(client, data, at);
      if (!body) break;
      if (body < 0) {
        at = -body;
        continue;
      }
      end = at + client._needed;
    }
    at = end;
    let start = body + 2 + ((data.charCodeAt(body) << 8) | data.charCodeAt(body + 1));
    const topic = data.substr(body + 2, start - body - 2);
    if (first >= First.PUBLISH_QOS_1) start += 2;
    if (
      start > end ||
      (first >= First.PUBLISH_QOS_1 && data.substr(start - 2, 2) === "\0\0") ||
      ((topic !== client._topic || first !== client._first) && !takeHead(client, first, topic))
    ) {
      lose(client, Reason.UNEXPECTED_PACKET);
      break;
    }
    message.start = start;
    message.end = end;
    message.length = end - start;
    const matching = client._matching;
    for (end = 0; end < matching.length; end++) call(matching[end]._handler, message);
    if (!end) call(client.onMessage, message);
    // A handler may have ended the connection that the message came through.
    if (first >= First.PUBLISH_QOS_1 && this._client) client._control += Begin.PUBACK + data.substr(start - 2, 2);
  }
  message._chunk = "";
  message.bytes = undefined;
  if (!this._client) return;
  if (at < data.length) {
    client._part = data.substr(at);
    if (at + 1 === data.length) client._needed = 2;
  }
  if (client._control || client._asking) flush(client);
}
