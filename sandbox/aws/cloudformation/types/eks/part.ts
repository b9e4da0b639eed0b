import { ownTags, settle } from "#sandbox/aws/cloudformation/types/eks/common.ts";
import {
  allowTagChanges,
  defineType,
  type ResourceContext,
  type ResourceType,
  tagContext,
  tagList,
  tryFind,
} from "#sandbox/aws/cloudformation/types/type.ts";
import { dropPart, findPart, keepPart, type Part, type PartOf } from "#sandbox/aws/eks/parts.ts";
import { arnOf, placeOf, type Tags } from "#sandbox/aws/eks/state.ts";
import { resourceTags } from "#sandbox/aws/policy/context.ts";
import { type Json, type JsonObject, stringAt } from "#sandbox/json.ts";

type Own = "name" | "supports" | "seconds";

export interface PartType<Kind extends Part> extends Pick<ResourceType, Own>, Partial<Pick<ResourceType, "nameOf">> {
  readonly kind: Kind;
  readonly attributes?: readonly string[];
  /** In ARNs. */
  readonly resource: string;
  readonly actions: { readonly create: string; readonly delete: string };
  /** Where it is, by what `Ref` gives. */
  place(id: string): readonly [cluster: string, key: string];
  /** What all kinds have, wherever they have it. */
  facts(part: PartOf<Kind>): { readonly arn: string; readonly tags: Tags; readonly status?: string };
  withTags(part: PartOf<Kind>, tags: Tags): PartOf<Kind>;
  /** Tags as the template gives them. @default the property `Tags` */
  tagsOf?(properties: JsonObject): Json | undefined;
  /** @returns what `Ref` gives @throws AwsFault */
  create(context: ResourceContext, cluster: string, properties: JsonObject, tags: Tags): string;
  read(part: PartOf<Kind>): JsonObject;
  /** @param changed for changes by several calls: resolves when one is done @throws AwsFault */
  update(
    context: ResourceContext,
    at: { readonly cluster: string; readonly key: string; readonly arn: string; readonly tags: Tags },
    properties: JsonObject,
    previous: JsonObject,
    changed: () => Promise<void>,
  ): void | Promise<void>;
  /** @default it is gone at once */
  remove?(context: ResourceContext, cluster: string, key: string): void;
}

/** A type of something that belongs to a cluster: its permissions, its tags and its states are the same for all of them. */
export function partType<Kind extends Part>(type: PartType<Kind>): ResourceType {
  const { kind, resource, actions, place, facts, tagsOf = ({ Tags }) => Tags } = type;
  const find = (context: ResourceContext, id: string): PartOf<Kind> | undefined =>
    tryFind("ResourceNotFoundException", () => findPart(context, ...keysOf(id)));
  const keysOf = (id: string): readonly [cluster: string, kind: Kind, key: string] => {
    const [cluster, key] = place(id);
    return [cluster, kind, key];
  };
  /** Ends in what EKS makes up. */
  const openArn = (context: ResourceContext, cluster: string) => arnOf(context, resource, `${cluster}/*`);
  const ready = async (context: ResourceContext, id: string, operation: "create" | "update" | "delete") => {
    const status = () => {
      const found = find(context, id);
      return found === undefined ? undefined : (facts(found).status ?? "ACTIVE");
    };
    await settle(context, `${type.name} ${id}`, operation, status);
  };
  return defineType({
    name: type.name,
    supports: type.supports,
    attributes: type.attributes ?? [],
    seconds: type.seconds,
    ...(type.nameOf === undefined ? {} : { nameOf: type.nameOf }),

    create(context, properties) {
      const cluster = stringAt(properties, "ClusterName");
      const tags = ownTags(context, tagsOf(properties));
      const tagged = tagContext(tagList(tags));
      context.allow(actions.create, arnOf(context, "cluster", cluster), tagged);
      if (Object.keys(tags).length > 0) context.allow("eks:TagResource", openArn(context, cluster), tagged);
      return type.create(context, cluster, properties, tags);
    },

    settle: ready,

    readArn(context, id) {
      const found = find(context, id);
      return found === undefined ? openArn(context, place(id)[0]) : facts(found).arn;
    },

    read(context, id) {
      const found = find(context, id);
      return found === undefined ? undefined : { Tags: tagList(facts(found).tags), ...type.read(found) };
    },

    async update(context, id, properties, previous) {
      const part = findPart(context, ...keysOf(id));
      const [cluster, key] = place(id);
      const { arn, tags } = facts(part);
      const wanted = ownTags(context, tagsOf(properties));
      allowTagChanges(context.allow, arn, ["eks:TagResource", "eks:UntagResource"], tags, wanted);
      keepPart(placeOf(context), ...keysOf(id), type.withTags(part, wanted));
      await type.update(context, { cluster, key, arn, tags }, properties, previous, () => ready(context, id, "update"));
    },

    async delete(context, id) {
      const found = find(context, id);
      if (found === undefined) return;
      const { arn, tags, status } = facts(found);
      context.allow(actions.delete, arn, resourceTags(tags));
      // EKS refuses to delete what is being created or updated; CloudFormation waits.
      if (status === "CREATING" || status === "UPDATING") await ready(context, id, "update");
      if (type.remove === undefined) dropPart(placeOf(context), ...keysOf(id));
      else type.remove(context, ...place(id));
    },
  });
}
