import { AwsFault } from "#sandbox/aws/cloud.ts";
import { type Item, type NetworkState, networkOf, newId } from "#sandbox/aws/cloudformation/ec2/network.ts";
import {
  allowTagChanges,
  defineType,
  mergeTags,
  type ResourceContext,
  type ResourceType,
  tagContext,
  tagList,
  tagRecord,
} from "#sandbox/aws/cloudformation/types/type.ts";
import { resourceTags } from "#sandbox/aws/policy/context.ts";
import type { Json, JsonObject } from "#sandbox/json.ts";

/** A kind of thing that EC2 keeps under an id, with tags. */
export interface Kind<Thing extends Item> {
  readonly things: (state: NetworkState) => Record<string, Thing>;
  /** Of ids. */
  readonly prefix: string;
  /** In ARNs. */
  readonly resource: string;
  /** In messages. */
  readonly noun: string;
  /** Code of the error for an id that does not exist. */
  readonly missing: string;
}

function kind<Thing extends Item>(
  things: Kind<Thing>["things"],
  prefix: string,
  resource: string,
  noun: string,
  missing: string,
): Kind<Thing> {
  return { things, prefix, resource, noun, missing };
}

export const kinds = {
  address: kind((state) => state.addresses, "eipalloc", "elastic-ip", "allocation", "InvalidAllocationID.NotFound"),
  gateway: kind(
    (state) => state.gateways,
    "igw",
    "internet-gateway",
    "internetGateway",
    "InvalidInternetGatewayID.NotFound",
  ),
  launchTemplate: kind(
    // A state that an older sandbox has saved has none.
    (state) => (state.launchTemplates ??= {}),
    "lt",
    "launch-template",
    "launchTemplate",
    "InvalidLaunchTemplateId.NotFound",
  ),
  natGateway: kind((state) => state.natGateways, "nat", "natgateway", "NatGateway", "NatGatewayNotFound"),
  routeTable: kind((state) => state.routeTables, "rtb", "route-table", "routeTable", "InvalidRouteTableID.NotFound"),
  subnet: kind((state) => state.subnets, "subnet", "subnet", "subnet", "InvalidSubnetID.NotFound"),
  vpc: kind((state) => state.vpcs, "vpc", "vpc", "vpc", "InvalidVpcID.NotFound"),
};

export function stateOf({ cloud, account, region }: ResourceContext): NetworkState {
  return networkOf(cloud, account, region);
}

/** @throws AwsFault with the kind's code */
export function thingOf<Thing extends Item>(context: ResourceContext, of: Kind<Thing>, id: string): Thing {
  const found = of.things(stateOf(context))[id];
  if (found !== undefined) return found;
  throw new AwsFault(of.missing, `The ${of.noun} ID '${id}' does not exist`);
}

function arnOf({ account, region }: ResourceContext, { resource }: { readonly resource: string }, id: string): string {
  return `arn:aws:ec2:${region}:${account}:${resource}/${id}`;
}

/** @throws AwsFault UnauthorizedOperation unless the caller may do it to a thing */
export function allowOn<Thing extends Item>(
  context: ResourceContext,
  action: string,
  of: Kind<Thing>,
  { id, tags }: Item,
): void {
  context.allow(action, arnOf(context, of, id), resourceTags(tags));
}

export interface ItemType<Thing extends Item> extends Pick<ResourceType, "name" | "supports" | "seconds"> {
  readonly kind: Kind<Thing>;
  readonly actions: { readonly create: string; readonly describe: string; readonly delete: string };
  readonly attributes?: readonly string[];
  /** Which quota there is, the code of the error when it is used up, and what it is of. */
  readonly limit?: readonly [quota: "addresses" | "internetGateways" | "vpcs", code: string, what: string];
  /** What `Ref` gives. @default the id */
  ref?(thing: Thing): string;
  /** Tags of the template. @default the property `Tags` */
  tags?(properties: JsonObject): Json;
  /** @throws AwsFault for what can't be, after the leave for it has been given */
  create(context: ResourceContext, properties: JsonObject, item: Item): NoInfer<Thing>;
  read(thing: Thing, context: ResourceContext): JsonObject;
  /** What a change of properties changes in place, beside the tags. @throws AwsFault */
  update?(context: ResourceContext, thing: NoInfer<Thing>, properties: JsonObject): Partial<NoInfer<Thing>>;
  /** Gives back what it held. @throws AwsFault while it is in use */
  release?(context: ResourceContext, thing: Thing): void;
}

/** A type of a thing of EC2: permissions, quota, id and tags are the same for all of them. */
export function itemType<Thing extends Item>(type: ItemType<Thing>): ResourceType {
  const { kind: of, actions, limit, ref = ({ id }) => id, tags: given = ({ Tags = null }) => Tags } = type;
  const find = (context: ResourceContext, physicalId: string): Thing | undefined =>
    Object.values(of.things(stateOf(context))).find((thing) => ref(thing) === physicalId);
  const keep = (context: ResourceContext, thing: Thing): void => {
    of.things(stateOf(context))[thing.id] = thing;
  };
  return defineType({
    name: type.name,
    supports: type.supports,
    attributes: type.attributes ?? [],
    seconds: type.seconds,

    create(context, properties) {
      const tags = mergeTags(context, given(properties));
      // EC2 decides on both before there is an id.
      const arn = arnOf(context, of, "*");
      context.allow(actions.create, arn, tagContext(tags));
      if (tags.length > 0) {
        const creation = { "ec2:CreateAction": actions.create.replace("ec2:", "") };
        context.allow("ec2:CreateTags", arn, { ...tagContext(tags), ...creation });
      }
      const state = stateOf(context);
      if (limit !== undefined && Object.keys(of.things(state)).length >= state.quotas[limit[0]]) {
        throw new AwsFault(limit[1], `The maximum number of ${limit[2]} has been reached.`);
      }
      const thing = type.create(context, properties, { id: newId(of.prefix), tags: tagRecord(tags) });
      keep(context, thing);
      return ref(thing);
    },

    read(context, physicalId) {
      const found = find(context, physicalId);
      return found === undefined ? undefined : { ...type.read(found, context), Tags: tagList(found.tags) };
    },

    update(context, physicalId, properties) {
      const found = find(context, physicalId) ?? thingOf(context, of, physicalId);
      const tags = tagRecord(mergeTags(context, given(properties)));
      const changed = type.update?.(context, found, properties);
      const arn = arnOf(context, of, found.id);
      allowTagChanges(context.allow, arn, ["ec2:CreateTags", "ec2:DeleteTags"], found.tags, tags);
      keep(context, { ...found, ...changed, tags });
    },

    delete(context, physicalId) {
      context.allow(actions.describe, "*");
      const found = find(context, physicalId);
      if (found === undefined) return;
      allowOn(context, actions.delete, of, found);
      type.release?.(context, found);
      delete of.things(stateOf(context))[found.id];
    },
  });
}

export function dependencyViolation<Thing extends Item>({ noun }: Kind<Thing>, { id }: Item): AwsFault {
  return new AwsFault("DependencyViolation", `The ${noun} '${id}' has dependencies and cannot be deleted.`);
}
