// Deep sleep, which the SDK has for other chips but not for this one. Waking is a reboot.

/**
 * @this {unknown}
 * @param {number} ms
 */
export default function deepSleep(ms) {
  return native("xs_deepSleep").call(this, ms); // in this form alone the compiler makes it the function in C itself
}
