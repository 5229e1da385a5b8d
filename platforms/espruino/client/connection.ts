import { Reason } from "../../../src/packet/reason.ts";
import { call } from "../call.ts";
import type { Engine, Socket } from "../engine.ts";
import type { Client } from "./client.ts";
import { onData } from "./input.ts";
import { First, Limit } from "./limit.ts";
import { State } from "./subscription.ts";
import { chars, field, packet } from "./text.ts";

declare const require: Engine["require"];

/** The connection ended, failed, or is of no use any more. Returns 0. */
export function lose(client: Client, reason: Reason): 0 {
  const socket = client._socket;
  client._socket = client._direct = client._why = 0;
  client.connected = false;
  if (socket) {
    socket._client = 0;
    try {
      socket.end();
    } catch {
      // It is closed already.
    }
  }
  // Exponential back-off with full jitter.
  client._remaining = Math.random() * client._ceiling;
  client._ceiling = Math.min(client._ceiling * 2, client._reconnectMax);
  if (reason !== client._lastReason) call(client.onDisconnect, (client._lastReason = reason));
  return 0;
}

/** Hands the engine as much as may wait there: requests and acknowledgements, then messages. */
export function flush(client: Client): void {
  const socket = client._socket as Socket;
  const outbox = client._outbox;
  let next: string | undefined;
  let once: boolean;
  client._direct = 0;
  if (!client.connected) return;
  if (client._asking) {
    client._asking = false;
    client._subscriptions = client._subscriptions.filter((one) => {
      const wanted = one._state === State.WANTED;
      if (!wanted && one._state !== State.UNWANTED) return true;
      if (!one.filter) return false;
      one._state++; // to REQUESTED, or to LEAVING
      client._requests = (client._requests + 1) % Limit.REQUEST_IDS;
      const id = (one._id = Limit.HIGHEST_ID - client._requests);
      const body = chars(id >> 8, id) + field(one.filter) + (wanted ? chars(one.qos) : "");
      client._control += packet(wanted ? First.SUBSCRIBE : First.UNSUBSCRIBE, body.length, body);
      return true;
    });
  }
  try {
    if (client._control && client._unsent <= Limit.UNSENT_BYTES) {
      socket.write(client._control);
      client._unsent += client._control.length;
      client._control = "";
    }
    while (client._unsent <= Limit.UNSENT_BYTES) {
      next = outbox[client.inFlight];
      if (next === undefined) {
        client._direct = socket;
        return;
      }
      once = next.charCodeAt(0) < First.PUBLISH_QOS_1;
      if (!once && client.inFlight >= client._maximumInFlight) return;
      socket.write(next);
      client._unsent += next.length;
      if (once) {
        outbox.splice(client.inFlight, 1);
        client._outboxUsed -= next.length;
      } else client.inFlight++;
    }
  } catch {
    // It is closed, and about to say so.
  }
}

function onOpen(this: Socket): void {
  if (!this._client) return;
  this._client._why = Reason.CLOSED_BY_BROKER;
  this._client._connects++;
  this.write(this._client._connect);
}

function onDrain(this: Socket): void {
  if (!this._client) return;
  this._client._unsent = 0;
  flush(this._client);
}

function onError(this: Socket, error: { code: number }): void {
  const client = this._client;
  const code = error.code;
  if (!client) return;
  client._why =
    code === -6
      ? Reason.HOST_NOT_FOUND
      : // In place of its own codes, the engine has that of data, CONNECT, that it could not send.
        code === -13 || code === -14 || (code === -8 && client._secure && !client.connected)
        ? Reason.TLS_FAILED
        : client._why
          ? Reason.CONNECTION_LOST
          : code === -9
            ? Reason.CONNECTION_REFUSED
            : Reason.CONNECTION_FAILED;
}

function onClose(this: Socket): void {
  if (this._client) lose(this._client, this._client._why || Reason.CLOSED_BY_BROKER);
}

/** Opens a connection. What the engine throws is told by the next tick. */
function open(client: Client): void {
  client._remaining = client._connectTimeout;
  client._unsent = client._part = 0;
  client._control = "";
  try {
    const socket = require(client._secure ? "tls" : "net").connect(client._endpoint, onOpen);
    client._socket = socket;
    socket._client = client;
    socket.on("data", onData);
    socket.on("drain", onDrain);
    socket.on("error", onError);
    socket.on("close", onClose);
  } catch (error) {
    // It tells a host without an address from one that refuses, and from a certificate that cannot be read, by its message.
    const message = (error as Error).message;
    client._why = /locate/.test(message)
      ? Reason.HOST_NOT_FOUND
      : /create/.test(message)
        ? Reason.CONNECTION_REFUSED
        : Reason.TLS_FAILED;
    client._remaining = 0;
  }
}

/** Time passes: the client counts in ticks, for the engine's clock may jump. */
export function tick(client: Client): void {
  client._remaining--;
  if (client.connected) {
    if (client._remaining < 0) client._ceiling = client._reconnectMin;
    const waits = client.inFlight || client._subscriptions.some((one) => one._state % 3 === 1); // or LEAVING
    client._unacknowledged = waits ? client._unacknowledged + 1 : 0;
    if (client._silent >= 0) client._silent++;
    const reason =
      client._unacknowledged > client._acknowledgeTimeout
        ? Reason.ACKNOWLEDGE_TIMEOUT
        : client._silent > client._pingTimeout
          ? Reason.PING_TIMEOUT
          : client._control.length > Limit.CONTROL_BYTES
            ? Reason.OUTPUT_STALLED
            : Reason.OK;
    if (reason) {
      lose(client, reason);
      return;
    }
    // Sent whether or not anything else was [MQTT-3.1.2-23]: to know that would cost each message more than a ping costs.
    if (client._keepAlive && ++client._sincePing + 2 > client._keepAlive) {
      client._control += chars(First.PINGREQ, 0);
      client._sincePing = 0;
      if (client._silent < 0) client._silent = 0;
    }
    flush(client);
  } else if (client._remaining <= 0) {
    // Either an attempt takes too long, or the engine refused to make one, or the wait for the next is over.
    if (client._socket) lose(client, Reason.CONNECT_TIMEOUT);
    else if (client._why) lose(client, client._why);
    else open(client);
  }
}
