import type { Client } from "./client.ts";

/**
 * Has `onTick` called before each of the client's ticks, with the time from one to the next in ms, and `onStop` when the
 * application ends the connection: for optional parts with times of their own. Before the client connects.
 */
export function watchTicks(client: Client, onTick: (passedMs: number) => void, onStop?: () => void): void {
  const platform = client._platform;
  const clock = platform.clock;
  client._platform = {
    clock: {
      now: () => clock.now(),
      startTicking: (intervalMs, callback) =>
        clock.startTicking(intervalMs, () => {
          onTick(intervalMs);
          callback();
        }),
      stopTicking: (ticking) => {
        clock.stopTicking(ticking);
        onStop?.();
      },
    },
    text: platform.text,
    random: () => platform.random(),
    createTransport: () => platform.createTransport(),
  };
}
