import { createHash } from "node:crypto";
import { constants, inflateSync } from "node:zlib";
import { encodeSlip, SlipDecoder } from "../../../tools/serial/esptool/slip.ts";

/**
 * An ESP32 in download mode, as its mask ROM and Espressif's flasher stub answer over a serial line. It is held against
 * a session recorded from the real ROM (rom-session.test.ts), because it shares its writer's reading of the protocol.
 */
export class RomDouble {
  readonly flash: Uint8Array;
  mode: Mode = "loader";
  /** The speed the chip speaks; hosts behind a carrier that has no speed are not held to it. */
  baudRate = 115_200;
  faults: Faults = {};
  /** How often it was started into its program, and what it says then. */
  programStarts = 0;
  bootMessage = "rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\nhello from the program\r\n";
  /** Every frame in order, for tests to look at. */
  readonly log: LoggedFrame[] = [];
  /** Where bytes for the host go. */
  send: (bytes: Uint8Array) => void = () => {};
  /** Called when the fault `unplugAfterBlocks` strikes. */
  onUnplug: () => void = () => {};

  private readonly _decoder = new SlipDecoder((frame) => this._onFrame(frame));
  private readonly _chip: Chip;
  private readonly _registers: Map<number, number>;
  private _lastValue = 0;
  private _written: Deflated | undefined;
  private _read: Reading | undefined;
  private _blocks = 0;

  constructor(flashBytes = 4 * 1024 * 1024, chip: keyof typeof CHIPS = "ESP32") {
    this.flash = new Uint8Array(flashBytes).fill(0xff);
    this._chip = CHIPS[chip];
    this._registers = new Map(this._chip.registers);
    this._registers.set(this._chip.spiData, (Math.log2(flashBytes) << 16) | 0x40c8);
  }

  /** Bytes from the host, at the speed the host believes in. */
  receive(bytes: Uint8Array, hostBaudRate = this.baudRate): void {
    if (this.faults.silent || this.mode === "program") return;
    if (this.faults.garbage || hostBaudRate !== this.baudRate) return this.send(new Uint8Array(8).fill(0xf3));
    this._decoder.push(bytes);
  }

  /** What the two lines do through the usual circuit: `enable` false holds the chip in reset, `io0` low selects the loader. */
  start(io0Low: boolean): void {
    this._decoder.reset();
    this.baudRate = 115_200;
    this._written = this._read = undefined;
    this.mode = io0Low && !this.faults.wrongBootMode ? "loader" : "program";
    if (this.mode === "program") this.programStarts++;
    this.send(new TextEncoder().encode(this.mode === "loader" ? DOWNLOAD_MESSAGE : this.bootMessage));
  }

  private _onFrame(frame: Uint8Array): void {
    const view = new DataView(frame.buffer, frame.byteOffset);
    if (this._read && frame.length === 4) {
      this.log.push({ direction: "tx", kind: "RAW", length: 4 });
      return this._acknowledge(view.getUint32(0, true));
    }
    if (frame.length < 8 || frame[0] !== 0) return;
    const opcode = frame[1]!;
    const data = frame.subarray(8);
    this.log.push({ direction: "tx", kind: NAMES.get(opcode) ?? String(opcode), length: data.length });
    if (view.getUint16(2, true) !== data.length) return this._refuse(opcode, BAD_LENGTH);
    const ram = this.mode !== "stub";
    switch (opcode) {
      case Op.SYNC:
        for (let copy = 0; copy < 8; copy++) this._reply(opcode, ram ? 0x20120707 : 0);
        return;
      case Op.GET_SECURITY_INFO:
        if (this._chip.securityInfo) return this._reply(opcode, 0, this._chip.securityInfo);
        // Unknown to the ESP32: it repeats its last opcode.
        for (let copy = 0; copy < 8; copy++) this._reply(Op.SYNC, 0x20120707, [], INVALID_MESSAGE);
        return;
      case Op.READ_REG:
        return this._reply(opcode, this._registers.get(word(data, 0)) ?? 0);
      case Op.WRITE_REG:
        if (word(data, 0) !== this._chip.spiCommand && word(data, 0) !== this._chip.spiData)
          this._registers.set(word(data, 0), word(data, 4));
        return this._reply(opcode);
      case Op.MEM_BEGIN:
        return this._reply(opcode);
      case Op.MEM_DATA:
        return this._checked(frame, () => this._reply(opcode));
      case Op.MEM_END:
        this._reply(opcode);
        this.mode = "stub";
        return this._sendRaw(new TextEncoder().encode("OHAI"));
      case Op.CHANGE_BAUDRATE:
        this._reply(opcode);
        this.baudRate = word(data, 0);
        if (this.faults.failAtBaudRate === this.baudRate) this.baudRate = 1;
        return;
      case Op.FLASH_DEFL_BEGIN:
        this._written = { offset: word(data, 12), length: word(data, 0), stream: [], done: 0 };
        return this._reply(opcode);
      case Op.FLASH_DEFL_DATA:
        return this._checked(frame, () => this._onDeflated(data.subarray(16)));
      case Op.FLASH_DEFL_END:
        this._written = undefined;
        return this._reply(opcode);
      case Op.SPI_FLASH_MD5:
        return this._reply(opcode, 0, this._md5(word(data, 0), word(data, 4)));
      case Op.ERASE_FLASH:
        this.flash.fill(0xff);
        return this._reply(opcode);
      case Op.ERASE_REGION:
        if (word(data, 0) % 4096 || word(data, 4) % 4096) return this._refuse(opcode, BAD_LENGTH);
        this.flash.fill(0xff, word(data, 0), word(data, 0) + word(data, 4));
        return this._reply(opcode);
      case Op.READ_FLASH:
        this._read = {
          offset: word(data, 0),
          length: word(data, 4),
          block: word(data, 8),
          ahead: word(data, 12),
          sent: 0,
        };
        this._reply(opcode);
        return this._acknowledge(0);
      default:
        return this._refuse(opcode, INVALID_MESSAGE);
    }
  }

