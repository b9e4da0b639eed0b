import { given, ownTags, settle, tryFind } from "#sandbox/aws/cloudformation/types/eks/common.ts";
import { changeEksTags } from "#sandbox/aws/cloudformation/types/eks/tags.ts";
import {
  defineType,
  type ResourceContext,
  resourceContext,
  tagContext,
  tagList,
} from "#sandbox/aws/cloudformation/types/type.ts";
import { createAddon, deleteAddon, describeAddon, updateAddon } from "#sandbox/aws/eks/addons.ts";
import { arnOf } from "#sandbox/aws/eks/state.ts";
import { stringAt } from "#sandbox/json.ts";

export const eksAddon = defineType({
  name: "AWS::EKS::Addon",
  supports: ["AddonName", "AddonVersion", "ClusterName", "ResolveConflicts", "Tags"],
  seconds: { create: 5, update: 5, delete: 5 },
  nameOf: ({ ClusterName, AddonName }) =>
    typeof ClusterName === "string" && typeof AddonName === "string" ? `${ClusterName}|${AddonName}` : undefined,

  create(context, properties) {
    const cluster = stringAt(properties, "ClusterName");
    const name = stringAt(properties, "AddonName");
    const tags = ownTags(context, properties.Tags);
    context.allow("eks:CreateAddon", arnOf(context, "cluster", cluster), tagContext(tagList(tags)));
    if (Object.keys(tags).length > 0) {
      context.allow("eks:TagResource", arnOf(context, "addon", `${cluster}/${name}/*`), tagContext(tagList(tags)));
    }
    createAddon(context, cluster, { ...given(properties, "AddonName", "AddonVersion"), tags });
    return `${cluster}|${name}`;
  },

  settle: (context, id, operation) => settle(context, `Addon ${id}`, operation, () => tryAddon(context, id)?.status),

  readArn: (context, id) => tryAddon(context, id)?.addonArn ?? arnOf(context, "addon", `${id.replace("|", "/")}/*`),

  read(context, id) {
    const found = tryAddon(context, id);
    if (found === undefined) return undefined;
    return {
      Arn: found.addonArn,
      ClusterName: found.clusterName,
      AddonName: found.addonName,
      AddonVersion: found.addonVersion,
      Tags: tagList(found.tags),
    };
  },

  async update(context, id, properties, previous) {
    const { cluster, name } = namesOf(id);
    const found = describeAddon(context, cluster, name);
    changeEksTags(context, found.addonArn, ownTags(context, properties.Tags));
    if (properties.AddonVersion === previous.AddonVersion) return;
    context.allow("eks:UpdateAddon", found.addonArn, resourceContext(found.tags));
    updateAddon(context, cluster, name, given(properties, "AddonVersion"));
    await settle(context, `Addon ${id}`, "update", () => tryAddon(context, id)?.status);
  },

  delete(context, id) {
    const { cluster, name } = namesOf(id);
    const found = tryAddon(context, id);
    if (found === undefined) return;
    context.allow("eks:DeleteAddon", found.addonArn, resourceContext(found.tags));
    deleteAddon(context, cluster, name);
  },
});

function tryAddon(context: ResourceContext, id: string) {
  const { cluster, name } = namesOf(id);
  return tryFind(() => describeAddon(context, cluster, name));
}

function namesOf(id: string): { readonly cluster: string; readonly name: string } {
  const [cluster = "", name = ""] = id.split("|");
  return { cluster, name };
}
