import { readdir, readFile, realpath } from "node:fs/promises";
import { dirname, join } from "node:path";

export interface PortInfo {
  path: string;
  vendorId?: number | undefined;
  productId?: number | undefined;
  manufacturer?: string | undefined;
  serialNumber?: string | undefined;
  /** What is known to sit behind these USB ids on ESP32 boards; undefined for any other port. */
  adapter?: string | undefined;
}

/** USB vendors of the chips that connect ESP32 boards. */
const ADAPTERS = new Map([
  [0x303a, "Espressif USB"],
  [0x10c4, "Silicon Labs CP210x"],
  [0x1a86, "WCH CH340/CH910x"],
  [0x0403, "FTDI"],
  [0x067b, "Prolific PL2303"],
]);

/** The serial ports of this machine, those that are likely a board first. */
export async function listPorts(): Promise<PortInfo[]> {
  const ports = process.platform === "linux" ? await listFromSysfs() : await listFromSystem();
  for (const port of ports) port.adapter = port.vendorId === undefined ? undefined : ADAPTERS.get(port.vendorId);
  return ports.sort((a, b) => Number(!a.adapter) - Number(!b.adapter) || a.path.localeCompare(b.path));
}

export async function usbIdsOf(path: string): Promise<Pick<PortInfo, "vendorId" | "productId">> {
  const resolved = await realpath(path).catch(() => path); // /dev/serial/by-id/… is a link
  return (await listPorts().catch(() => [])).find((port) => port.path === resolved) ?? {};
}

async function listFromSystem(): Promise<PortInfo[]> {
  const { SerialPort } = await import("serialport");
  return (await SerialPort.list()).map((port) => ({
    path: port.path,
    vendorId: hexadecimal(port.vendorId),
    productId: hexadecimal(port.productId),
    manufacturer: port.manufacturer,
    serialNumber: port.serialNumber,
  }));
}

/** On Linux serialport asks `udevadm`, which containers and small systems lack; the kernel answers the same itself. */
export async function listFromSysfs(root = "/sys/class/tty"): Promise<PortInfo[]> {
  const ports: PortInfo[] = [];
  for (const name of await readdir(root).catch(() => [])) {
    const device = await realpath(join(root, name, "device")).catch(() => undefined);
    if (!device || !(await isSerial(root, name))) continue;
    ports.push({ path: `/dev/${name}`, ...(await usbDevice(device)) });
  }
  return ports;
}

/** Virtual consoles have no device; a motherboard lists many ports with nothing behind them, whose type reads 0. */
async function isSerial(root: string, name: string): Promise<boolean> {
  return !/^ttyS\d+$/.test(name) || !["0", undefined].includes(await attribute(join(root, name), "type"));
}

/** A USB serial port is some levels below its USB device, which is the first that has an `idVendor`. */
async function usbDevice(device: string): Promise<Omit<PortInfo, "path">> {
  for (let folder = device, level = 0; level < 5; folder = dirname(folder), level++) {
    const vendorId = hexadecimal(await attribute(folder, "idVendor"));
    if (vendorId === undefined) continue;
    return {
      vendorId,
      productId: hexadecimal(await attribute(folder, "idProduct")),
      manufacturer: await attribute(folder, "manufacturer"),
      serialNumber: await attribute(folder, "serial"),
    };
  }
  return {};
}

async function attribute(folder: string, name: string): Promise<string | undefined> {
  return readFile(join(folder, name), "utf8").then(
    (text) => text.trim(),
    () => undefined,
  );
}

function hexadecimal(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number.parseInt(text, 16);
}
