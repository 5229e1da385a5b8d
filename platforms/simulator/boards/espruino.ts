// What a program for Espruino requires of the firmware's modules, so that it runs in the simulator as it is.

import { parseUrl } from "../../../src/client/url.ts";
import { device } from "../device.ts";
import { settings } from "../index.ts";

/** The file that `mote provision --target espruino` writes. */
const PROVISIONED = "mote.json";

/** The module "Storage": what the board was provisioned with is the device's settings; there are no other files. */
export const Storage = {
  readJSON(name: string): Record<string, unknown> | undefined {
    if (name !== PROVISIONED) return undefined;
    const { scheme, hostname, port } = parseUrl(String(settings["url"]));
    return Object.assign(
      { host: hostname, port, tls: scheme === "mqtts", clientId: settings["id"], wifiSsid: "simulated" },
      settings,
    );
  },
};

/** The module "Wifi": it is there at once, and stays. */
export const Wifi = {
  connect(_ssid: string, _options: unknown, callback: (error: string | null) => void): void {
    device.timers.start(() => callback(null), 1, false);
  },

  on(): void {},
};
