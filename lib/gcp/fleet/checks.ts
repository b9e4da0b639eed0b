import { malformedAccountId } from "#lib/fleet/checks/accounts.ts";
import { checkPublicAccess } from "#lib/fleet/checks/public-access.ts";
import { overlap, tryFreeRange, tryParseCidr } from "#lib/fleet/cidr.ts";
import type { Fault } from "#lib/fleet/fault.ts";
import { taskSuffix } from "#lib/fleet/names.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { nodeRange } from "#lib/gcp/fleet/defaults.ts";
import type { GcpAccount, GkeCluster } from "#lib/gcp/fleet/types.ts";

/** https://cloud.google.com/resource-manager/docs/creating-managing-projects#before_you_begin */
const projectIdForm = /^[a-z][a-z0-9-]{4,28}[a-z0-9]$/;
const projectNumberForm = /^[1-9]\d{5,18}$/;
/** https://cloud.google.com/iam/docs/principal-identifiers */
const operatorsForm = /^(group|user):[^\s@:]+@[^\s@:]+\.[^\s@:]+$/;

/** https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/projects.locations.clusters#Cluster.FIELDS.name */
const longestName = 40;
/** https://cloud.google.com/dns/docs/reference/rest/v1/managedZones#ManagedZone.FIELDS.name */
const longestZone = 63;
/** https://cloud.google.com/kubernetes-engine/docs/how-to/authorized-networks#limitations */
const mostPublicRanges = 100;
/** A slip of the finger must not cost a fortune; there are three zones. */
const mostNodesPerZone = 33;

export function checkGcp(fleet: Fleet): readonly Fault[] {
  const accounts = fleet.accounts.filter((account) => account.provider === "gcp");
  const clusters = fleet.clusters.filter((cluster) => cluster.provider === "gcp");
  return [
    ...accounts.flatMap(checkIds),
    ...checkZones(fleet),
    ...clusters.flatMap((cluster) => [
      ...checkName(cluster),
      ...checkAccess(cluster),
      ...checkRanges(cluster),
      ...checkNodes(cluster),
    ]),
  ];
}

function checkIds(account: GcpAccount): readonly Fault[] {
  const { projectId, projectNumber, operators = "" } = account;
  const malformed = (field: string, value: string, hint: string): Fault =>
    malformedAccountId(account, field, value, hint);
  return [
    ...(projectIdForm.test(projectId)
      ? []
      : [
          malformed(
            "projectId",
            projectId,
            "use 6 to 30 lower-case letters, digits and hyphens, as `gcloud projects list` shows under PROJECT_ID",
          ),
        ]),
    ...(projectNumberForm.test(projectNumber)
      ? []
      : [
          malformed(
            "projectNumber",
            projectNumber,
            "use the digits that `gcloud projects list` shows under PROJECT_NUMBER",
          ),
        ]),
    ...(operators === "" || operatorsForm.test(operators)
      ? []
      : [malformed("operators", operators, 'write "group:platform@example.org" or "user:ann@example.org"')]),
  ];
}

/** Names of zones in Cloud DNS are made from their DNS names. */
function checkZones({ zones }: Fleet): readonly Fault[] {
  return zones
    .filter(({ provider }) => provider === "gcp")
    .filter(({ clusters }) => clusters.length > longestZone)
    .map(({ clusters, provider }) => ({
      code: "NameTooLong",
      where: `zone ${clusters}`,
      message: `name is ${clusters.length} characters long, Cloud DNS takes ${longestZone}`,
      hint: `shorten it by ${clusters.length - longestZone} characters`,
      provider,
    }));
}

function at({ name, provider }: GkeCluster): Pick<Fault, "where" | "provider"> {
  return { where: `cluster ${name}`, provider };
}

function checkName(cluster: GkeCluster): readonly Fault[] {
  const { length } = taskSuffix(cluster);
  if (!/^[a-z]/.test(cluster.name)) {
    const message = `malformed name "${cluster.name}": GKE wants a letter first`;
    return [{ code: "MalformedName", ...at(cluster), message, hint: `write "k${cluster.name}"` }];
  }
  if (length <= longestName) return [];
  const message = `name is ${length} characters long, GKE takes ${longestName}`;
  return [{ code: "NameTooLong", ...at(cluster), message, hint: `shorten it by ${length - longestName} characters` }];
}

function checkAccess({ publicAccessCidrs, ...cluster }: GkeCluster): readonly Fault[] {
  if (publicAccessCidrs === undefined) return [];
  return checkPublicAccess({ ...cluster, publicAccessCidrs }, { product: "GKE", mostRanges: mostPublicRanges });
}

/** GKE refuses a cluster whose pods or services have addresses of its nodes. */
function checkRanges(cluster: GkeCluster): readonly Fault[] {
  const nodes = tryParseCidr(nodeRange);
  return (["podCidr", "serviceCidr"] as const).flatMap((field): readonly Fault[] => {
    const range = tryParseCidr(cluster[field] ?? "");
    if (nodes === undefined || range === undefined || !overlap(nodes, range)) return [];
    const taken = [cluster.podCidr, cluster.serviceCidr].flatMap((text) => tryParseCidr(text ?? "") ?? []);
    const free = tryFreeRange([nodes, ...taken]);
    const hint = `give it a range outside of it${free === undefined ? "" : `, e.g. ${field}: "${free}"`}`;
    const message = `${field} ${cluster[field]} overlaps ${nodeRange}, which nodes in GCP have`;
    return [{ code: "OverlappingRanges", ...at(cluster), message, hint }];
  });
}

function checkNodes(cluster: GkeCluster): readonly Fault[] {
  const { nodePool, mode } = cluster;
  if (nodePool === undefined) return [];
  const fault = (message: string, hint: string): Fault => ({ code: "MalformedNodes", ...at(cluster), message, hint });
  const example = 'write nodePool: { machineType: "e2-standard-4", countPerZone: 1 }';
  if (mode !== "standard") {
    return [
      fault("a node pool is given, and Autopilot chooses the nodes", 'leave nodePool out, or write mode: "standard"'),
    ];
  }
  if (!/^[a-z][a-z0-9]*-[a-z]+[a-z0-9-]*$/.test(nodePool.machineType)) {
    return [fault(`malformed machine type "${nodePool.machineType}"`, example)];
  }
  const { countPerZone: count } = nodePool;
  if (Number.isInteger(count) && count >= 1 && count <= mostNodesPerZone) return [];
  return [fault(`a count of ${count} nodes per zone isn't 1 to ${mostNodesPerZone}`, example)];
}
