/** What must hold in every run, whatever the network, the broker and the application do. */
export const INVARIANTS = {
  "accepted is delivered": "a message with QoS 1 or 2 that the client accepted reaches the broker",
  "kept is received": "a message with QoS 1 or 2 of a session that lives reaches the application",
  "exactly once": "a message with QoS 2 is delivered once while the session lives, in either direction [MQTT-4.3.3-1]",
  "at most once": "a message with QoS 0 is delivered once at most [MQTT-4.3.1-1]",
  order: "messages of one publisher arrive in the order they were published [MQTT-4.6.0-1]",
  content: "what arrives is what was published",
  "strict reading": "each packet of the client is well-formed to a strict reader, and to mqtt-packet",
  "connect first": "a connection begins with one CONNECT [MQTT-3.1.0-1], [MQTT-3.1.0-2]",
  "connack awaited": "nothing follows CONNECT until CONNACK has come, for it decides what may",
  "disconnect last": "nothing follows DISCONNECT [MQTT-3.14.4-2]",
  identifiers: "a packet identifier is not used again while it is in use [MQTT-2.3.1-2]",
  dup: "DUP is set on what is sent again, and on nothing else [MQTT-3.3.1-1]",
  "resent in order": "what is not acknowledged is sent again, in order and before what is new [MQTT-4.4.0-1]",
  pubrel: "PUBREL answers PUBREC and takes the place of PUBLISH [MQTT-4.3.3-1]",
  answers: "each message is answered once, in the order in which they came [MQTT-4.6.0-2]",
  window: "no more messages are under way than maximumInFlight and receive maximum allow (MQTT 5, 3.3.4)",
  "packet size": "no packet is larger than the broker's maximum packet size (MQTT 5, 3.2.2.3.6)",
  alias: "a topic alias is known, and not above the broker's maximum (MQTT 5, 3.3.2.3.4)",
  "keep alive": "no more than keepAlive passes between two packets [MQTT-3.1.2-23]",
  subscriptions: "the broker has the subscriptions that the application wants",
  "nothing thrown": "nothing at run time makes the client throw",
  "fixed memory": "objects and buffers do not grow in number or size",
  recovery: "once faults stop, the client is connected and everything is delivered within a bounded time",
} as const;

export type Invariant = keyof typeof INVARIANTS;

/** An invariant does not hold. */
export class Violation extends Error {
  readonly invariant: Invariant;

  constructor(invariant: Invariant, detail: string) {
    super(detail);
    this.name = "Violation";
    this.invariant = invariant;
  }
}
