import { FleetError } from "#lib/errors.ts";
import type { World } from "#lib/graph/world.ts";

/**
 * Describes a running `kind create cluster` or `k3d cluster create` for this cluster, started by us or in another terminal. Read from
 * `ps`: neither tool writes a lock. Undefined where there is none, or where `ps` is missing.
 */
export async function findCreateProcess(world: World, tool: string, cluster: string): Promise<string | undefined> {
  const exec = world.exec({ signal: world.signal, nothrow: true, timeout: 5_000 });
  let listing: string;
  try {
    listing = (await exec`ps -eo pid,args`).stdout;
  } catch (error) {
    // Small images lack ps; the lock on the cluster still separates our own commands.
    if (error instanceof FleetError && error.code === "ProgramMissing") return undefined;
    throw error;
  }
  const pid = parseCreateProcess(listing, tool, cluster);
  return pid === undefined ? undefined : `${tool} is creating it (process ${pid})`;
}

/** Pure: the process id of that command in a listing of `pid args`. */
export function parseCreateProcess(listing: string, tool: string, cluster: string): string | undefined {
  for (const line of listing.split("\n")) {
    const [pid, program, ...args] = line.trim().split(/\s+/);
    if (pid === undefined || program === undefined) continue;
    const isTool = program === tool || program.endsWith(`/${tool}`);
    const isCreate = args.includes("create") && args.includes("cluster");
    const names = args.some(
      (arg) => arg === cluster || arg.endsWith(`/${cluster}.yaml`) || arg.endsWith(`=${cluster}`),
    );
    if (isTool && isCreate && names) return pid;
  }
  return undefined;
}
