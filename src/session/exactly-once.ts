import { type AcknowledgementType, checkAcknowledgement, encodeAcknowledgement } from "../packet/acknowledgement.ts";
import { readUint16, writeUint16 } from "../packet/bytes.ts";
import { PacketType } from "../packet/fixed-header.ts";
import type { PublishView } from "../packet/publish.ts";
import { Reason } from "../packet/reason.ts";
import { NO_ENTRY, State } from "./entry.ts";
import type { Outbox } from "./outbox.ts";

/** Sends acknowledgements: the part of the client that QoS 2 needs. */
export interface Answering {
  _acknowledge(type: AcknowledgementType, packetId: number): Reason;
  /** How much of the outbox's next packet is sent. */
  readonly _written: number;
}

/** Keeps over a reboot how far messages with QoS 2 have come. Each returns false when it could not. */
export interface SavedHandshakes {
  /** A message has come, whose packet id is remembered at `place`. */
  received(place: number, packetId: number): boolean;
  /** Its PUBREL has come. */
  forgotten(place: number): void;
  /** A PUBREC has come: PUBREL takes the message's place. */
  released(packetId: number): boolean;
  /** Whether what is to be sent with this packet id is still in the store alone. */
  waits(packetId: number): boolean;
}

/**
 * QoS 2, exactly once, in both directions: an optional part, `mote-mqtt/qos2`. Give one to each client as `exactlyOnce`.
 * Its promise holds while the session lives; a broker that loses the session gets what it had not taken over once more.
 */
export class ExactlyOnce {
  /** Packet ids of messages that were received and whose PUBREL has not come; 0 for a free place. */
  readonly _received: Uint16Array;
  /** 1 where that may be of a session that the broker has lost. */
  private readonly _doubtful: Uint8Array;
  /** The part that saves what is below, if there is one. */
  _saved: SavedHandshakes | undefined;
  private _overflowed = false;

  /**
   * @param maximumReceived how many received messages may wait for their PUBREL at once; 1 to 65,535. What comes
   *   beyond gets no answer, and the connection ends, so that it comes again, if the session is kept. 32 by
   *   default: Mosquitto sends 20, but after a reconnection at times more. aedes has no limit of its own.
   */
  constructor(maximumReceived?: number) {
    const places = maximumReceived ?? 32;
    if (!(places >= 1 && places <= 65_535 && places % 1 === 0)) {
      throw new RangeError(`maximumReceived must be a whole number from 1 to 65535, not ${places}`);
    }
    this._received = new Uint16Array(places);
    this._doubtful = new Uint8Array(places);
  }

  /**
   * A message with QoS 2 has come. Returns whether it is to be delivered, or was before [MQTT-4.3.3-2]. Where there is no
   * room to remember it, its packet id becomes 0: without an answer it comes again. @internal
   */
  receive(message: PublishView): boolean {
    const doubtful = this._doubtful;
    const known = this._received.indexOf(message.packetId);
    if (known >= 0) {
      // What the broker sends again has DUP [MQTT-3.3.1-1]: without, a new session has come to the same packet id.
      const isNew = doubtful[known] === 1 && !message.dup;
      doubtful[known] = 0;
      return isNew;
    }
    let place = this._received.indexOf(0);
    // The broker has sent again by now whatever it knows of.
    if (place < 0) place = doubtful.indexOf(1);
    if (place >= 0 && this._saved?.received(place, message.packetId) !== false) {
      this._received[place] = message.packetId;
      doubtful[place] = 0;
      return true;
    }
    this._overflowed = true;
    message.packetId = 0;
    return false;
  }

  /** The message did not come to its end: when it comes again, it is new. @internal */
  cancel(packetId: number): void {
    const place = this._received.indexOf(packetId);
    if (place >= 0) this._forget(place);
  }

  /** How many more messages there is room for. @internal */
  get free(): number {
    let count = 0;
    for (let index = 0; index < this._received.length; index++) if (this._received[index] === 0) count++;
    return count;
  }

  /** Whether a message with this packet id was received, and waits for its PUBREL. @internal */
  has(packetId: number): boolean {
    return this._received.indexOf(packetId) >= 0;
  }

  /** Whether a message went without an answer since the last call: the connection has to end for it to come again. @internal */
  overflowed(): boolean {
    const overflowed = this._overflowed;
    this._overflowed = false;
    return overflowed;
  }

