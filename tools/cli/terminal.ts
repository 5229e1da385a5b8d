import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

/** Colours `text` when `stream` is a terminal that wants colours (https://no-color.org). */
export function paint(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return stream.isTTY && !process.env["NO_COLOR"] ? styleText(style, text) : text;
}

/**
 * One line that is rewritten in place on a terminal. Elsewhere it is silent until `done`, so that a log holds a line for
 * each piece of work and not one for each step.
 */
export class StatusLine {
  private readonly _stream: NodeJS.WriteStream;
  private _shown = false;

  constructor(stream: NodeJS.WriteStream = process.stderr) {
    this._stream = stream;
  }

  update(text: string): void {
    if (!this._stream.isTTY) return;
    this._stream.write(`\r\x1b[K${text.slice(0, Math.max(0, (this._stream.columns || 80) - 1))}`);
    this._shown = true;
  }

  done(text?: string): void {
    if (this._shown) this._stream.write("\r\x1b[K");
    this._shown = false;
    if (text !== undefined) this._stream.write(`${text}\n`);
  }
}

/** Prints what happens: a sentence for people, or with `--json` an object with the time, one a line. */
export function eventPrinter(
  json: boolean | undefined,
): (event: string, fields: Record<string, unknown>, sentence: string) => void {
  return (event, fields, sentence) =>
    console.log(json ? JSON.stringify({ time: new Date().toISOString(), event, ...fields }) : sentence);
}
