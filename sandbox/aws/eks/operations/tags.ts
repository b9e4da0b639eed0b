import { AwsFault } from "#sandbox/aws/cloud.ts";
import { checkTags, readInput } from "#sandbox/aws/eks/input.ts";
import { type Asked, operation, tagsContext } from "#sandbox/aws/eks/rest.ts";
import { placeOf } from "#sandbox/aws/eks/state.ts";
import { findTagged, type Tagged } from "#sandbox/aws/eks/tags.ts";

export const tagOperations = [
  operation("GET /tags/*", (asked) => {
    asked.allow("eks:ListTagsForResource", asked.part(0));
    return { tags: taggedOf(asked).tags };
  }),
  operation("POST /tags/*", (asked) => {
    asked.allow("eks:TagResource", asked.part(0), tagsContext(asked.body));
    const { tags, change } = taggedOf(asked);
    change({ ...tags, ...checkTags(readInput(asked.body).pairs("tags")) });
    return {};
  }),
  operation("DELETE /tags/*", (asked) => {
    const keys = asked.queries.getAll("tagKeys");
    asked.allow("eks:UntagResource", asked.part(0), { "aws:TagKeys": keys });
    const { tags, change } = taggedOf(asked);
    change(Object.fromEntries(Object.entries(tags).filter(([key]) => !keys.includes(key))));
    return {};
  }),
];

/** @throws AwsFault NotFoundException */
function taggedOf({ cloud, account, region, part }: Asked): Tagged {
  const arn = part(0);
  const found = findTagged(placeOf(cloud, account, region), arn);
  if (found === undefined) throw new AwsFault("NotFoundException", `No resource found for ARN: ${arn}`, 404);
  return found;
}
