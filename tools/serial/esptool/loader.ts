import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { ESPLoader, type ROM } from "esptool-js";
import { ExitCode, UserError } from "../../cli/errors.ts";
import { DEFAULT_BAUD_RATE, type Port, PortClosedError } from "../port/port.ts";
import { describeFailure, describeSilence } from "./failure.ts";
import { hardReset, type ResetStrategy, resetStrategies, type ResetStrategyName } from "./reset.ts";
import { PortTransport } from "./transport.ts";

export interface ConnectOptions {
  /** The speed to work at once the stub runs; the boot ROM itself speaks 115200. */
  baudRate: number;
  before: ResetStrategyName;
  /** Told what is happening, for a status line. */
  onStatus?: (text: string) => void;
}

export interface ChipInfo {
  chip: string;
  description: string;
  features: string[];
  crystalMhz: number;
  mac: string;
  flashId: string;
  flashBytes: number;
}

/** The unit that flash is erased in. */
export const SECTOR_BYTES = 4096;

const CONNECT_ROUNDS = 3;
const COMMAND_ATTEMPTS = 3;
const READ_BLOCK_BYTES = 4096;
/** How many bytes the stub may send ahead of our acknowledgement: less than a block, so one block at a time. */
const READ_BYTES_IN_FLIGHT = 1024;
const READ_TIMEOUT_MS = 3_000;

/**
 * A connected ESP32 with its flasher stub running. esptool-js does the protocol; what it does wrong or not at all is
 * done here: reset, baud fallback, the digest after a read, region erase, bounded retries.
 */
export class Loader {
  readonly port: Port;
  readonly chip: ROM;
  /** The size of the flash chip. */
  readonly flashBytes: number;
  private readonly _flashId: number;
  private readonly _esp: Esp;

  private constructor(port: Port, esp: Esp, flashId: number) {
    this.port = port;
    this.chip = esp.chip;
    this._esp = esp;
    this._flashId = flashId;
    this.flashBytes = flashBytesOf(flashId);
  }

  /** Resets the board into its boot loader, starts the stub and raises the speed. Bounded: under a minute at worst. */
  static async connect(port: Port, options: ConnectOptions): Promise<Loader> {
    const esp = new Esp(port, options);
    let failure: unknown;
    for (let round = 0; round < CONNECT_ROUNDS; round++) {
      try {
        return await Loader._connectOnce(port, esp, options);
      } catch (error) {
        failure = error;
        if (error instanceof UserError || error instanceof PortClosedError) break;
        options.onStatus?.("connecting again");
      }
    }
    throw describeFailure(failure, port.path, "connecting", "Unplug the board, plug it in and run the command again.");
  }

  private static async _connectOnce(port: Port, esp: Esp, options: ConnectOptions): Promise<Loader> {
    options.onStatus?.("connecting");
    await esp.enterLoader();
    if (esp.secureDownloadMode)
      throw new UserError(
        `The chip at ${port.path} is in secure download mode, which allows no stub: mote cannot flash it. Use Espressif's esptool with --no-stub.`,
        ExitCode.UNAVAILABLE,
      );
    options.onStatus?.(`${esp.chip.CHIP_NAME}: starting the stub`);
    await esp.startStub();
    await esp.raiseBaudRate();
    return new Loader(port, esp, (await esp.readFlashId()) >>> 0);
  }

  /** Bytes put on the wire so far. */
  get bytesWritten(): number {
    return this._esp.port.bytesWritten;
  }

  async info(): Promise<ChipInfo> {
    const esp = this._esp;
    return {
      chip: this.chip.CHIP_NAME,
      description: await this.chip.getChipDescription(esp),
      features: (await this.chip.getChipFeatures(esp)).map((feature) => feature.trim()),
      crystalMhz: await this.chip.getCrystalFreq(esp),
      mac: await this.chip.readMac(esp),
      flashId: `0x${this._flashId.toString(16).padStart(6, "0")}`,
      flashBytes: this.flashBytes,
    };
  }

  /** The MD5 of a part of the flash, in hexadecimal, computed by the chip. */
  async md5(offset: number, length: number): Promise<string> {
    return this._attempt(() => this._esp.flashMd5sum(offset, length));
  }

