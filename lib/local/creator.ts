import { FleetError } from "#lib/errors.ts";
import type { World } from "#lib/graph/world.ts";

/**
 * A `kind create cluster` or `k3d cluster create` that is at work on this cluster right now, ours or a person's in another
 * terminal. Seen through `ps`, because neither tool leaves another sign. Undefined when there is none or ps can't tell.
 */
export async function findCreator(world: World, tool: string, cluster: string): Promise<string | undefined> {
  const exec = world.exec({ signal: world.signal, nothrow: true, timeout: 5_000 });
  let listing: string;
  try {
    listing = (await exec`ps -eo pid,args`).stdout;
  } catch (error) {
    // Images without ps exist; the lease on the cluster still keeps our own commands apart.
    if (error instanceof FleetError && error.code === "ProgramMissing") return undefined;
    throw error;
  }
  const pid = parseCreator(listing, tool, cluster);
  return pid === undefined ? undefined : `${tool} is creating it (process ${pid})`;
}

/** Pure: the process id of the creator in a listing of `pid args`. */
export function parseCreator(listing: string, tool: string, cluster: string): string | undefined {
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
