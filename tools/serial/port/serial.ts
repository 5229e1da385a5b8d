import { SerialPort } from "serialport";
import { describeOpenFailure } from "./failure.ts";
import { usbIdsOf } from "./list.ts";
import { type Port, PortClosedError, within, WRITE_TIMEOUT_MS } from "./port.ts";

const CLOSE_TIMEOUT_MS = 2_000;

export async function openSerialPort(path: string, baudRate: number): Promise<Port> {
  // hupcl would drop DTR when the port closes: that resets some boards and holds others in the loader.
  const serialPort = new SerialPort({ path, baudRate, autoOpen: false, hupcl: false });
  try {
    await done((callback) => serialPort.open(callback));
  } catch (error) {
    throw await describeOpenFailure(path, error as Error);
  }
  return new NativePort(serialPort, await usbIdsOf(path));
}

class NativePort implements Port {
  readonly path: string;
  readonly usbVendorId: number | undefined;
  readonly usbProductId: number | undefined;
  hasControlLines = true;
  onData: (bytes: Uint8Array) => void = () => {};
  onClose: () => void = () => {};
  private readonly _port: SerialPort;
  private readonly _gone: Promise<never>;

  constructor(port: SerialPort, usb: { vendorId?: number | undefined; productId?: number | undefined }) {
    this.path = port.path;
    this.usbVendorId = usb.vendorId;
    this.usbProductId = usb.productId;
    this._port = port;
    port.on("data", (bytes: Uint8Array) => this.onData(bytes));
    port.on("error", () => {}); // reported by the call that failed, or by "close"
    this._gone = new Promise((_, reject) => port.once("close", () => reject(new PortClosedError(port.path))));
    this._gone.catch(() => {}); // of interest only to a write that is under way
    port.on("close", () => this.onClose());
  }

  get baudRate(): number {
    return this._port.baudRate;
  }

  async write(bytes: Uint8Array): Promise<void> {
    const written = done((callback) => this._port.write(bytes, undefined, callback)).catch((cause: unknown) => {
      throw new PortClosedError(this.path, { cause }); // a terminal takes bytes for as long as it is there
    });
    written.catch(() => {}); // may come after the port went
    await within(Promise.race([written, this._gone]), WRITE_TIMEOUT_MS, `writing to ${this.path}`);
  }

  async setBaudRate(baudRate: number): Promise<void> {
    await done((callback) => this._port.update({ baudRate }, callback));
  }

  async setSignals(dtr: boolean, rts: boolean): Promise<void> {
    if (!this.hasControlLines) return;
    try {
      // All three every time: serialport sets what is left out to its default, which asserts DTR and RTS.
      await done((callback) => this._port.set({ dtr, rts, brk: false }, callback));
    } catch (error) {
      if (!/Inappropriate ioctl/.test((error as Error).message)) throw error;
      this.hasControlLines = false; // a pseudo-terminal
    }
  }

  async close(): Promise<void> {
    this.onClose = () => {};
    if (!this._port.isOpen) return;
    const closed = done((callback) => this._port.close(callback));
    await within(closed, CLOSE_TIMEOUT_MS, `closing ${this.path}`).catch(() => {}); // it may be unplugged
  }
}

function done(start: (callback: (error?: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => start((error) => (error ? reject(error) : resolve())));
}