  /**
   * Erases and writes `length` bytes at `offset`, given as one zlib stream. Not retried here: a stream has to be sent
   * again from its start. The first call of `onBlock` comes when the chip has accepted the region.
   */
  async writeDeflated(
    offset: number,
    length: number,
    deflated: Uint8Array,
    onBlock: (sent: number) => void = () => {},
  ): Promise<void> {
    const esp = this._esp;
    await esp.flashDeflBegin(length, deflated.length, offset);
    onBlock(0);
    for (let sent = 0, sequence = 0; sent < deflated.length; sequence++) {
      const block = deflated.subarray(sent, sent + esp.FLASH_WRITE_SIZE);
      await esp.checkCommand(
        `write block ${sequence}`,
        esp.ESP_FLASH_DEFL_DATA,
        dataPacket(block, sequence),
        esp.checksum(block),
        0,
        esp.timeoutPerMb(esp.ERASE_WRITE_TIMEOUT_PER_MB, length) + transferMs(block.length, this.port),
      );
      sent += block.length;
      onBlock(sent);
    }
    await esp.flashDeflFinish(false, esp.timeoutPerMb(esp.ERASE_WRITE_TIMEOUT_PER_MB, length));
  }

  /** Reads flash into memory. What arrives wrongly is read again. */
  async read(offset: number, length: number, onProgress: (done: number) => void = () => {}): Promise<Uint8Array> {
    return this._attempt(() => this._readOnce(offset, length, onProgress));
  }

  async eraseFlash(): Promise<void> {
    await this._esp.eraseFlash();
  }

  async eraseRegion(offset: number, length: number): Promise<void> {
    const esp = this._esp;
    const timeoutMs = esp.timeoutPerMb(esp.ERASE_REGION_TIMEOUT_PER_MB, length);
    await this._attempt(() =>
      esp.checkCommand("erase region", esp.ESP_ERASE_REGION, words(offset, length), 0, 0, timeoutMs),
    );
  }

  /** Restarts the board into its program. False where no line reaches the board: then someone has to press RESET. */
  async restart(): Promise<boolean> {
    await hardReset(this.port);
    return this.port.hasControlLines;
  }

  /** After lost or doubled bytes: discards what is under way until the chip answers a command again. */
  async resynchronise(): Promise<void> {
    await this._esp.port.drainInput();
    if (!(await this._esp.responds(4))) throw new Error("the chip no longer answers");
  }

  private async _readOnce(offset: number, length: number, onProgress: (done: number) => void): Promise<Uint8Array> {
    const esp = this._esp;
    const request = words(offset, length, READ_BLOCK_BYTES, READ_BYTES_IN_FLIGHT);
    await esp.checkCommand("read flash", esp.ESP_READ_FLASH, request);
    const bytes = new Uint8Array(length);
    for (let received = 0; received < length;) {
      const block = await esp.port.read(READ_TIMEOUT_MS);
      if (block.length !== Math.min(READ_BLOCK_BYTES, length - received))
        throw new Error(`a block of ${block.length} bytes came at byte ${received} of ${length}`);
      bytes.set(block, received);
      received += block.length;
      await esp.port.write(words(received));
      onProgress(received);
    }
    // esptool-js leaves this frame unread, where the next command would take it for its reply.
    const digest = Buffer.from(await esp.port.read(READ_TIMEOUT_MS)).toString("hex");
    if (digest !== createHash("md5").update(bytes).digest("hex"))
      throw new Error("what arrived differs from what the chip read");
    return bytes;
  }

  /** For commands that may be repeated as they are. */
  private async _attempt<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        if (error instanceof UserError || error instanceof PortClosedError || attempt === COMMAND_ATTEMPTS) throw error;
        await this.resynchronise();
      }
    }
  }
}

/** esptool-js's loader with our transport and resets. */
class Esp extends ESPLoader {
  readonly port: PortTransport;
  private readonly _port: Port;
  private readonly _wantedBaudRate: number;
  private readonly _strategies: ResetStrategy[];

  constructor(port: Port, options: ConnectOptions) {
    const transport = new PortTransport(port);
    const silent = { clean: () => {}, write: () => {}, writeLine: () => {} };
    super({ transport, baudrate: options.baudRate, romBaudrate: DEFAULT_BAUD_RATE, terminal: silent });
    this.port = transport;
    this._port = port;
    this._wantedBaudRate = options.baudRate;
    this._strategies = resetStrategies(options.before, port);
  }

