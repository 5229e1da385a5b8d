import { expect } from "vitest";
import type { ScriptedDevice } from "./scripted-device.ts";

/** Of a heap on which nothing was collected, what is in use grows by what was allocated: by whatever event. */
export interface Growth {
  slots: number;
  chunkBytes: number;
}

export const NOTHING: Growth = { slots: 0, chunkBytes: 0 };

/** What `work` takes of the device's heap. */
export async function growth(
  device: Pick<ScriptedDevice, "statistics" | "ended">,
  work: () => Promise<void>,
): Promise<Growth> {
  const before = await device.statistics();
  await work();
  const after = await device.statistics();
  expect(device.ended).toBeUndefined();
  expect(after.collections).toBe(before.collections);
  return { slots: after.slots - before.slots, chunkBytes: after.chunkBytes - before.chunkBytes };
}
