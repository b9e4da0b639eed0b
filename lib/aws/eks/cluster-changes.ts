import type { ParameterValues } from "#lib/aws/cloudformation/model.ts";
import { addonParameters } from "#lib/aws/eks/addon-versions.ts";
import { minorOf, refuseLeap } from "#lib/cloud/upgrade.ts";
import type { Change } from "#lib/graph/resource.ts";

/** Parameters of a cluster's template that are fixed at creation. */
const settled: ReadonlySet<string> = new Set(["NodeMode", "ServiceCidr", "VpcCidr", "ZoneIds"]);
const version = "KubernetesVersion";

/** Whether a parameter can be changed in place. EKS has no downgrade. */
export function effectOnCluster(parameter: string, from: string, to: string): Change["effect"] {
  if (settled.has(parameter)) return "replace";
  return parameter === version && minorOf(to) < minorOf(from) ? "replace" : "in-place";
}

/** @throws FleetError UpgradeRefused */
export function refuseLeapOfEks(cluster: string, changes: readonly Change[]): void {
  const raised = changes.find(({ field }) => field === `parameters.${version}`);
  if (raised !== undefined) refuseLeap({ cluster, product: "EKS", from: String(raised.from), to: String(raised.to) });
}

/**
 * An upgrade in the order that EKS asks for: everything else first, with nodes at the version of the control plane; then the control plane
 * alone; add-ons and nodes follow with the last update. EKS never goes back to an older control plane, so that CloudFormation could
 * not roll back an update in which the control plane was upgraded and something else failed.
 * https://docs.aws.amazon.com/eks/latest/userguide/update-cluster.html
 */
export function upgradeStages(
  wanted: ParameterValues,
  present: Readonly<Record<string, string>>,
): readonly ParameterValues[] {
  const { [version]: from } = present;
  const { [version]: to } = wanted;
  if (from === undefined || to === undefined || from === to) return [];
  const addons = Object.values(addonParameters).filter((name) => wanted[name] !== undefined);
  const level: ParameterValues = {
    ...wanted,
    [version]: from,
    ...(wanted.NodeKubernetesVersion === undefined ? {} : { NodeKubernetesVersion: from }),
    ...Object.fromEntries(addons.map((name) => [name, present[name] ?? ""])),
  };
  return [level, { ...level, [version]: to }];
}
