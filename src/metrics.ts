// Counters of a client's connections: an optional part, imported as "mote-mqtt/metrics".

export { Metrics } from "./client/metrics.ts";
