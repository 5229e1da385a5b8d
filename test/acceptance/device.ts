/** A program that runs on some engine, as far as a test needs it. */
export interface Device {
  /** What it has printed. */
  readonly lines: readonly string[];
  /** Called with each line that it prints. */
  onLine: ((line: string) => void) | undefined;
  /** Ends it as a power cut does: its connections go without a word. */
  kill(): Promise<void>;
}

/** Starts a program, given as TypeScript that imports `mote-mqtt` and `mote-mqtt/espruino`, or any other platform. */
export type Launch = (source: string) => Promise<Device>;

/** Waits for a line of a device. Fails with all that it printed when the line does not come. */
export async function printed(device: Device, wanted: string | RegExp, timeoutMs = 10_000): Promise<string> {
  const matches = (line: string): boolean => (typeof wanted === "string" ? line === wanted : wanted.test(line));
  const known = device.lines.find(matches);
  if (known !== undefined) return known;
  return new Promise((resolve, reject) => {
    const timeout = setTimeout(() => {
      device.onLine = undefined;
      reject(new Error(`The device did not print ${wanted}. It printed:\n${device.lines.join("\n")}`));
    }, timeoutMs);
    device.onLine = (line) => {
      if (!matches(line)) return;
      clearTimeout(timeout);
      device.onLine = undefined;
      resolve(line);
    };
  });
}
