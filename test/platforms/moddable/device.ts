import { Control, CONTROL_SOCKET } from "../../../tools/moddable/control.ts";
import { bundleForShim } from "../../../tools/moddable/program.ts";
import { host } from "../../tools/simulator/engine.ts";
import { type Device, runDevice } from "../../tools/simulator/xs/device.ts";

export { Control } from "../../../tools/moddable/control.ts";
export { stopDevices } from "../../tools/simulator/xs/device.ts";

/** A program on XS above the shim of ECMA-419, and the network that it is on. */
export class ShimDevice {
  private readonly _device: Device;
  private _now = 0;

  static async run(source: string, settings: Record<string, unknown> = {}): Promise<ShimDevice> {
    const device = await runDevice(host, await bundleForShim(source), {
      settings: JSON.stringify(settings),
      // A bundle has the variables of all its modules on the stack, where modules have them in closures.
      stackSlots: 384 + 256,
    });
    const shim = new ShimDevice(device);
    device.machine.opened(0, CONTROL_SOCKET, 1);
    return shim;
  }

  private constructor(device: Device) {
    this._device = device;
  }

  get lines(): string[] {
    return this._device.board.lines;
  }

  /** What was written to the socket, a string of hex for each write, and what the program asked of it otherwise. */
  get socket(): string[] {
    return this._device.board.calls
      .filter(([what, socket]) => what !== "wakeAt" && socket !== CONTROL_SOCKET)
      .map(([what, , value]) =>
        what === "write" ? Buffer.from(value as string, "latin1").toString("hex") : `${what}`,
      );
  }

  get writes(): string[] {
    return this.socket.filter((call) => /^[\da-f]+$/.test(call) && call.length % 2 === 0);
  }

  async pass(ms: number): Promise<void> {
    for (const end = this._now + ms; this._now < end;) {
      this._now = Math.min(end, this._now + 50);
      this._device.machine.wake(this._now);
    }
    await this._device.machine.settled();
  }

  /** The name is resolved, and the socket opens: so many bytes may be written. */
  async up(writable = 5_744): Promise<void> {
    await this.pass(50);
    this._device.machine.opened(this._now, 0, 0x7fffffff);
    await this.control(Control.WRITABLE, writable);
  }

  async control(what: number, number = 0): Promise<void> {
    this._device.machine.received(this._now, CONTROL_SOCKET, Uint8Array.of(what, number >> 8, number));
    await this._device.machine.settled();
  }

  async receive(bytes: Uint8Array | string): Promise<void> {
    this._device.machine.received(this._now, 0, typeof bytes === "string" ? Buffer.from(bytes, "hex") : bytes);
    await this._device.machine.settled();
  }

  statistics(): ReturnType<Device["machine"]["statistics"]> {
    return this._device.machine.statistics(this._now);
  }

  get ended(): Promise<string> {
    return this._device.board.ended;
  }

  /** Up, and through CONNECT and CONNACK. */
  async connect(writable?: number): Promise<void> {
    await this.up(writable);
    await this.receive("20020000");
  }
}
