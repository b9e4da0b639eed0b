import { AwsFault } from "#sandbox/aws/cloud.ts";
import { checkTags, readInput } from "#sandbox/aws/eks/input.ts";
import { type Asked, operation, tagsContext } from "#sandbox/aws/eks/rest.ts";
import { type ClusterRecord, changeRecord, placeOf, type Tags } from "#sandbox/aws/eks/state.ts";

export const tagOperations = [
  operation("GET /tags/*", (asked) => {
    asked.allow("eks:ListTagsForResource", asked.part(0));
    return { tags: findTagged(asked).tags };
  }),
  operation("POST /tags/*", (asked) => {
    asked.allow("eks:TagResource", asked.part(0), tagsContext(asked.body));
    const { tags, change } = findTagged(asked);
    change({ ...tags, ...checkTags(readInput(asked.body).pairs("tags")) });
    return {};
  }),
  operation("DELETE /tags/*", (asked) => {
    const keys = asked.queries.getAll("tagKeys");
    asked.allow("eks:UntagResource", asked.part(0), { "aws:TagKeys": keys });
    const { tags, change } = findTagged(asked);
    change(Object.fromEntries(Object.entries(tags).filter(([key]) => !keys.includes(key))));
    return {};
  }),
];

interface Tagged {
  readonly tags: Tags;
  change(tags: Tags): void;
}

/** @throws AwsFault NotFoundException */
function findTagged({ cloud, account, region, part }: Asked): Tagged {
  const arn = part(0);
  const place = placeOf(cloud, account, region);
  const name = /^arn:aws:eks:[^:]+:\d+:[a-z-]+\/([^/]+)/.exec(arn)?.[1] ?? "";
  const record = place.state.clusters[name];
  const found = record === undefined ? undefined : findIn(record, arn);
  if (found === undefined) throw new AwsFault("NotFoundException", `No resource found for ARN: ${arn}`, 404);
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
