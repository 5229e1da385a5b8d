import { setTimeout as sleep } from "node:timers/promises";
import type { Port } from "../port/port.ts";

/**
 * How a board is brought into its boot loader. On most boards RTS pulls EN (reset) low and DTR pulls IO0 (BOOT) low,
 * through two transistors that cancel when both are asserted.
 */
export const RESET_STRATEGIES = ["auto", "classic", "tight", "usb-jtag", "none"] as const;
export type ResetStrategyName = (typeof RESET_STRATEGIES)[number];

export interface ResetStrategy {
  reset(): Promise<void>;
}

/** Product id of the USB-Serial/JTAG unit in C3, S3 and newer chips. */
const ESPRESSIF_VENDOR_ID = 0x303a;
const USB_JTAG_PRODUCT_ID = 0x1001;

/** How long IO0 is held low after EN rises: boards with a large capacitor at EN start late. */
const HOLD_MS = [50, 550];

/** What to try, in order and over again, until the loader answers. */
export function resetStrategies(name: ResetStrategyName, port: Port): ResetStrategy[] {
  switch (name) {
    case "none":
      return [];
    case "classic":
      return HOLD_MS.map((holdMs) => ({ reset: () => classic(port, holdMs) }));
    case "tight":
      return HOLD_MS.map((holdMs) => ({ reset: () => tight(port, holdMs) }));
    case "usb-jtag":
      return [{ reset: () => usbJtag(port) }];
    case "auto": {
      if (!port.hasControlLines) return [];
      if (port.usbVendorId === ESPRESSIF_VENDOR_ID && port.usbProductId === USB_JTAG_PRODUCT_ID)
        return resetStrategies("usb-jtag", port);
      // Windows drivers set one line at a time whatever they are told.
      const pairs = HOLD_MS.map((holdMs) => [() => tight(port, holdMs), () => classic(port, holdMs)]);
      return pairs
        .flatMap((pair) => (process.platform === "win32" ? pair.reverse() : pair))
        .map((reset) => ({ reset }));
    }
  }
}

/** Restarts the board into its program: EN low for a moment, IO0 left high, both lines released at the end. */
export async function hardReset(port: Port): Promise<void> {
  await port.setSignals(false, true);
  await sleep(100);
  await port.setSignals(false, false);
}

async function classic(port: Port, holdMs: number): Promise<void> {
  await port.setSignals(false, false);
  await port.setSignals(false, true); // EN low
  await sleep(100);
  await port.setSignals(true, true);
  await port.setSignals(true, false); // EN high with IO0 low: the loader starts
  await sleep(holdMs);
  await port.setSignals(false, false);
}

/** Both lines change at once, so that no board is started by a state between. */
async function tight(port: Port, holdMs: number): Promise<void> {
  await port.setSignals(false, false);
  await port.setSignals(true, true);
  await port.setSignals(false, true); // EN low
  await sleep(100);
  await port.setSignals(true, false); // EN high with IO0 low: the loader starts
  await sleep(holdMs);
  await port.setSignals(false, false);
}

/** The USB unit samples the lines itself and passes through both-asserted rather than both-released. */
async function usbJtag(port: Port): Promise<void> {
  await port.setSignals(false, false);
  await sleep(100);
  await port.setSignals(true, false);
  await sleep(100);
  await port.setSignals(true, true);
  await port.setSignals(false, true);
  await sleep(100);
  await port.setSignals(false, false);
}
