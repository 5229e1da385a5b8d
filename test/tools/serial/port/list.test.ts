import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { listFromSysfs } from "../../../../tools/serial/port/list.ts";

/** A folder laid out as Linux lays out /sys for a USB adapter, an empty motherboard port and a virtual console. */
function sysfs(): string {
  const root = mkdtempSync(join(tmpdir(), "mote-sysfs-"));
  const usb = join(root, "devices/usb1/1-2");
  const port = join(usb, "1-2:1.0/ttyUSB0");
  mkdirSync(port, { recursive: true });
  writeFileSync(join(usb, "idVendor"), "10c4\n");
  writeFileSync(join(usb, "idProduct"), "ea60\n");
  writeFileSync(join(usb, "manufacturer"), "Silicon Labs\n");
  writeFileSync(join(usb, "serial"), "0001\n");
  const platform = join(root, "devices/platform/serial8250");
  mkdirSync(platform, { recursive: true });
  for (const name of ["ttyUSB0", "ttyS0", "tty1"]) mkdirSync(join(root, "class/tty", name), { recursive: true });
  symlinkSync(port, join(root, "class/tty/ttyUSB0/device"));
  symlinkSync(platform, join(root, "class/tty/ttyS0/device"));
  writeFileSync(join(root, "class/tty/ttyS0/type"), "0\n");
  return join(root, "class/tty");
}

test("serial ports and their USB ids are found without udevadm", async () => {
  expect(await listFromSysfs(sysfs())).toEqual([
    { path: "/dev/ttyUSB0", vendorId: 0x10c4, productId: 0xea60, manufacturer: "Silicon Labs", serialNumber: "0001" },
  ]);
});

test("a machine without any is no error", async () => {
  expect(await listFromSysfs("/nowhere")).toEqual([]);
});
