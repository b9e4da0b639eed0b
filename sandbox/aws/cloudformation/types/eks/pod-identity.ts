import { allowPassing, given, inTemplateNames } from "#sandbox/aws/cloudformation/types/eks/common.ts";
import { partType } from "#sandbox/aws/cloudformation/types/eks/part.ts";
import { createPodIdentity, updatePodIdentity } from "#sandbox/aws/eks/pod-identities.ts";
import { resourceTags } from "#sandbox/aws/policy/context.ts";
import { stringAt } from "#sandbox/json.ts";

export const eksPodIdentity = partType({
  name: "AWS::EKS::PodIdentityAssociation",
  kind: "podIdentities",
  supports: ["ClusterName", "Namespace", "RoleArn", "ServiceAccount", "Tags"],
  seconds: { create: 5, update: 5, delete: 3 },
  resource: "podidentityassociation",
  actions: { create: "eks:CreatePodIdentityAssociation", delete: "eks:DeletePodIdentityAssociation" },

  place(arn) {
    const [, cluster = "", id = ""] = arn.split("/");
    return [cluster, id];
  },

  facts: ({ associationArn, tags }) => ({ arn: associationArn, tags }),
  withTags: (part, tags) => ({ ...part, tags }),

  create(context, cluster, properties, tags) {
    allowPassing(context, stringAt(properties, "RoleArn"), "pods.eks.amazonaws.com");
    const input = given(properties, "Namespace", "RoleArn", "ServiceAccount");
    return createPodIdentity(context, cluster, { ...input, tags }).associationArn;
  },

  read: ({ tags: _, ...association }) => inTemplateNames(association),

  update(context, { cluster, key, arn, tags }, properties, previous) {
    if (properties.RoleArn === previous.RoleArn) return;
    context.allow("eks:UpdatePodIdentityAssociation", arn, resourceTags(tags));
    allowPassing(context, stringAt(properties, "RoleArn"), "pods.eks.amazonaws.com");
    updatePodIdentity(context, cluster, key, given(properties, "RoleArn"));
  },
});
