import { asFleetError, FleetError } from "#lib/errors.ts";
import type { LocalCluster } from "#lib/fleet/types.ts";
import type { World } from "#lib/graph/world.ts";
import { portTaken } from "#lib/local/ports.ts";

/** The name is in use by another cluster or container, which must not be removed. */
export function isNameTaken(thrown: unknown): boolean {
  const { code, details } = asFleetError(thrown);
  if (code !== "ProgramFailed") return false;
  // kind, k3d, Docker.
  return /node\(s\) already exist|cluster with that name already exists|container name .* is already in use/i.test(
    details.join("\n"),
  );
}

/** Explains the usual failures of kind and k3d with a remedy; others pass unchanged. */
export async function explainCreateError(thrown: unknown, world: World, cluster: LocalCluster): Promise<unknown> {
  const error = asFleetError(thrown);
  if (error.code !== "ProgramFailed") return thrown;
  const text = error.details.join("\n");
  if (/port is already allocated|address already in use|bind for .* failed/i.test(text)) {
    return await portTaken(world, cluster.apiPort);
  }
  if (/could not find a log line that matches|too many open files|inotify/i.test(text)) {
    return new FleetError("InotifyLow", "a node did not start: the kernel's inotify limits are probably exhausted", {
      hint: "sudo sysctl fs.inotify.max_user_instances=512 fs.inotify.max_user_watches=524288",
      details: error.details,
      cause: thrown,
    });
  }
  if (
    /manifest unknown|pull access denied|failed to pull image|no such image|not found: manifest|dial tcp|TLS handshake/i.test(
      text,
    )
  ) {
    return new FleetError("ImageUnavailable", "an image could not be pulled", {
      hint: "is the registry reachable? KIND_NODE_IMAGE and K3S_NODE_IMAGE can name a local image",
      details: error.details,
      cause: thrown,
    });
  }
  return thrown;
}
