import { Session } from "node:inspector";

interface Taken {
  result: {
    url: string;
    functions: { ranges: { startOffset: number; endOffset: number; count: number }[] }[];
  }[];
}

/** Which parts of `src/` have run, as V8 counts them, in a script that esbuild has bundled. */
export class Coverage {
  /** The parts that have run so far. */
  readonly reached = new Set<string>();
  private readonly _session = new Session();
  private readonly _url: string;
  private readonly _isOurs: (offset: number) => boolean;

  /** @param source the script's text: of each module it has the path in a comment. */
  constructor(url: string, source: string) {
    this._url = url;
    const modules = [...source.matchAll(/^ *\/\/ (\S+\.\w+)$/gm)]
      .map(({ index, 1: path }) => ({ index, path }))
      .reverse();
    this._isOurs = (offset) => modules.find(({ index }) => index <= offset)?.path.startsWith("src/") ?? false;
    this._session.connect();
    this._session.post("Profiler.enable");
    this._session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  /** Runs, and returns the parts that did and had not before. They count as reached from then on if `keep` says so. */
  newIn(run: () => void, keep: boolean): string[] {
    this._take();
    run();
    const found = this._take().filter((part) => !this.reached.has(part));
    if (keep) for (const part of found) this.reached.add(part);
    return found;
  }

  /** What has run since the last call. */
  private _take(): string[] {
    const parts: string[] = [];
    // The inspector of one's own thread answers at once.
    this._session.post("Profiler.takePreciseCoverage", (_, taken) => {
      for (const { url, functions } of (taken as Taken).result) {
        if (url !== this._url) continue;
        for (const { startOffset, endOffset, count } of functions.flatMap(({ ranges }) => ranges)) {
          if (count && this._isOurs(startOffset)) parts.push(`${startOffset}-${endOffset}`);
        }
      }
    });
    return parts;
  }
}
