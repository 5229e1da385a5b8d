import { connectSocket } from "./socket.ts";
import { DEFAULT_BAUD_RATE, type Port } from "./port.ts";

/** Opens `/dev/ttyUSB0`, `COM5` or `socket://host:port`. */
export async function openPort(path: string, baudRate: number = DEFAULT_BAUD_RATE): Promise<Port> {
  if (path.startsWith("socket://")) return connectSocket(path);
  // Loaded only now: a native module that most commands of mote never need.
  const { openSerialPort } = await import("./serial.ts");
  return openSerialPort(path, baudRate);
}
