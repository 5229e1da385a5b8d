// MQTT over WebSocket (MQTT 3.1.1, 6; RFC 6455), opt-in: `mote-mqtt/moddable/websocket`.

import type { Platform } from "../../../src/platform.ts";
import { WebSocketTransport } from "./transport.ts";

/**
 * Adds the schemes `ws` and `wss` to a platform. They go over its routes for `mqtt` and `mqtts`; the path of the URL is
 * the resource, "/" by default. Name the port in the URL: without one it is MQTT's own.
 */
export function webSocket(platform: Platform): Platform {
  return Object.freeze({
    ...platform,
    createTransport: () => new WebSocketTransport(platform.createTransport(), platform),
  });
}
