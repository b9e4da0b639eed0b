import { createServer } from "node:net";
import { FleetError } from "#lib/errors.ts";
import { isErrno } from "#lib/files.ts";
import type { World } from "#lib/graph/world.ts";
import { command, type Hint, type TaskCommand } from "#lib/hint.ts";
import { listContainers } from "#lib/local/docker.ts";
import { findListener } from "#lib/local/listener.ts";

/** @throws FleetError PortTaken, which names the process or container where it is visible */
export async function requireFreePort(world: World, port: number): Promise<void> {
  if (!(await isFree(port))) throw await portTaken(world, port);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    return await new Promise<boolean>((resolve, reject) => {
      server.once("error", (error) => (isErrno(error, "EADDRINUSE", "EACCES") ? resolve(false) : reject(error)));
      server.listen({ host: "127.0.0.1", port, exclusive: true }, () => resolve(true));
    });
  } finally {
    server.close();
  }
}

/** Folder of the checkout whose sandbox has this command line. A sandbox uses the fleet's ports if they are free. */
export function sandboxOf(command: string): string | undefined {
  return /(?<=^\S+ )(.+)\/sandbox\/daemon\.ts /.exec(command)?.[1];
}

/** The command that removes containers; the sandbox has none in Docker. */
export function removeContainersCommand(
  { variables }: Pick<World, "variables">,
  names: readonly string[],
): string | TaskCommand {
  const isSandbox = (variables.K8S_SANDBOX_STATE ?? "") !== "";
  return isSandbox ? command("sandbox:reset") : `docker rm --force ${names.join(" ")}`;
}

/** Names the container or the process that uses the port. */
export async function portTaken(world: World, port: number): Promise<FleetError> {
  const taken = (by: string, ...remedy: Extract<Hint, readonly unknown[]>): FleetError =>
    new FleetError("PortTaken", `port ${port} on 127.0.0.1 is taken${by}`, {
      hint: [...remedy, ", or give the cluster another apiPort in clusters/ and run ", command("generate")],
    });

  const containers = (await listContainers(world, [`publish=${port}`])).map((container) => container.name);
  if (containers.length > 0) {
    return taken(` by container ${containers.join(", ")}`, removeContainersCommand(world, containers));
  }
  const listener = await findListener(world, port);
  if (listener === undefined) return taken("", "stop the process that listens on it");
  const sandbox = sandboxOf(listener.command);
  if (sandbox !== undefined) {
    return taken(
      ` by a cluster in the sandbox of ${sandbox} (process ${listener.pid})`,
      command("sandbox:stop"),
      ` in ${sandbox}`,
    );
  }
  // Program and script only: the other arguments may hold a password.
  const program = listener.command.split(" ").slice(0, 2).join(" ");
  return taken(` by process ${listener.pid} (${program})`, `stop process ${listener.pid}`);
}
