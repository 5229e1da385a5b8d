import { basename } from "node:path";

const BAR_CELLS = 24;

/** "[######........]  25 %  82 kB/s  0:12 left  app.bin" */
export class Progress {
  private readonly _start = performance.now();

  line(done: number, total: number, name: string): string {
    const share = total > 0 ? done / total : 1;
    const cells = Math.round(share * BAR_CELLS);
    const bar = "#".repeat(cells) + ".".repeat(BAR_CELLS - cells);
    const seconds = (performance.now() - this._start) / 1000;
    const rate = done / Math.max(seconds, 0.001);
    const left = done > 0 ? `${duration((total - done) / rate)} left` : "";
    return `[${bar}] ${Math.round(share * 100)
      .toString()
      .padStart(3)} %  ${Math.round(rate / 1000)} kB/s  ${left}  ${basename(name)}`;
  }
}

function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
