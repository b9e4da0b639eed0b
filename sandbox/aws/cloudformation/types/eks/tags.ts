import {
  type ResourceContext,
  resourceContext,
  tagChanges,
  tagContext,
  tagList,
} from "#sandbox/aws/cloudformation/types/type.ts";
import { placeOf, type Tags } from "#sandbox/aws/eks/state.ts";
import { findTagged } from "#sandbox/aws/eks/tags.ts";

/** Gives a thing of a cluster exactly these tags; only what differs is asked for and sent. */
export function changeEksTags(context: ResourceContext, arn: string, after: Tags): void {
  const found = findTagged(placeOf(context), arn);
  if (found === undefined) return;
  const { add, remove } = tagChanges(found.tags, after);
  const known = resourceContext(found.tags);
  if (Object.keys(add).length > 0) context.allow("eks:TagResource", arn, { ...known, ...tagContext(tagList(add)) });
  if (remove.length > 0) context.allow("eks:UntagResource", arn, { ...known, "aws:TagKeys": remove });
  if (Object.keys(add).length > 0 || remove.length > 0) found.change(after);
}
