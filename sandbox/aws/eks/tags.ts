import { type ClusterRecord, changeRecord, type Place, type Tags } from "#sandbox/aws/eks/state.ts";

/** Something of a cluster that has tags, or the cluster itself. */
export interface Tagged {
  readonly tags: Tags;
  /** Gives it exactly these. */
  change(tags: Tags): void;
}

/** Undefined when nothing has that ARN. */
export function findTagged(place: Place, arn: string): Tagged | undefined {
  const name = /^arn:aws:eks:[^:]+:\d+:[a-z-]+\/([^/]+)/.exec(arn)?.[1] ?? "";
  const record = place.state.clusters[name];
  const found = record === undefined ? undefined : findIn(record, arn);
  if (found === undefined) return undefined;
  return { tags: found.tags, change: (tags) => void changeRecord(place, name, () => found.with(tags)) };
}

interface Found {
  readonly tags: Tags;
  with(tags: Tags): Partial<ClusterRecord>;
}

function findIn(record: ClusterRecord, arn: string): Found | undefined {
  const { cluster, accessEntries, podIdentities, nodeGroups, addons } = record;
  if (cluster.arn === arn) return { tags: cluster.tags, with: (tags) => ({ cluster: { ...cluster, tags } }) };
  for (const [key, one] of Object.entries(accessEntries)) {
    if (one.entry.accessEntryArn !== arn) continue;
    const changed = (tags: Tags) => ({ ...one, entry: { ...one.entry, tags } });
    return { tags: one.entry.tags, with: (tags) => ({ accessEntries: { ...accessEntries, [key]: changed(tags) } }) };
  }
  for (const [key, one] of Object.entries(podIdentities)) {
    if (one.associationArn !== arn) continue;
    return { tags: one.tags, with: (tags) => ({ podIdentities: { ...podIdentities, [key]: { ...one, tags } } }) };
  }
  for (const [key, one] of Object.entries(nodeGroups)) {
    if (one.nodegroupArn !== arn) continue;
    return { tags: one.tags, with: (tags) => ({ nodeGroups: { ...nodeGroups, [key]: { ...one, tags } } }) };
  }
  for (const [key, one] of Object.entries(addons)) {
    if (one.addonArn !== arn) continue;
    return { tags: one.tags, with: (tags) => ({ addons: { ...addons, [key]: { ...one, tags } } }) };
  }
  return undefined;
}
