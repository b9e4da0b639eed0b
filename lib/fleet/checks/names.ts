import type { Fault } from "#lib/fleet/fault.ts";
import { firstLabel, isDnsName, isLabel, parentName, taskSuffix } from "#lib/fleet/names.ts";
import type { CloudCluster, CloudZones, Cluster, Fleet } from "#lib/fleet/types.ts";
import { isLocal } from "#lib/fleet/types.ts";

const form = "labels of lower-case letters, digits and inner hyphens, at most 63 long, joined by dots";

/** The domain is the value of a label on every node: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels */
const longestDomain = 63;

export function checkNames(fleet: Fleet): readonly Fault[] {
  return [
    ...checkDomain(fleet),
    ...fleet.zones.flatMap(checkZoneNames),
    ...fleet.accounts.flatMap((account) =>
      isLabel(account.name)
        ? []
        : [malformed(account, `account ${account.name}`, "name", account.name, "one label such as aws-01")],
    ),
    ...fleet.clusters.flatMap((cluster) => [...checkClusterName(cluster, fleet.zones), ...checkLabels(cluster)]),
    ...checkUnique(fleet.clusters),
  ];
}

/** Same pattern as in the templates: a top-level domain has no digits, except internationalized ones, which the templates reject. */
const topLevelDomain = /\.[a-z]{2,63}$/;

function checkDomain({ domain, zones }: Fleet): readonly Fault[] {
  if (isDnsName(domain) && zones.length > 0 && !topLevelDomain.test(domain)) {
    const message = `malformed domain "${domain}": its last label is no top-level domain`;
    return [{ code: "MalformedName", where: "domain", message, hint: "end it with letters only, as in mylabs.dev" }];
  }
  if (isDnsName(domain) && domain.length <= longestDomain) return [];
  return [
    {
      code: "MalformedName",
      where: "domain",
      message: `malformed domain "${domain}"`,
      hint: `use ${form}, ${longestDomain} characters in all`,
    },
  ];
}

function checkZoneNames(zones: CloudZones): readonly Fault[] {
  return [zones.primary, zones.clusters]
    .filter((name) => !isDnsName(name))
    .map((name) => malformed(zones, `zones of ${zones.provider}`, "zone", name));
}

function checkClusterName(cluster: Cluster, zones: readonly CloudZones[]): readonly Fault[] {
  if (!isDnsName(cluster.name)) return [malformed(cluster, `cluster ${cluster.name}`, "name", cluster.name)];
  return isLocal(cluster) ? [] : checkCloudName(cluster, zones);
}

function checkCloudName(cluster: CloudCluster, zones: readonly CloudZones[]): readonly Fault[] {
  const zone = zones.find(({ provider }) => provider === cluster.provider)?.clusters;
  if (zone === undefined || parentName(cluster.name) === zone) return [];
  return [
    {
      code: "NameOutsideZone",
      where: `cluster ${cluster.name}`,
      message: `"${cluster.name}" isn't one label below ${zone}`,
      hint: `name it "${firstLabel(cluster.name)}.${zone}"`,
      provider: cluster.provider,
    },
  ];
}

/** They become label values in Kubernetes. */
function checkLabels(cluster: Cluster): readonly Fault[] {
  return (["environment", "mesh"] as const).flatMap((field) => {
    const value = cluster[field];
    if (value === undefined || isLabel(value)) return [];
    return [malformed(cluster, `cluster ${cluster.name}`, field, value, "one label such as dev")];
  });
}

function checkUnique(clusters: readonly Cluster[]): readonly Fault[] {
  const bySuffix = new Map<string, Cluster>();
  return clusters.flatMap((cluster): readonly Fault[] => {
    const suffix = taskSuffix(cluster);
    const other = bySuffix.get(suffix);
    if (other === undefined) {
      bySuffix.set(suffix, cluster);
      return [];
    }
    const where = `cluster ${cluster.name}`;
    const { provider } = cluster;
    return other.name === cluster.name
      ? [
          {
            code: "DuplicateCluster",
            where,
            message: `the name "${cluster.name}" is taken by another cluster of ${other.provider}`,
            hint: "give one of the two another name",
            provider,
          },
        ]
      : [
          {
            code: "DuplicateTaskName",
            where,
            message: `its tasks would be called "${suffix}" like those of ${other.name}`,
            hint: "give one of the two another name: dots become hyphens in a task's name",
            provider,
          },
        ];
  });
}

function malformed(
  owner: { readonly provider: Cluster["provider"] },
  where: string,
  what: string,
  value: string,
  wanted: string = form,
): Fault {
  const lower = value.toLowerCase();
  const hint = lower !== value && isDnsName(lower) ? `write it "${lower}"` : `use ${wanted}`;
  return { code: "MalformedName", where, message: `malformed ${what} "${value}"`, hint, provider: owner.provider };
}
