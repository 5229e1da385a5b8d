import { Reason } from "../../src/packet/index.ts";
import type { StreamingPublisher } from "../../src/streaming.ts";

/** What the application knows of a message that it streams. */
export interface StreamedMessage {
  payload: string;
  bytes: Uint8Array;
}

/** An application that streams one message after the other, and begins each anew until the broker has it. */
export class Streamer {
  /** A message was delivered, rejected, or with QoS 0 interrupted: nothing more is done about it. */
  onDone: (message: StreamedMessage, rejected: boolean) => void = () => undefined;
  /** The message at hand, begun or to be begun again. */
  message: StreamedMessage | undefined;
  private readonly _publisher: StreamingPublisher;
  private _isOpen = false;
  private _at = 0;

  /** @param isConnected whether the client still is: if so, it is the broker that rejects a message. */
  constructor(publisher: StreamingPublisher, qos: number, isConnected: () => boolean, pieceBytes: () => number) {
    this._publisher = publisher;
    publisher.onWritable = () => this.write(pieceBytes());
    publisher.onEnd = (reason) => {
      const message = this.message!;
      const rejected = reason !== Reason.OK && isConnected();
      this._isOpen = false;
      if (reason !== Reason.OK && !rejected && qos > 0) return;
      this.message = undefined;
      this.onDone(message, rejected);
    };
  }

  /** Whether the client waits for more of a message: until then it can send nothing else. */
  get isWriting(): boolean {
    return this._isOpen && this._at < this.message!.bytes.length;
  }

  /** Begins the message at hand, if that is possible. */
  begin(): void {
    if (!this.message || this._isOpen) return;
    this._at = 0;
    this._isOpen = true; // `onEnd` may be called at once
    if (!this._publisher.begin(this.message.bytes.length)) this._isOpen = false;
  }

  /** Writes as long as the client takes it, `pieceBytes` at a time. */
  write(pieceBytes: number): void {
    while (this._isOpen && this._at < this.message!.bytes.length) {
      const { bytes } = this.message!;
      const end = Math.min(bytes.length, this._at + pieceBytes);
      const taken = this._publisher.write(bytes, this._at, end);
      this._at += taken;
      if (!this._isOpen || this._at < end) return;
    }
    if (this._isOpen) this._publisher.end();
  }
}
