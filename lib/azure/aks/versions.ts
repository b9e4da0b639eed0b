import type { ArmResource } from "#lib/azure/clients.ts";
import { kubernetesOfAks } from "#lib/azure/fleet/defaults.ts";
import type { AksCluster, AzureAccount } from "#lib/azure/fleet/types.ts";
import { subscriptionId } from "#lib/azure/names.ts";
import type { AzureWorld } from "#lib/azure/world.ts";
import { minorOf, refuseLeap } from "#lib/cloud/upgrade.ts";
import { FleetError } from "#lib/errors.ts";
import type { Change } from "#lib/graph/resource.ts";

/** Versions of clusters without long-term support, which costs more. */
const supportPlan = "KubernetesOfficial";

/**
 * Refuses versions that AKS would refuse, before anything is changed.
 *
 * @param found undefined before a create
 * @throws FleetError UpgradeRefused
 */
export async function refuseVersion(
  world: AzureWorld,
  account: AzureAccount,
  cluster: AksCluster,
  found: ArmResource | undefined,
  changes: readonly Change[],
): Promise<void> {
  const to = kubernetesOfAks(cluster);
  const raised = changes.find(({ field }) => field === "kubernetesVersion");
  if (found !== undefined && raised === undefined) return;
  if (raised?.effect === "in-place") {
    refuseLeap({ cluster: cluster.name, product: "AKS", from: String(raised.from), to });
  }
  const offered = await listVersions(world, account, cluster.region);
  if (offered.some((version) => minorOf(version) === minorOf(to))) return;
  throw new FleetError("UpgradeRefused", `${cluster.name}: AKS does not offer Kubernetes ${to} in ${cluster.region}`, {
    hint: `write kubernetes: "${offered.at(-1) ?? "…"}", or another one that AKS offers there: ${offered.join(", ")}`,
  });
}

/** Minor versions that AKS offers for new clusters in a region, oldest first. */
async function listVersions(world: AzureWorld, account: AzureAccount, region: string): Promise<readonly string[]> {
  const id = `${subscriptionId(account)}/providers/Microsoft.ContainerService/locations/${region}/kubernetesVersions`;
  const answer = await world.azure.arm(account).get(world, id);
  const values: readonly unknown[] = Array.isArray(answer?.values) ? answer.values : [];
  return values
    .filter(isOffered)
    .map(({ version }) => version)
    .toSorted((a, b) => minorOf(a) - minorOf(b));
}

function isOffered(value: unknown): value is { readonly version: string } {
  if (typeof value !== "object" || value === null || !("version" in value)) return false;
  const { version, isPreview, capabilities } = value as { [field: string]: unknown };
  const plans =
    typeof capabilities === "object" && capabilities !== null ? Reflect.get(capabilities, "supportPlan") : [];
  const isSupported = !Array.isArray(plans) || plans.length === 0 || plans.includes(supportPlan);
  return typeof version === "string" && isPreview !== true && isSupported;
}
