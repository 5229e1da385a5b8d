// Deep sleep, which the SDK has for other chips but not for this one. Waking is a reboot.

/** @param {number} ms */
export default function deepSleep(ms) {
  return native("xs_deepSleep").call(null, ms);
}
