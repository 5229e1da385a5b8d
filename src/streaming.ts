// Payloads of any size, both ways: an optional part, imported as "mote-mqtt/streaming".

export { Streaming, type StreamingOptions } from "./client/streaming/streaming.ts";
export type { StreamingPublisher } from "./client/streaming/publisher.ts";
export type { InterruptionHandler, Piece, PieceHandler } from "./client/streaming/pieces.ts";
