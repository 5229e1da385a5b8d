// `embedded:network/dns/resolver/udp`: what becomes of a name, the name says.

import { device } from "./device.ts";

interface Request {
  host: string;
  onResolved: (host: string, address: string) => void;
  onError: () => void;
}

export default class Resolver {
  private _closed = false;

  resolve(request: Request): void {
    if (this._closed) throw new Error("closed");
    const host = request.host;
    if (host === "never.test") return;
    if (host === "throws.test") throw new Error("no socket");
    if (host === "at-once.test") return request.onResolved(host, "192.0.2.1");
    if (host === "missing-at-once.test") return request.onError();
    device.timers.start(() => this._answer(request), 1, false);
  }

  close(): void {
    this._closed = true;
  }

  private _answer(request: Request): void {
    const host = request.host;
    // "late.test": an answer that was under way when the resolver was closed.
    if (this._closed && host !== "late.test") return;
    if (host === "missing.test") request.onError();
    else if (host === "odd.test") request.onResolved(host, "not an address");
    else request.onResolved(host, "192.0.2.1");
  }
}
