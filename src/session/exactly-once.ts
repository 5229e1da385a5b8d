import { encodeAcknowledgement } from "../packet/acknowledgement.ts";
import { PacketType } from "../packet/fixed-header.ts";
import { NO_ENTRY, type Outbox } from "./outbox.ts";

/** What `receive` says of a message. */
export enum Received {
  /** It is to be delivered. */
  NEW,
  /** It was delivered before: only to be answered [MQTT-4.3.3-2]. */
  AGAIN,
  /** There are as many unfinished messages as there is room for. */
  FULL,
}

/**
 * QoS 2, exactly once, in both directions: an optional part, `mote-mqtt/qos2`. Give one to each client as `exactlyOnce`.
 * Its promise holds while the session lives; a broker that loses the session gets what it had not taken over once more.
 */
export class ExactlyOnce {
  /** Packet ids of messages that were received and whose PUBREL has not come; 0 for a free place. */
  private readonly _received: Uint16Array;

  /**
   * @param maximumReceived how many received messages may wait for their PUBREL at once; 1 to 65,535. What comes
   *   beyond gets no answer, and the connection ends, so that it comes again. 32 by default; Mosquitto sends 20, but
   *   after a reconnection at times more.
   */
  constructor(maximumReceived?: number) {
    const places = maximumReceived ?? 32;
    if (!(places >= 1 && places <= 65_535 && places % 1 === 0)) {
      throw new RangeError(`maximumReceived must be a whole number from 1 to 65535, not ${places}`);
    }
    this._received = new Uint16Array(places);
  }

  /** A message with QoS 2 has come. @internal */
  receive(packetId: number): Received {
    if (this._received.indexOf(packetId) >= 0) return Received.AGAIN;
    const free = this._received.indexOf(0);
    if (free < 0) return Received.FULL;
    this._received[free] = packetId;
    return Received.NEW;
  }

  /**
   * PUBREC, PUBREL or PUBCOMP has come. Returns the type of the packet to answer with, 0 for none, or -1 when there is no
   * message with this packet id. @internal
   */
  handle(type: PacketType, packetId: number, outbox: Outbox): number {
    if (type === PacketType.PUBREL) {
      const place = this._received.indexOf(packetId);
      if (place >= 0) this._received[place] = 0;
      return PacketType.PUBCOMP; // also when it was answered before, and the answer got lost
    }
    const at = outbox.sentEntry(packetId);
    if (at === NO_ENTRY) return -1;
    const packet = outbox.packetAt(at);
    const released = outbox.bytes[packet] >> 4 === PacketType.PUBREL;
    if (type === PacketType.PUBCOMP) return released && outbox.finish(packetId) ? 0 : -1;
    // The broker has the message: from here on its place is PUBREL's, which is sent again in its stead [MQTT-4.4.0-1].
    if (!released) {
      if (outbox.qosAt(packet) !== 2) return -1;
      encodeAcknowledgement(outbox.bytes, packet, PacketType.PUBREL, packetId);
    }
    return PacketType.PUBREL;
  }

  /** The broker has lost the session. @internal */
  forget(): void {
    this._received.fill(0);
  }
}
