import { type ComputePlace, computePath, isLinkTo, writeTo } from "#lib/gcp/compute/resource.ts";
import { findGoogleError, isInUse } from "#lib/gcp/error-kinds.ts";
import { projectPath } from "#lib/gcp/names.ts";
import { poll } from "#lib/gcp/operation.ts";
import type { GcpWorld } from "#lib/gcp/world.ts";

/** Compute Engine counts what was deleted as a user of its network for up to a minute. */
const forgetMs = 3 * 60_000;
/** Rules of clusters, of load balancers and of their health checks: `gke-…`, `k8s-fw-…`, `k8s-…-node-http-hc`; addresses of control planes: `gk3-…-pe`. */
const namedByGke = /^(gke|gk3|k8s\d?)-/;

/**
 * Deletes what GKE may be about to leave: a network, a subnetwork. What others made in it stops the delete.
 *
 * @throws FleetError StillNeeded with Google's words
 */
export async function removeAfterGke(
  world: GcpWorld,
  { title }: ComputePlace,
  remove: () => Promise<void>,
): Promise<void> {
  const hint = "delete what is still in it, then run the same command again";
  await poll(world, { what: title, timeoutMs: forgetMs, hint }, async () => {
    try {
      await remove();
      return { done: undefined };
    } catch (error) {
      const user = findUser(error);
      if (user === undefined || !namedByGke.test(nameIn(user))) throw error;
      return { waiting: `${user} of GKE is still in it` };
    }
  });
}

/**
 * Deletes the firewall rules that GKE leaves in a cluster's network: the one for health checks of nodes outlives the cluster, and those of
 * load balancers as well if they were not deleted before it. https://github.com/hashicorp/terraform-provider-google/issues/5948
 */
export async function removeRulesOfGke(world: GcpWorld, network: ComputePlace): Promise<void> {
  for (const rule of await listRulesOfGke(world, network)) {
    world.progress(`deleting the firewall rule ${nameIn(rule)}, which GKE has left`);
    await writeTo(world, network)("DELETE", rule);
  }
}

async function listRulesOfGke(world: GcpWorld, network: ComputePlace): Promise<readonly string[]> {
  const collection = `${projectPath(network.actor.account)}/global/firewalls`;
  const all = await world.gcp.rest(network.actor).list(world, "compute", collection, "items");
  return all
    .filter((rule) => isLinkTo(computePath(network), rule.network) && namedByGke.test(String(rule.name)))
    .map(({ name }) => `${collection}/${String(name)}`);
}

/** Path of what is in it, as Google names it: `The network resource '…' is already being used by '…'`. */
function findUser(error: unknown): string | undefined {
  if (!isInUse(error)) return undefined;
  return /used by '([^']+)'/.exec(findGoogleError(error)?.message ?? "")?.[1];
}

function nameIn(path: string): string {
  return path.split("/").at(-1) ?? "";
}
