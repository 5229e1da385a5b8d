// A computer does not sleep for a sensor: it says when it would, and how long. Start the program again to wake it.

let asleep = false;

/** @param {number} ms */
export default function deepSleep(ms) {
  if (asleep) return;
  asleep = true;
  trace(`asleep for ${ms} ms\n`);
}