  private _checked(frame: Uint8Array, then: () => void): void {
    const sum = frame.subarray(24).reduce((state, byte) => state ^ byte, 0xef);
    if (sum !== word(frame, 4)) this._refuse(frame[1]!, BAD_CHECKSUM);
    else then();
  }

  private _onDeflated(block: Uint8Array): void {
    this._blocks++;
    if (this._blocks === this.faults.unplugAfterBlocks) return this.onUnplug();
    if (this._blocks === this.faults.refuseBlock) return this._refuse(Op.FLASH_DEFL_DATA, BAD_CHECKSUM);
    if (!this._written) return this._refuse(Op.FLASH_DEFL_DATA, BAD_LENGTH);
    this._written.stream.push(block);
    if (!this._program(this._written)) return this._refuse(Op.FLASH_DEFL_DATA, BAD_DATA);
    this._reply(Op.FLASH_DEFL_DATA);
  }

  /** Writes what the stream holds so far, erasing each sector as it is reached; flash can only clear bits. */
  private _program(written: Deflated): boolean {
    let plain: Uint8Array;
    try {
      plain = inflateSync(Buffer.concat(written.stream), { finishFlush: constants.Z_SYNC_FLUSH });
    } catch {
      return false;
    }
    if (plain.length > written.length) return false;
    for (; written.done < plain.length; written.done++) {
      const at = written.offset + written.done;
      if (at % 4096 === 0) this.flash.fill(0xff, at, at + 4096);
      this.flash[at]! &= plain[written.done]!;
    }
    return true;
  }

  private _md5(offset: number, length: number): Uint8Array {
    const hash = createHash("md5").update(this.flash.subarray(offset, offset + length));
    if (this.faults.wrongMd5 && this.faults.wrongMd5-- > 0) hash.update("fault");
    const digest = hash.digest();
    return this.mode === "stub" ? digest : new TextEncoder().encode(digest.toString("hex"));
  }

  private _acknowledge(received: number): void {
    const read = this._read!;
    while (read.sent < read.length && read.sent - received < read.ahead) {
      const start = read.offset + read.sent;
      read.sent += Math.min(read.block, read.length - read.sent);
      this._sendRaw(this.flash.subarray(start, read.offset + read.sent));
    }
    if (received < read.length) return;
    this._read = undefined;
    const digest = createHash("md5")
      .update(this.flash.subarray(read.offset, read.offset + read.length))
      .digest();
    this._sendRaw(digest);
  }

  private _refuse(opcode: number, status: number): void {
    this._reply(opcode, undefined, [], status);
  }

