import type { Listing } from "#sandbox/azure/arm/kind.ts";
import { aksFault } from "#sandbox/azure/kinds/aks/faults.ts";
import { apiVersions } from "#sandbox/azure/kinds/aks/state.ts";

interface Offered {
  readonly patches: readonly string[];
  readonly support?: "default" | "preview" | "longTerm";
}

/** What AKS offers in every region of the sandbox, by minor version, the oldest first. As of September 2026. */
const offered: Readonly<Record<string, Offered>> = {
  "1.33": { patches: ["1.33.13"], support: "longTerm" },
  "1.34": { patches: ["1.34.10"] },
  "1.35": { patches: ["1.35.7"], support: "default" },
  "1.36": { patches: ["1.36.3"] },
  "1.37": { patches: ["1.37.0"], support: "preview" },
};

export const defaultVersion = "1.35";
const seeVersions = "For more information, please check https://aka.ms/supported-version-list";

/** `locations/REGION/kubernetesVersions`. */
export const kubernetesVersions: Listing = {
  type: "Microsoft.ContainerService/locations/kubernetesVersions",
  versions: apiVersions,
  answer: () => ({
    values: Object.entries(offered).map(([version, { patches, support }]) => ({
      version,
      capabilities: {
        supportPlan: support === "longTerm" ? ["AKSLongTermSupport"] : ["KubernetesOfficial", "AKSLongTermSupport"],
      },
      ...(support === "default" ? { isDefault: true } : {}),
      ...(support === "preview" ? { isPreview: true } : {}),
      patchVersions: Object.fromEntries(patches.map((patch) => [patch, { upgrades: upgradesOf(patch) }])),
    })),
  }),
};

/** `1.35.7` for itself and for its alias `1.35`; undefined for what is not offered. */
export function patchOf(version: string): string | undefined {
  const { patches = [] } = offered[minorTextOf(version)] ?? {};
  return version === minorTextOf(version) ? patches.at(-1) : patches.find((patch) => patch === version);
}

/** @returns the patch version @throws ArmFault 400 for a version that is not offered */
export function checkVersion(cluster: string, version: string, hasLongTermSupport: boolean): string {
  const patch = patchOf(version);
  if (patch === undefined) {
    throw aksFault(
      400,
      "K8sVersionNotSupported",
      `Managed cluster ${cluster} is on version ${version} which is not supported in this region. Please use [az aks get-versions] command to get the supported version list in this region. ${seeVersions}`,
    );
  }
  if (offered[minorTextOf(version)]?.support === "longTerm" && !hasLongTermSupport) {
    throw aksFault(
      400,
      "K8sVersionNotSupported",
      `Managed cluster ${cluster} is on version ${patch}, which is only available for Long-Term Support (LTS). If you intend to onboard to LTS, please ensure the cluster is in Premium tier and LTS support plan (see https://aka.ms/aks/enable-lts). Otherwise, use [az aks get-versions] command to get the supported version list in this region. ${seeVersions}`,
    );
  }
  return patch;
}

/** Patch versions: one minor version up at most, and never down. @throws ArmFault 400 */
export function checkUpgrade(from: string, to: string): void {
  if (from === to || upgradesOf(from).includes(to)) return;
  throw aksFault(
    400,
    "OperationNotAllowed",
    `Upgrading Kubernetes version ${from} to ${to} is not allowed. Available upgrades: [${upgradesOf(from).toReversed().join(" ")}]. Please see https://aka.ms/aks-supported-k8s-ver for version details.`,
  );
}

/** A node pool is never newer than its cluster, and at most three minor versions older. @throws ArmFault 400 */
export function checkSkew(pool: string, cluster: string): void {
  const [minor, own] = [minorOf(pool), minorOf(cluster)];
  if (compare(pool, cluster) <= 0 && own - minor <= 3) return;
  const why =
    minor > own
      ? `Minor version of node pool version ${minor} is bigger than control plane version ${own}.`
      : `Minor version of node pool cannot be more than 3 versions less than control plane's version. Minor version of node pool is ${minor} and control plane is ${own}.`;
  throw aksFault(
    400,
    "NodePoolMcVersionIncompatible",
    `Node pool version ${pool} and control plane version ${cluster} are incompatible. ${why} For more information, please check https://aka.ms/aks/UpgradeVersionRules`,
  );
}

function upgradesOf(from: string): readonly string[] {
  const patches = Object.values(offered).flatMap((one) => one.patches);
  return patches.filter((to) => compare(to, from) > 0 && minorOf(to) - minorOf(from) <= 1);
}

function minorTextOf(version: string): string {
  return version.split(".").slice(0, 2).join(".");
}

function minorOf(version: string): number {
  return Number(version.split(".")[1]);
}

function compare(one: string, other: string): number {
  const [first, second] = [one.split(".").map(Number), other.split(".").map(Number)];
  const at = first.findIndex((part, index) => part !== second[index]);
  return at < 0 ? 0 : (first[at] ?? 0) - (second[at] ?? 0);
}
