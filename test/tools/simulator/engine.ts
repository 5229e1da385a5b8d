import type { Requirement } from "../../support/require.ts";
import { hostOrReason } from "./xs/device.ts";

const found = await hostOrReason();

/** For tests that need the XS engine: a C compiler, at least once. */
export const xs: Requirement = { name: "the XS engine", missing: "reason" in found ? found.reason : undefined };

/** The XS engine as it is on an ESP32, where this computer can compile that. */
export const host = "host" in found ? found.host : { path: "", bits: 64 as const };

/** The same with slots of 16 bytes, for figures that are an ESP32's. */
export const xs32: Requirement = {
  name: "the XS engine with 32 bits",
  missing: xs.missing ?? (host.bits === 32 ? undefined : "gcc cannot compile for 32 bits (on Debian: gcc-multilib)"),
};
