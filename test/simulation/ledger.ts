import type { Message as Received } from "../../src/client/message.ts";
import type { BrokerLedger } from "./model-broker.ts";
import type { Invariant } from "./violation.ts";

interface Message {
  publisher: string;
  /** Place among the publisher's messages. */
  index: number;
  qos: number;
  payload: string;
  /** The sessions it was delivered in, one entry each time. */
  deliveries: number[];
  /** Why it may be missing; "" when it may not. */
  excuse: string;
  /** PUBREL was sent: no new session brings it again. */
  released: boolean;
  /** It was in the client's store when power was cut. */
  restored: boolean;
  /** Of those to the client: the session it was due to. */
  session: number;
}

/** What a payload begins with, so that it is known wherever it turns up: "publisher.index:". */
const LABEL = /^([^.]+)\.(\d+):/;

export function payloadOf(publisher: string, index: number, filling: string): string {
  return `${publisher}.${index}:${filling}`;
}

/** Who published what, and where it arrived: in both directions. */
export class Ledger implements BrokerLedger {
  /** Gets what is wrong. */
  onViolation: (invariant: Invariant, detail: string) => void = () => undefined;
  /** Session of the broker in which the application is told a message. */
  private readonly _up = new Map<string, Message>();
  private readonly _down = new Map<string, Message>();
  /** The highest index delivered so far, by publisher. */
  private readonly _last = new Map<string, number>();

  /** How many messages were accepted, and how many are due to the client. */
  get accepted(): number {
    return this._up.size;
  }

  get dueDown(): number {
    return this._down.size;
  }

  /** How often messages were delivered more than once. */
  get repeated(): number {
    let sum = 0;
    for (const { deliveries } of [...this._up.values(), ...this._down.values()])
      sum += Math.max(0, deliveries.length - 1);
    return sum;
  }

  /** The client had no room for a message. */
  refused(payload: string): void {
    this._up.delete(label(payload));
  }

  /** The client is given a message. */
  took(publisher: string, index: number, qos: number, payload: string): void {
    this._up.set(label(payload), newMessage(publisher, index, qos, payload, 0));
  }

  /** Its PUBREL was sent. */
  released(payload: string): void {
    const message = this._up.get(label(payload));
    if (message) message.released = true;
  }

  /** The client has told the application that it gave the message up, or power was cut while it accepted it. */
  excuse(payload: string, why: string): void {
    const message = this._up.get(label(payload)) ?? this._down.get(label(payload));
    if (message) message.excuse ||= why;
  }

  /** The client has dropped a message that it had accepted: it is not to arrive from now on, or not again. */
  dropped(payload: string): void {
    const message = this._up.get(label(payload));
    if (message?.deliveries.length) message.excuse ||= "dropped";
    else this.refused(payload);
  }

  /** Whether the client accepted a message before power was cut. */
  isRestored(payload: string): boolean {
    return this._up.get(label(payload))?.restored === true;
  }

  arrived(topic: string, payload: string, qos: number, session: number): void {
    const message = this._up.get(label(payload));
    if (!message) return this.onViolation("content", `the broker got what was not accepted: ${brief(payload)}`);
    if (message.payload !== payload || message.qos !== qos || topic !== topicOf(message.publisher)) {
      this.onViolation(
        "content",
        `${brief(message.payload)} with QoS ${message.qos} arrived as ${brief(payload)} with QoS ${qos} at ${topic}`,
      );
    }
    if (qos === 2 && message.released && message.deliveries.length) {
      this.onViolation("exactly once", `the broker got ${label(payload)} again, although PUBREL was sent`);
    }
    this._deliver(message, session);
  }

  due(payload: string, qos: number, session: number): void {
    const [, publisher, index] = LABEL.exec(payload)!;
    const excuse = qos ? "" : "QoS 0";
    this._down.set(label(payload), { ...newMessage(publisher, Number(index), qos, payload, session), excuse });
  }

  /** The application got a message; one that was too large is known by its topic, and has a `length` alone. */
  got({ topic, qos, length }: Pick<Received, "topic" | "qos" | "length">, payload: string | undefined): void {
    const message = this._down.get(payload === undefined ? `${topic.slice(topic.indexOf("/") + 1)}:` : label(payload));
    if (!message) return this.onViolation("content", `the application got what was not sent: ${topic} ${payload}`);
    if (payload === undefined ? length !== Buffer.byteLength(message.payload) : payload !== message.payload) {
      this.onViolation("content", `${brief(message.payload)} came as ${payload ?? ""} of ${length} bytes`);
    }
    if (qos !== message.qos) {
      this.onViolation("content", `${brief(message.payload)} with QoS ${message.qos} came with QoS ${qos}`);
    }
    this._deliver(message, message.session);
  }

  private _deliver(message: Message, session: number): void {
    const { publisher, index, qos, deliveries } = message;
    const last = this._last.get(publisher) ?? -1;
    const first = deliveries.length === 0;
    if (first && index < last) this.onViolation("order", `${publisher}.${index} came after ${last}`);
    if (first) this._last.set(publisher, index);
    if (!first && qos === 0) this.onViolation("at most once", `${publisher}.${index} with QoS 0 came twice`);
    if (qos === 2 && deliveries.includes(session)) {
      this.onViolation("exactly once", `${publisher}.${index} came twice in session ${session}`);
    }
    deliveries.push(session);
  }

  /** The broker has discarded a session: what it still had for the client is lost. */
  sessionEnded(session: number): void {
    for (const message of this._down.values()) if (message.session === session) message.excuse ||= "session ended";
  }

  /** The client lost power: without a store, what the broker does not have is lost. */
  poweredOff(hasStore: boolean): void {
    for (const message of this._up.values()) {
      message.restored = hasStore;
      if (!hasStore) message.excuse ||= "power lost";
    }
  }

  /** How many messages are still to arrive, in either direction. */
  get missing(): number {
    return [...this._missing(this._up), ...this._missing(this._down)].length;
  }

  /** Everything has come to rest. */
  finish(): void {
    const up = this._missing(this._up);
    if (up.length) this.onViolation("accepted is delivered", `the broker never got ${list(up)}`);
    const down = this._missing(this._down);
    if (down.length) this.onViolation("kept is received", `the application never got ${list(down)}`);
  }

  private _missing(messages: Map<string, Message>): Message[] {
    return [...messages.values()].filter(({ qos, deliveries, excuse }) => qos > 0 && !deliveries.length && !excuse);
  }
}

/** Long enough that an alias is worth it. */
export function topicOf(publisher: string): string {
  return `up/greenhouse/${publisher}`;
}

function newMessage(publisher: string, index: number, qos: number, payload: string, session: number): Message {
  return { publisher, index, qos, payload, deliveries: [], excuse: "", released: false, restored: false, session };
}

function label(payload: string): string {
  const match = LABEL.exec(payload);
  return match ? match[0] : payload;
}

function brief(payload: string): string {
  return payload.length > 40 ? `${payload.slice(0, 40)}…` : payload;
}

function list(messages: Message[]): string {
  const labels = messages.map(({ payload }) => label(payload).slice(0, -1));
  return labels.length > 5 ? `${labels.slice(0, 5).join(", ")} and ${labels.length - 5} more` : labels.join(", ");
}