  /** Handles PUBREC, PUBREL and PUBCOMP; any other packet is not expected. @internal */
  handle(type: PacketType, bytes: Uint8Array, start: number, end: number, outbox: Outbox, client: Answering): Reason {
    if (type < PacketType.PUBREC || type > PacketType.PUBCOMP) return Reason.UNEXPECTED_PACKET;
    const reason = checkAcknowledgement(bytes, start, end);
    if (reason) return reason;
    const packetId = readUint16(bytes, start);
    if (type === PacketType.PUBREL) {
      this.cancel(packetId);
      // Also when it was answered before: the answer got lost.
      return client._acknowledge(PacketType.PUBCOMP, packetId);
    }
    const at = outbox.sentEntry(packetId);
    let releaseId = packetId;
    if (at !== NO_ENTRY) {
      const qos = outbox.qosAt(outbox.packetAt(at));
      // PUBREC is for a message with QoS 2, PUBCOMP only after PUBREL.
      if (type === PacketType.PUBREC ? qos === 1 : qos > 0) return Reason.UNKNOWN_PACKET_ID;
      if (type === PacketType.PUBCOMP) outbox.finish(packetId);
      else if (qos === 2) {
        // Without PUBREL in the store the message would be sent again after a reboot: then rather PUBREC comes again.
        if (this._saved?.released(packetId) === false) return Reason.TOO_MANY_UNFINISHED;
        releaseId = release(outbox, at, packetId, client._written > 0);
      }
    } else if (this.unsent(packetId, outbox)) {
      return Reason.OK;
    }
    // Also of a message that is finished: one that comes again does no harm, and PUBREL lets the broker finish too.
    return type === PacketType.PUBREC ? client._acknowledge(PacketType.PUBREL, releaseId) : Reason.OK;
  }

  /**
   * Whether what has this packet id is still to be sent on this connection. An answer before that is to the last connection's:
   * it comes again, and PUBREL now would have the broker take what follows for another message. @internal
   */
  unsent(packetId: number, outbox: Outbox): boolean {
    const inRing = (outbox._flight[packetId - 1] ?? NO_ENTRY) !== NO_ENTRY;
    return (inRing && outbox.sentEntry(packetId) === NO_ENTRY) || this._saved?.waits(packetId) === true;
  }

  /** A connection is up again. `doubtful`: the session that the broker has may be another than what is here is of. @internal */
  resume(sessionPresent: boolean, doubtful: boolean): void {
    const received = this._received;
    for (let place = 0; place < received.length; place++) {
      if (!received[place]) continue;
      if (!sessionPresent) this._forget(place);
      else if (doubtful) this._doubtful[place] = 1;
    }
  }

  private _forget(place: number): void {
    this._received[place] = this._doubtful[place] = 0;
    this._saved?.forgotten(place);
  }
}

/**
 * The broker has the message at `at`: its place in the ring is PUBREL's from here on, which is sent again in its stead
 * [MQTT-4.4.0-1]. They go out in the order of PUBREC [MQTT-4.6.0-4], on the next connection, too: so this one takes the last
 * place among them, and each of those takes the place of the one before. Returns the packet id whose PUBREL is to be sent
 * now: another one's where some of an earlier connection still wait.
 */
function release(outbox: Outbox, at: number, packetId: number, writing: boolean): number {
  const bytes = outbox.bytes;
  let first = packetId;
  let place = NO_ENTRY;
  let next = outbox._tail;
  encodeAcknowledgement(bytes, outbox.packetAt(at), PacketType.PUBREL, packetId);
  for (let left = outbox._entries; left > 0; left--) {
    next = outbox._begin(next);
    const packet = outbox.packetAt(next);
    const state = outbox._state(next);
    if (next === at) {
      place = at;
    } else if (place !== NO_ENTRY && state !== State.DONE && outbox.qosAt(packet) < 0) {
      // One of which a part is sent stays as it is.
      if (!writing || packet !== outbox.packetStart) {
        const id = readUint16(bytes, packet + 2);
        if (state !== State.SENT && outbox._state(place) === State.SENT) first = id;
        put(outbox, place, id);
        place = next;
      }
    }
    next = outbox._end(next);
  }
  put(outbox, place, packetId);
  return first;
}

/** Gives the PUBREL at `place` its packet id. */
function put(outbox: Outbox, place: number, packetId: number): void {
  writeUint16(outbox.bytes, outbox.packetAt(place) + 2, packetId);
  outbox._flight[packetId - 1] = place;
}
