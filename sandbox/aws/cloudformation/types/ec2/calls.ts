import { AwsFault } from "#sandbox/aws/cloud.ts";
import { type NetworkState, networkOf, type Subnet, type Vpc } from "#sandbox/aws/cloudformation/ec2/network.ts";
import {
  mergeTags,
  type ResourceContext,
  resourceContext,
  tagChanges,
  tagContext,
  tagRecord,
} from "#sandbox/aws/cloudformation/types/type.ts";
import type { Json, JsonObject } from "#sandbox/json.ts";

/** A resource of EC2 as decisions know it: its kind in ARNs, its id and its tags. */
export interface Target {
  readonly kind: string;
  readonly id: string;
  readonly tags: Readonly<Record<string, string>>;
}

export function stateOf({ cloud, account, region }: ResourceContext): NetworkState {
  return networkOf(cloud, account, region);
}

function arnOf({ account, region }: ResourceContext, kind: string, id: string): string {
  return `arn:aws:ec2:${region}:${account}:${kind}/${id}`;
}

/** @throws AwsFault UnauthorizedOperation unless the caller may do it to each of the targets */
export function allowOn(context: ResourceContext, action: string, ...targets: readonly Target[]): void {
  for (const { kind, id, tags } of targets) {
    context.allow(`ec2:${action}`, arnOf(context, kind, id), resourceContext(tags));
  }
}

/**
 * Leave for something new, and for its tags; EC2 decides on both before there is an id.
 *
 * @returns its tags
 */
export function allowNew(
  context: ResourceContext,
  action: string,
  kind: string,
  given: Json | undefined,
): Record<string, string> {
  const tags = mergeTags(context, given);
  const arn = arnOf(context, kind, "*");
  context.allow(`ec2:${action}`, arn, tagContext(tags));
  if (tags.length > 0) context.allow("ec2:CreateTags", arn, { ...tagContext(tags), "ec2:CreateAction": action });
  return tagRecord(tags);
}

/** Tags after an update; only what differs is sent. */
export function changedTags(
  context: ResourceContext,
  kind: string,
  item: { readonly id: string; readonly tags: Readonly<Record<string, string>> },
  properties: JsonObject,
): Record<string, string> {
  const after = tagRecord(mergeTags(context, properties.Tags));
  const { add, remove } = tagChanges(item.tags, after);
  const arn = arnOf(context, kind, item.id);
  const known = resourceContext(item.tags);
  const added = Object.entries(add).map(([Key, Value]) => ({ Key, Value }));
  if (added.length > 0) context.allow("ec2:CreateTags", arn, { ...known, ...tagContext(added) });
  if (remove.length > 0) context.allow("ec2:DeleteTags", arn, { ...known, "aws:TagKeys": remove });
  return after;
}

/** @throws AwsFault InvalidVpcID.NotFound */
export function vpcOf(context: ResourceContext, id: string): Vpc {
  const found = stateOf(context).vpcs[id];
  if (found === undefined) throw new AwsFault("InvalidVpcID.NotFound", `The vpc ID '${id}' does not exist`);
  return found;
}

/** @throws AwsFault InvalidSubnetID.NotFound */
export function subnetOf(context: ResourceContext, id: string): Subnet {
  const found = stateOf(context).subnets[id];
  if (found === undefined) throw new AwsFault("InvalidSubnetID.NotFound", `The subnet ID '${id}' does not exist`);
  return found;
}

/** @param name as EC2 calls it: `vpc`, `subnet`, `routeTable` */
export function dependencyViolation(name: string, id: string): AwsFault {
  return new AwsFault("DependencyViolation", `The ${name} '${id}' has dependencies and cannot be deleted.`);
}

export const targetOf = {
  vpc: ({ id, tags }: Omit<Target, "kind">): Target => ({ kind: "vpc", id, tags }),
  subnet: ({ id, tags }: Omit<Target, "kind">): Target => ({ kind: "subnet", id, tags }),
  gateway: ({ id, tags }: Omit<Target, "kind">): Target => ({ kind: "internet-gateway", id, tags }),
  routeTable: ({ id, tags }: Omit<Target, "kind">): Target => ({ kind: "route-table", id, tags }),
  address: ({ id, tags }: Omit<Target, "kind">): Target => ({ kind: "elastic-ip", id, tags }),
  natGateway: ({ id, tags }: Omit<Target, "kind">): Target => ({ kind: "natgateway", id, tags }),
  launchTemplate: ({ id, tags }: Omit<Target, "kind">): Target => ({ kind: "launch-template", id, tags }),
  securityGroup: ({ id, tags }: Omit<Target, "kind">): Target => ({ kind: "security-group", id, tags }),
};