  async enterLoader(): Promise<void> {
    this.IS_STUB = false;
    this.port.clearText();
    // A stub left over from an interrupted run may still speak at the speed it was given.
    const speeds = this._canReset() ? [DEFAULT_BAUD_RATE] : [DEFAULT_BAUD_RATE, this._wantedBaudRate];
    for (const speed of new Set(speeds)) {
      await this.port.changeBaudrate(speed);
      if (await this._synchronise()) return;
    }
    throw describeSilence(this._port.path, this.port.text);
  }

  async startStub(): Promise<void> {
    await this.chip.postConnect?.(this); // some chips take smaller blocks over their own USB
    await this.runStub();
    if (!this.IS_STUB) throw new Error(`esptool-js has no stub for ${this.chip.CHIP_NAME}`);
  }

  /** Changes to the wanted speed; where the board or the adapter cannot, starts over at the ROM's. */
  async raiseBaudRate(): Promise<void> {
    if (this._wantedBaudRate === this._port.baudRate) return;
    await this.command(this.ESP_CHANGE_BAUDRATE, words(this._wantedBaudRate, this._port.baudRate));
    const changed = await this.port.changeBaudrate(this._wantedBaudRate).then(
      () => true,
      () => false,
    );
    await sleep(50); // the first bytes after the change are noise
    this.port.flushInput();
    if (changed && (await this.responds())) return;
    if (!this._canReset())
      throw new UserError(
        `The board does not answer at ${this._wantedBaudRate} baud. Tap its RESET button while holding BOOT, and run the command again with --baud ${DEFAULT_BAUD_RATE}.`,
        ExitCode.UNAVAILABLE,
      );
    await this.enterLoader();
    await this.startStub();
  }

  async responds(attempts = 2): Promise<boolean> {
    for (let attempt = 0; attempt < attempts; attempt++) {
      try {
        await this.readReg(this.CHIP_DETECT_MAGIC_REG_ADDR, 500);
        return true;
      } catch (error) {
        if (error instanceof PortClosedError) throw error;
      }
    }
    return false;
  }

  override constructResetSequence(): (ResetStrategy & { transport: PortTransport })[] {
    return this._strategies.map((strategy) => ({ ...strategy, transport: this.port }));
  }

  private _canReset(): boolean {
    return this._strategies.length > 0 && this._port.hasControlLines;
  }

  /** Resets, synchronises and identifies the chip; false when no loader answers. */
  private async _synchronise(): Promise<boolean> {
    try {
      await this.connect("default_reset", this._canReset() ? 7 : 3);
      return true;
    } catch (error) {
      if (error instanceof Error && error.message === "Failed to connect with the device") return false;
      throw error;
    }
  }
}

/** The third byte of a flash chip's id is the binary logarithm of its size. */
function flashBytesOf(flashId: number): number {
  const exponent = (flashId >> 16) & 0xff;
  if (flashId === 0 || flashId === 0xffffff)
    throw new UserError(
      "The flash chip does not answer: check its wiring, and remove what is connected to the flash pins (GPIO 6 to 11 on ESP32).",
      ExitCode.UNAVAILABLE,
    );
  // Some makers count 64 MB and up from 0x20 and low-voltage parts from 0x30.
  const log2 = exponent >= 0x30 ? exponent - 0x20 : exponent >= 0x20 ? exponent - 0x06 : exponent;
  if (log2 < 18 || log2 > 28)
    throw new UserError(
      `The flash chip's id 0x${flashId.toString(16)} gives no size that mote knows.`,
      ExitCode.UNAVAILABLE,
    );
  return 2 ** log2;
}

function dataPacket(block: Uint8Array, sequence: number): Uint8Array {
  const packet = new Uint8Array(16 + block.length);
  packet.set(words(block.length, sequence, 0, 0));
  packet.set(block, 16);
  return packet;
}

/** 32-bit little-endian numbers. */
function words(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  values.forEach((value, index) => view.setUint32(index * 4, value, true));
  return bytes;
}

/** How long bytes take on the wire, at 10 bits each, and as much again. */
function transferMs(bytes: number, port: Port): number {
  return Math.ceil((2 * bytes * 10_000) / port.baudRate);
}
