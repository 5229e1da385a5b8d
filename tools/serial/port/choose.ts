import { ExitCode, UserError } from "../../cli/errors.ts";
import { listPorts } from "./list.ts";

/** The port the user named, else the one that is likely a board. */
export async function choosePort(named: string | undefined): Promise<string> {
  const given = named ?? process.env["MOTE_PORT"];
  if (given) return given;
  const boards = (await listPorts()).filter((port) => port.adapter);
  if (boards.length === 1) return boards[0]!.path;
  if (boards.length > 1)
    throw new UserError(
      `Several boards are connected: ${boards.map((port) => port.path).join(", ")}. Say which with --port.`,
    );
  throw new UserError(
    'No board found. Plug it in with a cable that carries data, or name its port with --port ("mote ports" lists all).',
    ExitCode.UNAVAILABLE,
  );
}
