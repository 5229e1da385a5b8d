// The codec of MQTT 3.1.1, all 14 packets in both directions: `mote-mqtt/codec`.

export { NO_ROOM, copyBytes, readUint16, writeUint16 } from "./bytes.ts";
export {
  checkFirstByte,
  firstByte,
  MAX_REMAINING_LENGTH,
  packetSize,
  PacketType,
  remainingLengthSize,
  writeFixedHeader,
} from "./fixed-header.ts";
export { Framer, type PacketListener } from "./framer.ts";
export { Reason } from "./reason.ts";
export { checkTopicFilter, checkTopicName, topicMatches } from "./topic.ts";
export { checkUtf8 } from "./utf8.ts";

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
  DUP,
  encodePublish,
  openPublish,
  publishHeader,
  publishQos,
  PublishView,
  RETAIN,
  setPublishPacketId,
} from "./publish.ts";
export {
  ACKNOWLEDGEMENT_SIZE,
  type AcknowledgementType,
  checkAcknowledgement,
  encodeAcknowledgement,
} from "./acknowledgement.ts";
export { decodeSubscribe, encodeSubscribe, type SubscribeEntry, SubscribeView } from "./subscribe.ts";
export { decodeSuback, encodeSuback, SubackView, SUBSCRIPTION_FAILED } from "./suback.ts";
export { decodeUnsubscribe, encodeUnsubscribe, UnsubscribeView } from "./unsubscribe.ts";
export { BARE_PACKET_SIZE, type BarePacketType, checkBarePacket, encodeBarePacket } from "./bare.ts";
