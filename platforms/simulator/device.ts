import type { Host, HostListener } from "./host.ts";
import { Timers } from "./timers.ts";
import type { SimulatorTransport } from "./transport.ts";

declare const host: Host;

/** Hands the host's events to whom they concern. */
class Device implements HostListener {
  readonly timers = new Timers(host);
  /** The open transports; the index is the socket's number. */
  readonly connections: (SimulatorTransport | undefined)[] = [];
  report: (() => void) | undefined;

  onWake(): void {
    this.timers.run();
  }

  onOpen(socket: number): void {
    this.connections[socket]?.opened();
  }

  onReadable(socket: number): void {
    this.connections[socket]?.readable();
  }

  onWritable(socket: number): void {
    this.connections[socket]?.writable();
  }

  onClose(socket: number, reason: number): void {
    this.connections[socket]?.closed(reason);
  }

  onReport(): void {
    this.report?.();
  }
}

/** The one device that this program runs on. */
export const device = new Device();
host.listen(device);
