import {
  type ClusterRecord,
  changeRecord,
  type Location,
  notFound,
  type Place,
  placeOf,
  recordOf,
} from "#sandbox/aws/eks/state.ts";

/** What belongs to a cluster: each kind is kept by keys of its own. */
export type Part = "accessEntries" | "addons" | "nodeGroups" | "podIdentities";
export type PartOf<Kind extends Part> = ClusterRecord[Kind][string];

const missing: Readonly<Record<Part, (key: string, cluster: string) => string>> = {
  accessEntries: () =>
    "The specified principalArn could not be found. You can view your available access entries with 'list-access-entries'.",
  addons: (key, cluster) => `No addon: ${key} found in cluster: ${cluster}`,
  nodeGroups: (key) => `No node group found for name: ${key}.`,
  podIdentities: (key) => `No association found for association-id: ${key}`,
};

/** @throws AwsFault ResourceNotFoundException */
export function findPart<Kind extends Part>(at: Location, cluster: string, kind: Kind, key: string): PartOf<Kind> {
  // The compiler loses the kind between the two indexes.
  const found = recordOf(placeOf(at), cluster)[kind][key] as PartOf<Kind> | undefined;
  if (found === undefined) throw notFound(missing[kind](key, cluster));
  return found;
}

/** @throws AwsFault ResourceNotFoundException */
export function listParts(at: Location, cluster: string, kind: Part): readonly string[] {
  return Object.keys(recordOf(placeOf(at), cluster)[kind]).sort();
}

export function keepPart<Kind extends Part>(
  place: Place,
  cluster: string,
  kind: Kind,
  key: string,
  part: PartOf<Kind>,
): PartOf<Kind> {
  changeRecord(place, cluster, (record) => ({ [kind]: { ...record[kind], [key]: part } }));
  return part;
}

export function dropPart(place: Place, cluster: string, kind: Part, key: string): void {
  changeRecord(place, cluster, (record) => {
    const { [key]: _, ...rest } = record[kind];
    return { [kind]: rest };
  });
}
