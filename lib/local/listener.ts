import { readdir, readFile, readlink } from "node:fs/promises";
import { FleetError } from "#lib/errors.ts";
import type { World } from "#lib/graph/world.ts";

/** A process that listens on a port. */
export interface Listener {
  readonly pid: number;
  /** Its command line where the system shows it, else its name. */
  readonly command: string;
}

/** The process that listens on a port of this computer; undefined where it is not visible, e.g. of another user. */
export async function findListener(world: World, port: number): Promise<Listener | undefined> {
  return process.platform === "linux" ? await findInProc(port) : await findByLsof(world, port);
}

/** Linux: finds the socket's inode by its port, then the process that has it open. */
async function findInProc(port: number): Promise<Listener | undefined> {
  const tables = await Promise.all(["/proc/net/tcp", "/proc/net/tcp6"].map(tryRead));
  const inodes = new Set(tables.flatMap((table) => parseListeningInodes(table, port)));
  if (inodes.size === 0) return undefined;
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    for (const file of await tryList(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(await tryReadLink(`/proc/${pid}/fd/${file}`))?.[1];
      if (inode === undefined || !inodes.has(inode)) continue;
      const command = (await tryRead(`/proc/${pid}/cmdline`)).split("\0").filter((word) => word !== "");
      return { pid: Number(pid), command: command.join(" ") };
    }
  }
  return undefined;
}

/** Pure: inodes of sockets that listen on a port, from a table like /proc/net/tcp (proc_pid_net(5)). */
export function parseListeningInodes(table: string, port: number): readonly string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return table.split("\n").flatMap((line) => {
    const [, local = "", , state, , , , , , inode] = line.trim().split(/\s+/);
    // 0A is LISTEN.
    return local.endsWith(suffix) && state === "0A" && inode !== undefined ? [inode] : [];
  });
}

async function findByLsof(world: World, port: number): Promise<Listener | undefined> {
  const exec = world.exec({ signal: world.signal, nothrow: true, timeout: 5_000 });
  try {
    const { stdout } = await exec`lsof -nP -iTCP:${port} -sTCP:LISTEN -Fpc`;
    const pid = /^p(\d+)$/m.exec(stdout)?.[1];
    return pid === undefined ? undefined : { pid: Number(pid), command: /^c(.+)$/m.exec(stdout)?.[1] ?? "" };
  } catch (error) {
    if (error instanceof FleetError && error.code === "ProgramMissing") return undefined;
    throw error;
  }
}

/** Processes may end meanwhile, and those of other users are not readable. */
async function tryRead(path: string): Promise<string> {
  return await readFile(path, "utf8").catch(() => "");
}

async function tryReadLink(path: string): Promise<string> {
  return await readlink(path).catch(() => "");
}

async function tryList(path: string): Promise<readonly string[]> {
  return await readdir(path).catch(() => []);
}
