/** Puts a time before each line of a stream that is cut anywhere, and hands whole lines to `onLine`. */
export class LineStamper {
  private readonly _onLine: (line: string) => void;
  private readonly _decoder = new TextDecoder(); // holds a character back until it is whole
  private _line = "";

  constructor(onLine: (line: string) => void) {
    this._onLine = onLine;
  }

  /** What to print for `bytes`; `stamp` stands before whatever begins a line. */
  push(bytes: Uint8Array, stamp: string): string {
    let printed = "";
    for (const character of this._decoder.decode(bytes, { stream: true })) {
      if (character === "\r") continue;
      if (character === "\n") {
        this._onLine(this._line);
        this._line = "";
        printed += "\n";
        continue;
      }
      if (this._line === "") printed += stamp;
      printed += character;
      if (this._line.length < MAX_LINE_LENGTH) this._line += character;
    }
    return printed;
  }
}

const MAX_LINE_LENGTH = 4096;

/** "14:03:59.125 " */
export function timeStamp(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, "0")} `;
}
