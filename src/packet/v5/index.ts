// The codec of MQTT 5, all 15 packets in both directions: `mote-mqtt/codec/v5`.

export { BARE_PACKET_SIZE, DUP, MAX_REMAINING_LENGTH, NO_ROOM, RETAIN } from "../constants.ts";
export { copyBytes, readUint16, writeUint16 } from "../bytes.ts";
export {
  checkFirstByte,
  firstByte,
  packetSize,
  PacketType,
  remainingLengthSize,
  writeFixedHeader,
} from "../fixed-header.ts";
export type { PacketListener } from "../framer.ts";
export { Framer } from "./framer.ts";
export { Reason } from "../reason.ts";
export { disconnectReason, isReasonCode, ReasonCode } from "./reason-code.ts";
export { checkTopicFilter, checkTopicName, topicMatches } from "../topic.ts";
export { checkSubscriptionFilter, isShared, matchedFilterStart } from "./topic.ts";
export { checkUtf8 } from "../utf8.ts";
export { readVariableByteInteger, writeVariableByteInteger } from "./variable-byte-integer.ts";

export {
  decodeProperties,
  encodeFieldProperty,
  encodeNumberProperty,
  encodeUserProperty,
  Properties,
  propertiesSize,
  Property,
  PropertyOwner,
  writeProperties,
} from "./properties.ts";

export {
  type ConnectFields,
  connectSize,
  ConnectView,
  decodeConnect,
  encodeConnect,
  type WillFields,
} from "./connect.ts";
export { ConnackView, decodeConnack, encodeConnack } from "./connack.ts";
export {
  closePublish,
  decodePublish,
  encodePublish,
  openPublish,
  publishHeader,
  publishQos,
  PublishView,
  setPublishPacketId,
} from "./publish.ts";
export {
  type AcknowledgementType,
  AcknowledgementView,
  decodeAcknowledgement,
  encodeAcknowledgement,
} from "./acknowledgement.ts";
export { decodeSubscribe, encodeSubscribe, RetainHandling, type SubscribeEntry, SubscribeView } from "./subscribe.ts";
export { decodeSuback, encodeSuback, SubackView } from "./suback.ts";
export { decodeUnsubscribe, encodeUnsubscribe, UnsubscribeView } from "./unsubscribe.ts";
export { decodeUnsuback, encodeUnsuback, UnsubackView } from "./unsuback.ts";
export { decodeDisconnect, DisconnectView, encodeDisconnect } from "./disconnect.ts";
export { AuthView, decodeAuth, encodeAuth } from "./auth.ts";
export { checkBarePacket, encodeBarePacket } from "../bare.ts";
