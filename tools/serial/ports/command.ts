import { Command } from "commander";
import { paint } from "../../cli/terminal.ts";
import { listPorts, type PortInfo } from "../port/list.ts";

/** `mote ports`: where a board may be. */
export function portsCommand(): Command {
  return new Command("ports")
    .description("list the serial ports, those that are likely a board first")
    .option("--json", "print them as JSON")
    .action(async (options: { json?: boolean }) => {
      const ports = await listPorts();
      if (options.json) console.log(JSON.stringify(ports));
      else console.log(ports.length > 0 ? ports.map(describe).join("\n") : NO_PORTS);
    });
}

const NO_PORTS = "No serial ports. Plug a board in with a USB cable that carries data, not only power.";

function describe(port: PortInfo): string {
  const ids =
    port.vendorId === undefined
      ? ""
      : [port.vendorId, port.productId ?? 0].map((id) => id.toString(16).padStart(4, "0")).join(":");
  const names = [port.adapter ?? port.manufacturer, port.serialNumber].filter(Boolean).join(", ");
  const line = `${port.path.padEnd(20)} ${ids.padEnd(10)} ${names}`.trimEnd();
  return port.adapter ? `${paint("green", line)}  <- likely a board` : line;
}
