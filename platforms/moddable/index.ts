// Moddable XS, on a chip or in its simulator: TCP and TLS through ECMA-419's classes. `mote-mqtt/moddable`.

import TCP from "embedded:io/socket/tcp";
import UDP from "embedded:io/socket/udp";
import Resolver from "embedded:network/dns/resolver/udp";
import Net from "net";
import Time from "time";
import Timer from "timer";
import type { Clock, Platform } from "../../src/platform.ts";
import { utf8Text } from "../../src/utf8-text.ts";
import type { Network, Route } from "./ecma419.ts";
import { ModdableTransport } from "./transport.ts";

export type { Network, Route } from "./ecma419.ts";

/** Asked when the network names no server of its own, as Linux's simulator does not. */
const DNS_SERVERS = Object.freeze(["1.1.1.1", "8.8.8.8"]);

const clock = Object.freeze<Clock>({
  now: () => Time.ticks,
  startTicking: (intervalMs, callback) => Timer.repeat(callback, intervalMs),
  stopTicking: (ticking) => Timer.clear(ticking as Timer),
});

/**
 * Makes a platform for Moddable. A route that `network` does not name is `device.network`'s, where Moddable's projects
 * configure them; TCP needs neither, and a route without `dns` asks the servers that the network named.
 */
export function createPlatform(network?: Network): Platform {
  return {
    clock,
    text: utf8Text,
    random: () => Math.random(),
    createTransport: () =>
      new ModdableTransport((scheme) => {
        const named = network?.[scheme] ?? globalThis.device?.network?.[scheme];
        const route = named ?? (scheme === "mqtt" ? { socket: { io: TCP } } : undefined);
        return route && { socket: route.socket, dns: route.dns ?? dns() };
      }),
  };
}

function dns(): Route["dns"] {
  return { io: Resolver, servers: Net.get("DNS") ?? DNS_SERVERS, socket: { io: UDP } };
}

/** Moddable, with the routes of `device.network`; without, TCP alone. */
export const platform: Platform = Object.freeze(createPlatform());
