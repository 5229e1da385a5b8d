import {
  AcknowledgementView,
  AuthView,
  checkBarePacket,
  ConnackView,
  ConnectView,
  decodeAcknowledgement,
  decodeAuth,
  decodeConnack,
  decodeConnect,
  decodeDisconnect,
  decodePublish,
  decodeSuback,
  decodeSubscribe,
  decodeUnsuback,
  decodeUnsubscribe,
  DisconnectView,
  Framer,
  PacketType,
  PublishView,
  type Reason,
  SubackView,
  SubscribeView,
  UnsubackView,
  UnsubscribeView,
} from "../../../src/packet/v5/index.ts";
import { type ReadOptions as ReadOptionsOfAnyVersion, readPacketsBy, type ReadResult } from "../read-packets.ts";
import { type Packet, readProperties, toHex } from "./model.ts";

export { cut, cutEverywhere } from "../read-packets.ts";

export interface ReadOptions extends ReadOptionsOfAnyVersion {
  /** Whether the packets come from a client: that forbids some properties and allows others. */
  toServer?: boolean;
}

/** Reads a stream of MQTT 5 that arrives in the given chunks. */
export function readPackets(chunks: readonly Uint8Array[], options: ReadOptions = {}): ReadResult<Packet> {
  const toServer = options.toServer ?? false;
  return readPacketsBy<Packet>(
    Framer,
    (header, bytes, start, end) => decode(header, bytes, start, end, toServer),
    chunks,
    options,
  );
}

/** Decodes a packet's body: its fields, or why it is malformed. */
export function decode(
  header: number,
  bytes: Uint8Array,
  start: number,
  end: number,
  toServer: boolean,
): Packet | Reason {
  const text = (from: number, to: number) => Buffer.from(bytes.subarray(from, to)).toString("utf8");
  const type: PacketType = header >> 4;
  switch (type) {
    case PacketType.CONNECT: {
      const view = new ConnectView();
      const reason = decodeConnect(bytes, start, end, view);
      if (reason) return reason;
      return {
        type,
        clientId: text(view.clientIdStart, view.clientIdEnd),
        cleanStart: view.cleanStart,
        keepAlive: view.keepAlive,
        properties: readProperties(bytes, view.properties),
        ...(view.hasWill && {
          will: {
            topic: text(view.willTopicStart, view.willTopicEnd),
            payload: toHex(bytes, view.willPayloadStart, view.willPayloadEnd),
            qos: view.willQos,
            retain: view.willRetain,
            properties: readProperties(bytes, view.willProperties),
          },
        }),
        ...(view.hasUsername && { username: text(view.usernameStart, view.usernameEnd) }),
        ...(view.hasPassword && { password: toHex(bytes, view.passwordStart, view.passwordEnd) }),
      };
    }
    case PacketType.CONNACK: {
      const view = new ConnackView();
      const reason = decodeConnack(bytes, start, end, view);
      if (reason) return reason;
      const { sessionPresent, reasonCode } = view;
      return { type, sessionPresent, reasonCode, properties: readProperties(bytes, view.properties) };
    }
    case PacketType.PUBLISH: {
      const view = new PublishView();
      const reason = decodePublish(header, bytes, start, end, view, toServer);
      if (reason) return reason;
      return {
        type,
        topic: text(view.topicStart, view.topicEnd),
        payload: toHex(bytes, view.payloadStart, view.payloadEnd),
        qos: view.qos,
        retain: view.retain,
        dup: view.dup,
        packetId: view.packetId,
        properties: readProperties(bytes, view.properties),
      };
    }
    case PacketType.SUBSCRIBE: {
      const view = new SubscribeView();
      const reason = decodeSubscribe(bytes, start, end, view);
      if (reason) return reason;
      const entries = [];
      while (view.next(bytes)) {
        const { qos, noLocal, retainAsPublished, retainHandling } = view;
        entries.push({
          filter: text(view.filterStart, view.filterEnd),
          qos,
          noLocal,
          retainAsPublished,
          retainHandling,
        });
      }
      return { type, packetId: view.packetId, properties: readProperties(bytes, view.properties), entries };
    }
    case PacketType.SUBACK:
    case PacketType.UNSUBACK: {
      const view = type === PacketType.SUBACK ? new SubackView() : new UnsubackView();
      const reason = (type === PacketType.SUBACK ? decodeSuback : decodeUnsuback)(bytes, start, end, view);
      if (reason) return reason;
      const codes = [...bytes.subarray(view.codesStart, view.codesEnd)];
      return { type, packetId: view.packetId, properties: readProperties(bytes, view.properties), codes };
    }
    case PacketType.UNSUBSCRIBE: {
      const view = new UnsubscribeView();
      const reason = decodeUnsubscribe(bytes, start, end, view);
      if (reason) return reason;
      const filters = [];
      while (view.next(bytes)) filters.push(text(view.filterStart, view.filterEnd));
      return { type, packetId: view.packetId, properties: readProperties(bytes, view.properties), filters };
    }
    case PacketType.PINGREQ:
    case PacketType.PINGRESP:
      return checkBarePacket(start, end) || { type };
    case PacketType.DISCONNECT: {
      const view = new DisconnectView();
      const reason = decodeDisconnect(bytes, start, end, view, toServer);
      return reason || { type, reasonCode: view.reasonCode, properties: readProperties(bytes, view.properties) };
    }
    case PacketType.AUTH: {
      const view = new AuthView();
      const reason = decodeAuth(bytes, start, end, view);
      return reason || { type, reasonCode: view.reasonCode, properties: readProperties(bytes, view.properties) };
    }
    default: {
      const view = new AcknowledgementView();
      const reason = decodeAcknowledgement(type, bytes, start, end, view);
      if (reason) return reason;
      const { packetId, reasonCode } = view;
      return { type, packetId, reasonCode, properties: readProperties(bytes, view.properties) };
    }
  }
}
