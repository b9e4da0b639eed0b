import { given, inApiNames, ownTags, tryFind } from "#sandbox/aws/cloudformation/types/eks/common.ts";
import { changeEksTags } from "#sandbox/aws/cloudformation/types/eks/tags.ts";
import { defineType, type ResourceContext, tagContext, tagList } from "#sandbox/aws/cloudformation/types/type.ts";
import {
  associateAccessPolicy,
  createAccessEntry,
  deleteAccessEntry,
  describeAccessEntry,
  disassociateAccessPolicy,
  listAssociatedAccessPolicies,
} from "#sandbox/aws/eks/access-entries.ts";
import { arnOf } from "#sandbox/aws/eks/state.ts";
import { isObject, type JsonObject, listAt, stringAt } from "#sandbox/json.ts";

export const eksAccessEntry = defineType({
  name: "AWS::EKS::AccessEntry",
  supports: ["AccessPolicies", "ClusterName", "PrincipalArn", "Tags", "Type"],
  seconds: { create: 5, update: 5, delete: 3 },
  nameOf: ({ PrincipalArn, ClusterName }) =>
    typeof PrincipalArn === "string" && typeof ClusterName === "string" ? `${PrincipalArn}|${ClusterName}` : undefined,

  create(context, properties) {
    const cluster = stringAt(properties, "ClusterName");
    const principalArn = stringAt(properties, "PrincipalArn");
    const tags = ownTags(context, properties.Tags);
    const arn = arnOf(context, "cluster", cluster);
    context.allow("eks:CreateAccessEntry", arn, tagContext(tagList(tags)));
    const input = given(properties, "PrincipalArn", "Type");
    const { accessEntryArn } = createAccessEntry(context, cluster, { ...input, tags });
    if (Object.keys(tags).length > 0) context.allow("eks:TagResource", accessEntryArn, tagContext(tagList(tags)));
    const id = `${principalArn}|${cluster}`;
    context.began(id);
    associate(context, cluster, principalArn, accessEntryArn, properties);
    return id;
  },

  readArn: (context, id) =>
    stringAt(eksAccessEntry.read(context, id, {}), "AccessEntryArn") ||
    arnOf(context, "access-entry", `${id.split("|")[1]}/*`),

  read(context, id) {
    const [principalArn = "", cluster = ""] = id.split("|");
    const entry = tryFind(() => describeAccessEntry(context, cluster, principalArn));
    if (entry === undefined) return undefined;
    const policies = listAssociatedAccessPolicies(context, cluster, principalArn);
    return {
      AccessEntryArn: entry.accessEntryArn,
      ClusterName: cluster,
      PrincipalArn: principalArn,
      Type: entry.type,
      Username: entry.username,
      AccessPolicies: policies.map(({ policyArn, accessScope }) => ({
        PolicyArn: policyArn,
        AccessScope: { Type: accessScope.type },
      })),
      Tags: tagList(entry.tags),
    };
  },

  update(context, id, properties) {
    const [principalArn = "", cluster = ""] = id.split("|");
    const entry = describeAccessEntry(context, cluster, principalArn);
    associate(context, cluster, principalArn, entry.accessEntryArn, properties);
    changeEksTags(context, entry.accessEntryArn, ownTags(context, properties.Tags));
  },

  delete(context, id) {
    const [principalArn = "", cluster = ""] = id.split("|");
    const entry = tryFind(() => describeAccessEntry(context, cluster, principalArn));
    if (entry === undefined) return;
    context.allow("eks:DeleteAccessEntry", entry.accessEntryArn);
    deleteAccessEntry(context, cluster, principalArn);
  },
});

/** Gives an entry exactly the policies of its properties. */
function associate(
  context: ResourceContext,
  cluster: string,
  principalArn: string,
  arn: string,
  properties: JsonObject,
): void {
  const before = listAssociatedAccessPolicies(context, cluster, principalArn);
  const wanted = listAt(properties, "AccessPolicies").filter(isObject);
  const arns = wanted.map((policy) => stringAt(policy, "PolicyArn"));
  for (const { policyArn } of before.filter((policy) => !arns.includes(policy.policyArn))) {
    context.allow("eks:DisassociateAccessPolicy", arn);
    disassociateAccessPolicy(context, cluster, principalArn, policyArn);
  }
  for (const policy of wanted) {
    if (before.some(({ policyArn }) => policyArn === stringAt(policy, "PolicyArn"))) continue;
    context.allow("eks:AssociateAccessPolicy", arn);
    const input = { policyArn: stringAt(policy, "PolicyArn"), accessScope: inApiNames(policy.AccessScope) };
    associateAccessPolicy(context, cluster, principalArn, input);
  }
}
