import type { Providers } from "#lib/fleet/provider.ts";
import { type Fleet, isLocal } from "#lib/fleet/types.ts";
import type { Row, RunStarted, Subject } from "#lib/graph/events.ts";
import { type AnyResource, laneOf } from "#lib/graph/resource.ts";

/** The identity of a resource in events. */
export function subjectOf(resource: AnyResource): Subject {
  const { id, title, label, row } = resource;
  return { id, title, label, row, lane: laneOf(resource) };
}

/** One row per cluster, account or shared group, ordered by provider; shared resources first, because the others need them. */
export function rowsOf(resources: readonly AnyResource[], fleet: Fleet, providers: Providers): readonly Row[] {
  const rows = new Map<string, { readonly row: Row; readonly ids: string[] }>();
  for (const { id, row: ref } of resources) {
    const key = `${ref.kind} ${ref.name}`;
    const entry = rows.get(key) ?? { row: { ref, place: placeOf(ref.name, fleet), resources: [] }, ids: [] };
    rows.set(key, entry);
    entry.ids.push(id);
  }
  const order = [...fleet.accounts, ...fleet.clusters].map((one) => one.name as string);
  const rank = ({ ref }: Row): number => (ref.kind === "shared" ? -1 : order.indexOf(ref.name));
  // Resources without a provider, such as Argo CD's manifest, come last.
  const groups = [...providers.values()].map(({ group }) => group);
  const place = ({ ref }: Row): number => (groups.includes(ref.group) ? groups.indexOf(ref.group) : groups.length);
  return [...rows.values()]
    .map(({ row, ids }) => ({ ...row, resources: ids }))
    .sort((a, b) => place(a) - place(b) || rank(a) - rank(b));
}

/** The parts that the sandbox emulates. */
export function emulatedOf(
  resources: readonly AnyResource[],
  providers: Providers,
): NonNullable<RunStarted["emulated"]> {
  const groups = new Set(resources.map(({ row }) => row.group));
  const used = [...providers.values()].filter(({ group }) => groups.has(group));
  return {
    parts: [...new Set(used.map(({ emulated, title }) => emulated ?? title))],
    nameServers: used.some(({ place }) => place === "cloud"),
  };
}

/** Second column of the view. */
function placeOf(name: string, fleet: Fleet): string {
  const cluster = fleet.clusters.find((one) => one.name === name);
  if (cluster === undefined) return "";
  return isLocal(cluster) ? "docker" : cluster.region;
}