  /** Value and data, then the status: the failure flag and its reason, in the ROM followed by two zeros. */
  private _reply(opcode: number, value?: number, data: Uint8Array | number[] = [], status = 0): void {
    const stub = this.mode === "stub";
    this._lastValue = value ?? (stub ? 0 : this._lastValue);
    const statusBytes = [status ? 1 : 0, status, ...(stub ? [] : [0, 0])];
    const frame = new Uint8Array(8 + data.length + statusBytes.length);
    frame.set([1, opcode]);
    new DataView(frame.buffer).setUint16(2, data.length + statusBytes.length, true);
    new DataView(frame.buffer).setUint32(4, this._lastValue, true);
    frame.set(data, 8);
    frame.set(statusBytes, 8 + data.length);
    this.log.push({ direction: "rx", kind: NAMES.get(opcode) ?? String(opcode), length: frame.length - 8 });
    this.send(encodeSlip(frame));
  }

  private _sendRaw(payload: Uint8Array): void {
    this.log.push({ direction: "rx", kind: "RAW", length: payload.length });
    this.send(encodeSlip(payload));
  }
}

type Mode = "loader" | "stub" | "program";

export interface LoggedFrame {
  direction: "tx" | "rx";
  kind: string;
  length: number;
}

/** What goes wrong inside the chip; what goes wrong on the wire is a `Carrier`'s. Counts are over the double's life. */
export interface Faults {
  silent?: boolean;
  garbage?: boolean;
  wrongBootMode?: boolean;
  failAtBaudRate?: number;
  /** Answers the MD5 command wrongly this many times. */
  wrongMd5?: number;
  /** Refuses the n-th block of data, once. */
  refuseBlock?: number;
  unplugAfterBlocks?: number;
}

interface Deflated {
  offset: number;
  length: number;
  stream: Uint8Array[];
  done: number;
}

interface Reading {
  offset: number;
  length: number;
  block: number;
  ahead: number;
  sent: number;
}

const Op = {
  MEM_BEGIN: 0x05,
  MEM_END: 0x06,
  MEM_DATA: 0x07,
  SYNC: 0x08,
  WRITE_REG: 0x09,
  READ_REG: 0x0a,
  CHANGE_BAUDRATE: 0x0f,
  FLASH_DEFL_BEGIN: 0x10,
  FLASH_DEFL_DATA: 0x11,
  FLASH_DEFL_END: 0x12,
  SPI_FLASH_MD5: 0x13,
  GET_SECURITY_INFO: 0x14,
  ERASE_FLASH: 0xd0,
  ERASE_REGION: 0xd1,
  READ_FLASH: 0xd2,
} as const;

const NAMES = new Map<number, string>(Object.entries(Op).map(([name, opcode]) => [opcode, name]));

const INVALID_MESSAGE = 0x05;
const BAD_LENGTH = 0xc0;
const BAD_CHECKSUM = 0xc1;
const BAD_DATA = 0xc3;

const DOWNLOAD_MESSAGE =
  "rst:0x1 (POWERON_RESET),boot:0x3 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))\r\nwaiting for download\r\n";

interface Chip {
  registers: [number, number][];
  /** The registers of the SPI unit that start a command and hold its data. */
  spiCommand: number;
  spiData: number;
  /** Flags, flash encryption, key purposes; from the S3 and C3 on, chip id and version too. */
  securityInfo?: Uint8Array;
}

const MAGIC_REGISTER = 0x40001000;

/** Only the ESP32 is held against a real one; the others are as esptool-js expects them. */
const CHIPS = {
  ESP32: {
    // What the recorded chip's registers held: its magic number, MAC address, date and clock divider.
    registers: [
      [MAGIC_REGISTER, 0x00f01d83],
      [0x3ff5a004, 0x00c40a24],
      [0x3ff5a008, 0x00fe1001],
      [0x3ff6607c, 0x96042000],
      [0x3ff40014, 0x0000015a],
    ],
    spiCommand: 0x3ff42000,
    spiData: 0x3ff42080,
  },
  "ESP32-S2": {
    registers: [[MAGIC_REGISTER, 0x000007c6]],
    spiCommand: 0x3f402000,
    spiData: 0x3f402058,
    securityInfo: new Uint8Array(12),
  },
  "ESP32-S3": { registers: [], spiCommand: 0x60002000, spiData: 0x60002058, securityInfo: securityInfoOf(9) },
  "ESP32-C3": { registers: [], spiCommand: 0x60002000, spiData: 0x60002058, securityInfo: securityInfoOf(5) },
} satisfies Record<string, Chip>;

function securityInfoOf(chipId: number): Uint8Array {
  const info = new Uint8Array(20);
  info[12] = chipId;
  return info;
}

function word(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true);
}
