import type { Tags } from "#lib/cloud/ownership.ts";
import { project } from "#lib/cloud/parts.ts";
import type { ZoneRecord } from "#lib/cloud/zone-records.ts";

/** Record sets of Cloud DNS have no labels. So a TXT set tells whose the cluster is that a delegation leads to, as those of external-dns do. */

/** Beside the delegated names: servers answer nothing at or below these. Names of clusters have no underscore. */
const label = "_delegation";
const heritage = "heritage";

/** `k01._delegation.k8s.gcp.mylabs.dev` for `k01.k8s.gcp.mylabs.dev`. */
export function markNameOf(delegated: string, zone: string): string {
  return `${delegated.slice(0, -zone.length - 1)}.${label}.${zone}`;
}

/** The delegated name of a mark; undefined for other names. */
export function delegatedNameOf(name: string, zone: string): string | undefined {
  const suffix = `.${label}.${zone}`;
  return name.endsWith(suffix) ? `${name.slice(0, -suffix.length)}.${zone}` : undefined;
}

/** Value of the TXT set: `"heritage=k8s-multicluster-gitops,fleet=mylabs.dev,project=222222222222"`. */
export function formatMark(tags: Tags): string {
  const pairs = Object.entries({ [heritage]: project, ...tags }).map(([key, value]) => `${key}=${value}`);
  return `"${pairs.join(",")}"`;
}

/** Undefined for record sets that are no marks of ours. */
export function parseMark({ type, values: [value, ...others] }: ZoneRecord): Tags | undefined {
  if (type !== "TXT" || value === undefined || others.length > 0) return undefined;
  const pairs = value.replaceAll('"', "").split(",");
  const { [heritage]: of, ...tags } = Object.fromEntries(pairs.map((pair) => pair.split("=", 2)));
  return of === project ? tags : undefined;
}
