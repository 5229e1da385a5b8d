// The device below the shim of ECMA-419: the host's events, handed to sockets and timers.

import type { Host, HostListener } from "../../../platforms/simulator/host.ts";
import { Timers } from "../../../platforms/simulator/timers.ts";
import { Control, CONTROL_SOCKET } from "../control.ts";
import type { default as TCP } from "./tcp.ts";

declare const host: Host;

class Device implements HostListener {
  readonly timers = new Timers(host);
  readonly sockets: (TCP | undefined)[] = [];
  private readonly _control = new Uint8Array(3);

  onWake(): void {
    this.timers.run();
  }

  onOpen(): void {
    // A socket is open once it may be written to: CONTROL says so.
  }

  onReadable(socket: number): void {
    if (socket === CONTROL_SOCKET) this._obey();
    else this.sockets[socket]?._arrived();
  }

  onWritable(): void {
    throw new Error("The host's own credit is meant to be without end.");
  }

  onClose(socket: number): void {
    this.sockets[socket]?._failed();
  }

  onReport(): void {
    // Programs under test print.
  }

  private _obey(): void {
    const control = this._control;
    while (host.read(CONTROL_SOCKET, control, 0, 3) === 3) {
      const socket = this.sockets[0];
      const number = (control[1]! << 8) | control[2]!;
      if (!socket) continue;
      if (control[0] === Control.WRITABLE) socket._granted(number);
      else if (control[0] === Control.ERROR) socket._failed();
      else socket._fault = control[0]!;
    }
  }
}

export const device = new Device();
host.listen(device);
host.open(CONTROL_SOCKET, "control", 1, false);
