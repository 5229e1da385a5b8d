// The codec of MQTT 3.1.1, all 14 packets in both directions: `mote-mqtt/codec`.

export {
  ACKNOWLEDGEMENT_SIZE,
  BARE_PACKET_SIZE,
  DUP,
  MAX_REMAINING_LENGTH,
  NO_ROOM,
  RETAIN,
  SUBSCRIPTION_FAILED,
} from "./constants.ts";
export { copyBytes, readUint16, writeUint16 } from "./bytes.ts";
export {
  checkFirstByte,
  firstByte,
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
  encodePublish,
  openPublish,
  publishHeader,
  publishQos,
  PublishView,
  setPublishPacketId,
} from "./publish.ts";
export { type AcknowledgementType, checkAcknowledgement, encodeAcknowledgement } from "./acknowledgement.ts";
export { decodeSubscribe, encodeSubscribe, type SubscribeEntry, SubscribeView } from "./subscribe.ts";
export { decodeSuback, encodeSuback, SubackView } from "./suback.ts";
export { decodeUnsubscribe, encodeUnsubscribe, UnsubscribeView } from "./unsubscribe.ts";
export { type BarePacketType, checkBarePacket, encodeBarePacket } from "./bare.ts";
