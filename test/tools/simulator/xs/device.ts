import { buildHost, type XsHost } from "../../../../tools/simulator/xs/build.ts";
import { XsUnavailableError } from "../../../../tools/simulator/xs/errors.ts";
import { XsMachine, type XsMachineOptions } from "../../../../tools/simulator/xs/machine.ts";
import type { Board } from "../../../../tools/simulator/machine.ts";

/** The host, compiled once for all tests; or why they cannot run here. CI sets MOTE_REQUIRE_ALL: there nothing is skipped. */
export async function hostOrReason(native = false): Promise<{ host: XsHost } | { reason: string }> {
  try {
    return { host: await buildHost({ native: native || process.env["MOTE_XS_NATIVE"] === "1" }) };
  } catch (error) {
    if (!(error instanceof XsUnavailableError) || error.missing !== "compiler" || process.env["MOTE_REQUIRE_ALL"])
      throw error;
    console.warn(`skipped: ${error.message}`);
    return { reason: error.message };
  }
}

/** A board that writes down what the program asks for. */
export class RecordingBoard implements Board {
  readonly calls: unknown[][] = [];
  readonly lines: string[] = [];
  readonly ended: Promise<string>;
  private _resolveEnded!: (message: string) => void;

  constructor() {
    this.ended = new Promise((resolve) => {
      this._resolveEnded = resolve;
    });
  }

  open(socket: number, hostname: string, port: number, secure: boolean): void {
    this.calls.push(["open", socket, hostname, port, secure]);
  }
  write(socket: number, bytes: Uint8Array): void {
    this.calls.push(["write", socket, Buffer.from(bytes).toString("latin1")]);
  }
  close(socket: number): void {
    this.calls.push(["close", socket]);
  }
  wakeAt(time: number): void {
    this.calls.push(["wakeAt", time]);
  }
  print(line: string): void {
    this.lines.push(line);
  }
  onEnd(message: string): void {
    this._resolveEnded(message);
  }
}

export interface Device {
  board: RecordingBoard;
  machine: XsMachine;
}

/** Machines that a test has started, to be stopped whatever becomes of it. */
const started: XsMachine[] = [];

export async function runDevice(
  host: XsHost,
  program: string,
  options: Partial<XsMachineOptions> = {},
): Promise<Device> {
  const board = new RecordingBoard();
  const machine = await XsMachine.create(board, { settings: "{}", seed: 1, host, ...options });
  started.push(machine);
  await machine.start(program);
  return { board, machine };
}

export async function stopDevices(): Promise<void> {
  await Promise.all(started.splice(0).map((machine) => machine.stop()));
}

/** A program whose listener has all methods, some of them as given. */
export function listening(methods: string, before = "", after = ""): string {
  return `"use strict";
    ${before}
    class Listener {
      onWake() {} onOpen(socket) {} onReadable(socket, count) {} onWritable(socket) {} onClose(socket, code) {} onReport() {}
    }
    class Device extends Listener { ${methods} }
    host.listen(new Device());
    ${after}`;
}
