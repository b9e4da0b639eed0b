import { allowPassing, given, ownTags, tryFind } from "#sandbox/aws/cloudformation/types/eks/common.ts";
import { changeEksTags } from "#sandbox/aws/cloudformation/types/eks/tags.ts";
import {
  defineType,
  type ResourceContext,
  resourceContext,
  tagContext,
  tagList,
} from "#sandbox/aws/cloudformation/types/type.ts";
import {
  createPodIdentity,
  deletePodIdentity,
  describePodIdentity,
  updatePodIdentity,
} from "#sandbox/aws/eks/pod-identities.ts";
import { arnOf } from "#sandbox/aws/eks/state.ts";
import { stringAt } from "#sandbox/json.ts";

export const eksPodIdentity = defineType({
  name: "AWS::EKS::PodIdentityAssociation",
  supports: ["ClusterName", "Namespace", "RoleArn", "ServiceAccount", "Tags"],
  seconds: { create: 5, update: 5, delete: 3 },

  create(context, properties) {
    const cluster = stringAt(properties, "ClusterName");
    const tags = ownTags(context, properties.Tags);
    const arn = arnOf(context, "cluster", cluster);
    context.allow("eks:CreatePodIdentityAssociation", arn, tagContext(tagList(tags)));
    allowPassing(context, stringAt(properties, "RoleArn"), "pods.eks.amazonaws.com");
    const input = { ...given(properties, "Namespace", "RoleArn", "ServiceAccount"), tags };
    const { associationArn } = createPodIdentity(context, cluster, input);
    context.began(associationArn);
    if (Object.keys(tags).length > 0) context.allow("eks:TagResource", associationArn, tagContext(tagList(tags)));
    return associationArn;
  },

  readArn: (_, arn) => arn,

  read(context, arn) {
    const found = tryAssociation(context, arn);
    if (found === undefined) return undefined;
    return {
      AssociationArn: arn,
      AssociationId: found.associationId,
      ClusterName: found.clusterName,
      Namespace: found.namespace,
      ServiceAccount: found.serviceAccount,
      RoleArn: found.roleArn,
      DisableSessionTags: found.disableSessionTags,
      Tags: tagList(found.tags),
    };
  },

  update(context, arn, properties, previous) {
    const { cluster, id } = namesOf(arn);
    changeEksTags(context, arn, ownTags(context, properties.Tags));
    if (properties.RoleArn === previous.RoleArn) return;
    context.allow("eks:UpdatePodIdentityAssociation", arn, resourceContext(tryAssociation(context, arn)?.tags ?? {}));
    allowPassing(context, stringAt(properties, "RoleArn"), "pods.eks.amazonaws.com");
    updatePodIdentity(context, cluster, id, given(properties, "RoleArn"));
  },

  delete(context, arn) {
    const found = tryAssociation(context, arn);
    if (found === undefined) return;
    const { cluster, id } = namesOf(arn);
    context.allow("eks:DeletePodIdentityAssociation", arn, resourceContext(found.tags));
    deletePodIdentity(context, cluster, id);
  },
});

function tryAssociation(context: ResourceContext, arn: string) {
  const { cluster, id } = namesOf(arn);
  return tryFind(() => describePodIdentity(context, cluster, id));
}

function namesOf(arn: string): { readonly cluster: string; readonly id: string } {
  const [, cluster = "", id = ""] = arn.split("/");
  return { cluster, id };
}
