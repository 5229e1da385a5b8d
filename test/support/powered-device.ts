import type { Platform, Transport, TransportListener } from "../../src/platform.ts";
import { MemoryStore } from "./memory-store.ts";

/**
 * A device whose power can be cut, at any step of its store: what runs on its platform then does nothing more that anybody
 * could see. `boot` gives the platform of the next life.
 */
export class PoweredDevice {
  readonly store: MemoryStore;
  /** Whether the power is off. */
  off = false;
  /** How many times it was switched on. */
  boots = 0;
  private readonly _platform: Platform;

  constructor(platform: Platform, seed = 1) {
    this._platform = platform;
    this.store = new MemoryStore(seed);
    this.store.onPowerCut = () => (this.off = true);
  }

  boot(): Platform {
    this.off = false;
    this.store.on();
    const life = ++this.boots;
    const alive = (): boolean => !this.off && this.boots === life;
    const { clock, text, random } = this._platform;
    return {
      text,
      random,
      clock: {
        now: () => clock.now(),
        startTicking: (intervalMs, callback) => clock.startTicking(intervalMs, () => alive() && callback()),
        stopTicking: (ticking) => clock.stopTicking(ticking),
      },
      createTransport: () => poweredTransport(this._platform.createTransport(), alive),
    };
  }
}

function poweredTransport(transport: Transport, alive: () => boolean): Transport {
  return {
    open: (endpoint, listener) => transport.open(endpoint, poweredListener(listener, alive)),
    write: (bytes, start, end) => (alive() ? transport.write(bytes, start, end) : end - start),
    close: () => alive() && transport.close(),
  };
}

function poweredListener(listener: TransportListener, alive: () => boolean): TransportListener {
  return {
    onOpen: () => alive() && listener.onOpen(),
    onData: (bytes, start, end) => alive() && listener.onData(bytes, start, end),
    onWritable: () => alive() && listener.onWritable(),
    onClose: (reason) => alive() && listener.onClose(reason),
  };
}
