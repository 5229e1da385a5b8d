import { connect, type Socket } from "node:net";
import { ExitCode, UserError } from "../../cli/errors.ts";
import { DEFAULT_BAUD_RATE, type Port, PortClosedError, within, WRITE_TIMEOUT_MS } from "./port.ts";

const CONNECT_TIMEOUT_MS = 5_000;

/** Connects to `socket://host:port`: a raw stream, as esptool and emulators speak it. It has no baud rate and no lines. */
export async function connectSocket(url: string): Promise<Port> {
  const { hostname, port } = parse(url);
  const socket = connect({ host: hostname.replace(/^\[|\]$/g, ""), port, noDelay: true });
  try {
    await within(opened(socket), CONNECT_TIMEOUT_MS, "connecting");
  } catch (error) {
    socket.destroy();
    throw new UserError(
      `Nothing answers at ${url} (${(error as Error).message}). Start the emulator or bridge first, and check the port number.`,
      ExitCode.UNAVAILABLE,
    );
  }
  return new SocketPort(url, socket);
}

function parse(url: string): { hostname: string; port: number } {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed?.hostname || !parsed.port)
    throw new UserError(`${JSON.stringify(url)} is not a socket address. Write socket://host:port.`);
  return { hostname: parsed.hostname, port: Number(parsed.port) };
}

function opened(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
}

class SocketPort implements Port {
  readonly path: string;
  readonly hasControlLines = false;
  baudRate = DEFAULT_BAUD_RATE;
  onData: (bytes: Uint8Array) => void = () => {};
  onClose: () => void = () => {};
  private readonly _socket: Socket;

  constructor(path: string, socket: Socket) {
    this.path = path;
    this._socket = socket;
    socket.on("data", (bytes) => this.onData(bytes));
    socket.on("error", () => {}); // "close" follows
    socket.on("close", () => this.onClose());
  }

  async write(bytes: Uint8Array): Promise<void> {
    const written = new Promise<void>((resolve, reject) => {
      this._socket.write(bytes, (cause) => (cause ? reject(new PortClosedError(this.path, { cause })) : resolve()));
    });
    await within(written, WRITE_TIMEOUT_MS, `writing to ${this.path}`);
  }

  async setBaudRate(baudRate: number): Promise<void> {
    this.baudRate = baudRate;
  }

  async setSignals(): Promise<void> {}

  async close(): Promise<void> {
    this.onClose = () => {};
    this._socket.destroy();
  }
}
