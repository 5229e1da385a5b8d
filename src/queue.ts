// What becomes of messages for which there is no room or no connection: an optional part, imported as "mote-mqtt/queue".

export { type DropCounts, OfflineQueue, type OfflineQueueOptions, type QueuePolicy } from "./client/offline-queue.ts";
