import { readdir, readFile, readlink, realpath, stat } from "node:fs/promises";
import { ExitCode, UserError } from "../../cli/errors.ts";

/** Says why a port does not open, and what to do about it. */
export async function describeOpenFailure(path: string, error: Error): Promise<UserError> {
  const unavailable = (message: string): UserError => new UserError(message, ExitCode.UNAVAILABLE, { cause: error });
  const said = error.message.replace(/^Error: /, ""); // a driver's own
  if (/permission denied|EACCES/i.test(said))
    return unavailable(`You may not open ${path}. ${await permissionAdvice(path)}`);
  if (/lock|busy|access (is )?denied/i.test(said))
    return unavailable(
      `${path} is in use by ${(await usersOf(path)) ?? "another program"}. Close it there (a monitor, an IDE) and try again.`,
    );
  if (/no such file|ENOENT|cannot find|File not found/i.test(said))
    return unavailable(`There is no port ${path}. Plug the board in; "mote ports" lists what is there.`);
  return unavailable(`${path} does not open: ${said}. Is it a serial port? "mote ports" lists those.`);
}

async function permissionAdvice(path: string): Promise<string> {
  const group = await groupOf(path);
  return group
    ? `It belongs to the group ${group}: run "sudo usermod -aG ${group} $USER", then log out and in.`
    : "Run as a user who may, or change the device's permissions.";
}

async function groupOf(path: string): Promise<string | undefined> {
  if (process.platform === "win32") return undefined;
  const { gid } = await stat(path).catch(() => ({ gid: 0 }));
  const groups = await readFile("/etc/group", "utf8").catch(() => "");
  const line = groups.split("\n").find((entry) => entry.split(":")[2] === String(gid));
  return gid === 0 ? undefined : line?.split(":")[0];
}

/** Which processes have the port open, as far as Linux lets this user see. */
async function usersOf(path: string): Promise<string | undefined> {
  const device = await realpath(path).catch(() => path);
  const users: string[] = [];
  for (const id of (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name))) {
    if (Number(id) === process.pid || !(await hasOpen(id, device))) continue;
    const name = await readFile(`/proc/${id}/comm`, "utf8").catch(() => "");
    users.push(`${name.trim()} (process ${id})`);
  }
  return users.length > 0 ? users.join(" and ") : undefined;
}

async function hasOpen(processId: string, device: string): Promise<boolean> {
  const folder = `/proc/${processId}/fd`;
  for (const descriptor of await readdir(folder).catch(() => [])) {
    if ((await readlink(`${folder}/${descriptor}`).catch(() => "")) === device) return true;
  }
  return false;
}
