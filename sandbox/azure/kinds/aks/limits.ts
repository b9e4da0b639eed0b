import type { StoredResource } from "#sandbox/azure/arm/kind.ts";
import { resourcesOfType } from "#sandbox/azure/arm/store.ts";
import type { AzureCloud } from "#sandbox/azure/cloud.ts";
import { aksFault } from "#sandbox/azure/kinds/aks/faults.ts";
import { type AgentPool, clusterType, poolsOf } from "#sandbox/azure/kinds/aks/state.ts";
import { UnknownUsage } from "#sandbox/docker/argv.ts";

interface LimitsState {
  /** vCPUs that a subscription may use, by region; a region without an entry has no limit. */
  readonly quotas: Record<string, number>;
  /** How the next operations of the subscription's clusters end, in their order. */
  readonly failures: Record<string, { readonly code: string; readonly message: string }>;
}

function limitsOf(cloud: AzureCloud, subscription: string): LimitsState {
  return cloud.slice("aks", subscription.toLowerCase(), "global", (): LimitsState => ({ quotas: {}, failures: {} }));
}

/** Operations of the sandbox's command line. */
export function aksOperations(cloud: AzureCloud) {
  return {
    /** `subscription`, `region` and the `cores` that it may use there from now on. */
    "vcpu-quota": ({ subscription = "", region = "", cores = "" }: Readonly<Record<string, string>>) => {
      if (!/^\d+$/.test(cores)) throw new UnknownUsage(`cores=${cores}: it has to be a number`);
      limitsOf(cloud, subscription).quotas[region] = Number(cores);
      cloud.save();
      return {};
    },
    /** The next operation of a cluster or node pool in `subscription` fails with `code` and `message`. */
    "fail-provisioning": ({ subscription = "", code = "", message = "" }: Readonly<Record<string, string>>) => {
      limitsOf(cloud, subscription).failures[crypto.randomUUID()] = { code, message };
      cloud.save();
      return {};
    },
  };
}

/** @throws ArmFault once for each failure that was asked for */
export function failIfAsked(cloud: AzureCloud, { id }: StoredResource): void {
  const { failures } = limitsOf(cloud, subscriptionOf(id));
  const [key, failure] = Object.entries(failures)[0] ?? [];
  if (key === undefined || failure === undefined) return;
  delete failures[key];
  cloud.save();
  throw aksFault(400, failure.code, failure.message);
}

/**
 * @param pools of a cluster as they are to be
 * @throws ArmFault 400 for an unknown VM size, or when the subscription has too few vCPUs left
 */
export function checkMachines(cloud: AzureCloud, clusterId: string, region: string, pools: readonly AgentPool[]): void {
  for (const { name, vmSize } of pools) {
    if (sizeOf(vmSize) !== undefined) continue;
    throw aksFault(
      400,
      "BadRequest",
      `The VM size of AgentPoolProfile:${name} is not allowed in your subscription in location '${region}'. For more details, please visit https://aka.ms/cpu-quota`,
    );
  }
  const quota = limitsOf(cloud, subscriptionOf(clusterId)).quotas[region];
  if (quota === undefined) return;
  const clusters = resourcesOfType(cloud, clusterType).filter(
    ({ id, location }) => location === region && subscriptionOf(id) === subscriptionOf(clusterId),
  );
  const used = coresOf(clusters.flatMap((cluster) => poolsOf(cloud, cluster)));
  const own = clusters.find(({ id }) => id.toLowerCase() === clusterId.toLowerCase());
  const requested = coresOf(pools) - coresOf(own === undefined ? [] : poolsOf(cloud, own));
  if (requested <= Math.max(quota - used, 0)) return;
  throw aksFault(
    400,
    "ErrCode_InsufficientVCPUQuota",
    `Insufficient vcpu quota requested ${requested}, remaining ${Math.max(quota - used, 0)} for family ${sizeOf(pools[0]?.vmSize ?? "")?.family} for region ${region}. If you want to increase the quota, please follow this instruction: https://learn.microsoft.com/en-us/azure/quotas/view-quotas. Surge nodes would also consume vcpu quota, please consider use smaller maxSurge or use maxUnavailable to proceed upgrade without surge nodes, details: aka.ms/aks/maxUnavailable.`,
  );
}

/** `Standard_D4ds_v5` has 4 vCPUs and is of `standardDDSv5Family`. */
export function sizeOf(vmSize: string): { readonly cores: number; readonly family: string } | undefined {
  const [, series, cores, features = "", version = ""] =
    /^Standard_([A-Z]{1,3})(\d{1,3})([a-z]*)(?:_(v\d+))?$/i.exec(vmSize) ?? [];
  if (series === undefined) return undefined;
  return { cores: Number(cores), family: `standard${series}${features.toUpperCase()}${version}Family` };
}

function coresOf(pools: readonly AgentPool[]): number {
  return pools.reduce((sum, { count, vmSize }) => sum + count * (sizeOf(vmSize)?.cores ?? 0), 0);
}

function subscriptionOf(id: string): string {
  return id.split("/")[2]?.toLowerCase() ?? "";
}
