// The modules of Moddable's SDK that this platform imports, as far as it uses them.

declare module "timer" {
  class Timer {
    private constructor();
    static set(callback: () => void, delayMs?: number): Timer;
    static repeat(callback: () => void, intervalMs: number): Timer;
    static clear(timer: Timer | undefined): void;
  }
  export default Timer;
}

declare module "time" {
  export default class Time {
    /** Milliseconds, as 32 bits that wrap. */
    static readonly ticks: number;
  }
}

declare module "net" {
  export default class Net {
    static get(property: "DNS"): string[] | undefined;
  }
}

declare module "embedded:io/socket/tcp" {
  export default class TCP {
    constructor(options: never);
    read(buffer: Uint8Array): unknown;
    write(buffer: Uint8Array): unknown;
    close(): void;
  }
}

declare module "embedded:io/socket/udp" {
  export default class UDP {
    constructor(options: never);
    close(): void;
  }
}

declare module "embedded:network/dns/resolver/udp" {
  export default class Resolver {
    constructor(options: never);
    resolve(options: {
      host: string;
      onResolved(host: string, address: string): void;
      onError(error?: unknown): void;
    }): void;
    close(): void;
  }
}
