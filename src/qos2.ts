// QoS 2, exactly once: an optional part, imported as "mote-mqtt/qos2".

export { ExactlyOnce } from "./session/exactly-once.ts";
