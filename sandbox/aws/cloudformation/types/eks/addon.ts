import { given, inTemplateNames } from "#sandbox/aws/cloudformation/types/eks/common.ts";
import { partType } from "#sandbox/aws/cloudformation/types/eks/part.ts";
import { createAddon, deleteAddon, updateAddon } from "#sandbox/aws/eks/addons.ts";
import { resourceTags } from "#sandbox/aws/policy/context.ts";
import { stringAt } from "#sandbox/json.ts";

export const eksAddon = partType({
  name: "AWS::EKS::Addon",
  kind: "addons",
  supports: ["AddonName", "AddonVersion", "ClusterName", "ResolveConflicts", "Tags"],
  seconds: { create: 5, update: 5, delete: 5 },
  nameOf: ({ ClusterName, AddonName }) =>
    typeof ClusterName === "string" && typeof AddonName === "string" ? `${ClusterName}|${AddonName}` : undefined,
  resource: "addon",
  actions: { create: "eks:CreateAddon", delete: "eks:DeleteAddon" },

  place(id) {
    const [cluster = "", name = ""] = id.split("|");
    return [cluster, name];
  },

  facts: ({ addonArn, tags, status }) => ({ arn: addonArn, tags, status }),
  withTags: (part, tags) => ({ ...part, tags }),

  create(context, cluster, properties, tags) {
    createAddon(context, cluster, { ...given(properties, "AddonName", "AddonVersion"), tags });
    return `${cluster}|${stringAt(properties, "AddonName")}`;
  },

  read: ({ tags: _, ...addon }) => ({ ...inTemplateNames(addon), Arn: addon.addonArn }),

  update(context, { cluster, key, arn, tags }, properties, previous) {
    if (properties.AddonVersion === previous.AddonVersion) return;
    context.allow("eks:UpdateAddon", arn, resourceTags(tags));
    updateAddon(context, cluster, key, given(properties, "AddonVersion"));
  },

  remove: deleteAddon,
});
