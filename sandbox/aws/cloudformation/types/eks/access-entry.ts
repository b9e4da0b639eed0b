import { given, inApiNames, inTemplateNames } from "#sandbox/aws/cloudformation/types/eks/common.ts";
import { partType } from "#sandbox/aws/cloudformation/types/eks/part.ts";
import type { ResourceContext } from "#sandbox/aws/cloudformation/types/type.ts";
import { associateAccessPolicy, createAccessEntry, disassociateAccessPolicy } from "#sandbox/aws/eks/access-entries.ts";
import { findPart } from "#sandbox/aws/eks/parts.ts";
import { isObject, type JsonObject, listAt, stringAt } from "#sandbox/json.ts";

export const eksAccessEntry = partType({
  name: "AWS::EKS::AccessEntry",
  kind: "accessEntries",
  supports: [
    "AccessPolicies.AccessScope.Type",
    "AccessPolicies.PolicyArn",
    "ClusterName",
    "PrincipalArn",
    "Tags",
    "Type",
  ],
  seconds: { create: 5, update: 5, delete: 3 },
  nameOf: ({ PrincipalArn, ClusterName }) =>
    typeof PrincipalArn === "string" && typeof ClusterName === "string" ? `${PrincipalArn}|${ClusterName}` : undefined,
  resource: "access-entry",
  actions: { create: "eks:CreateAccessEntry", delete: "eks:DeleteAccessEntry" },

  place(id) {
    const [principalArn = "", cluster = ""] = id.split("|");
    return [cluster, principalArn];
  },

  facts: ({ entry: { accessEntryArn, tags } }) => ({ arn: accessEntryArn, tags }),
  withTags: (part, tags) => ({ ...part, entry: { ...part.entry, tags } }),

  create(context, cluster, properties, tags) {
    const { principalArn, accessEntryArn } = createAccessEntry(context, cluster, {
      ...given(properties, "PrincipalArn", "Type"),
      tags,
    });
    const id = `${principalArn}|${cluster}`;
    context.began(id);
    associate(context, cluster, principalArn, accessEntryArn, properties);
    return id;
  },

  read: ({ entry: { tags: _, ...entry }, policies }) => ({
    ...inTemplateNames(entry),
    AccessPolicies: policies.map(({ policyArn, accessScope }) => ({
      PolicyArn: policyArn,
      AccessScope: { Type: accessScope.type },
    })),
  }),

  update: (context, { cluster, key, arn }, properties) => associate(context, cluster, key, arn, properties),
});

/** Gives an entry exactly the policies of its properties. */
function associate(
  context: ResourceContext,
  cluster: string,
  principalArn: string,
  arn: string,
  properties: JsonObject,
): void {
  const before = findPart(context, cluster, "accessEntries", principalArn).policies.map(({ policyArn }) => policyArn);
  const wanted = listAt(properties, "AccessPolicies").filter(isObject);
  const arns = wanted.map((policy) => stringAt(policy, "PolicyArn"));
  for (const policyArn of before.filter((one) => !arns.includes(one))) {
    context.allow("eks:DisassociateAccessPolicy", arn);
    disassociateAccessPolicy(context, cluster, principalArn, policyArn);
  }
  for (const policy of wanted) {
    if (before.includes(stringAt(policy, "PolicyArn"))) continue;
    context.allow("eks:AssociateAccessPolicy", arn);
    associateAccessPolicy(context, cluster, principalArn, inApiNames(policy) as JsonObject);
  }
}
