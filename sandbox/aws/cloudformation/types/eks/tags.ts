import {
  type ResourceContext,
  resourceContext,
  tagChanges,
  tagContext,
  tagList,
} from "#sandbox/aws/cloudformation/types/type.ts";
import { type ClusterRecord, changeRecord, placeOf, type Tags } from "#sandbox/aws/eks/state.ts";

/** Gives a thing of a cluster exactly these tags; only what differs is asked for and sent. */
export function changeEksTags(context: ResourceContext, cluster: string, arn: string, after: Tags): void {
  const place = placeOf(context.cloud, context.account, context.region);
  const record = place.state.clusters[cluster];
  const found = record === undefined ? undefined : findTagged(record, arn);
  if (found === undefined) return;
  const { add, remove } = tagChanges(found.tags, after);
  const known = resourceContext(found.tags);
  if (Object.keys(add).length > 0) context.allow("eks:TagResource", arn, { ...known, ...tagContext(tagList(add)) });
  if (remove.length > 0) context.allow("eks:UntagResource", arn, { ...known, "aws:TagKeys": remove });
  if (Object.keys(add).length > 0 || remove.length > 0) changeRecord(place, cluster, () => found.with(after));
}

interface Tagged {
  readonly tags: Tags;
  with(tags: Tags): Partial<ClusterRecord>;
}

function findTagged(record: ClusterRecord, arn: string): Tagged | undefined {
  const { cluster, accessEntries, podIdentities, nodeGroups, addons } = record;
  if (cluster.arn === arn) return { tags: cluster.tags, with: (tags) => ({ cluster: { ...cluster, tags } }) };
  for (const [key, one] of Object.entries(accessEntries)) {
    if (one.entry.accessEntryArn !== arn) continue;
    const { entry } = one;
    const changed = (tags: Tags) => ({ ...one, entry: { ...entry, tags } });
    return { tags: entry.tags, with: (tags) => ({ accessEntries: { ...accessEntries, [key]: changed(tags) } }) };
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
