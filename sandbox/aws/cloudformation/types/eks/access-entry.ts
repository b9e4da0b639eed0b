import { eksArn, given, inApiNames, ownTags, tryFind } from "#sandbox/aws/cloudformation/types/eks/common.ts";
import { changeEksTags } from "#sandbox/aws/cloudformation/types/eks/tags.ts";
import { defineType, type ResourceContext, tagContext, tagList } from "#sandbox/aws/cloudformation/types/type.ts";
import {
  associateAccessPolicy,
  createAccessEntry,
  deleteAccessEntry,
  describeAccessEntry,
  disassociateAccessPolicy,
  listAssociatedAccessPolicies,
  updateAccessEntry,
} from "#sandbox/aws/eks/access-entries.ts";
import { isObject, type JsonObject, listAt, stringAt } from "#sandbox/json.ts";

export const eksAccessEntry = defineType({
  name: "AWS::EKS::AccessEntry",
  supports: ["AccessPolicies", "ClusterName", "KubernetesGroups", "PrincipalArn", "Tags", "Type", "Username"],
  seconds: { create: 5, update: 5, delete: 3 },
  nameOf: ({ PrincipalArn, ClusterName }) =>
    typeof PrincipalArn === "string" && typeof ClusterName === "string" ? `${PrincipalArn}|${ClusterName}` : undefined,

  create(context, properties) {
    const { cloud, account, region } = context;
    const cluster = stringAt(properties, "ClusterName");
    const principalArn = stringAt(properties, "PrincipalArn");
    const tags = ownTags(context, properties.Tags);
    const arn = eksArn(context, "cluster", cluster);
    context.allow("eks:CreateAccessEntry", arn, tagContext(tagList(tags)));
    const input = given(properties, "KubernetesGroups", "PrincipalArn", "Type", "Username");
    const { accessEntryArn } = createAccessEntry(cloud, account, region, cluster, { ...input, tags });
    if (Object.keys(tags).length > 0) context.allow("eks:TagResource", accessEntryArn, tagContext(tagList(tags)));
    const id = `${principalArn}|${cluster}`;
    context.began(id);
    associate(context, cluster, principalArn, accessEntryArn, properties);
    return id;
  },

  readArn: (context, id) =>
    stringAt(eksAccessEntry.read(context, id, {}), "AccessEntryArn") ||
    eksArn(context, "access-entry", `${id.split("|")[1]}/*`),

  read(context, id) {
    const { cloud, account, region } = context;
    const [principalArn = "", cluster = ""] = id.split("|");
    const entry = tryFind(() => describeAccessEntry(cloud, account, region, cluster, principalArn));
    if (entry === undefined) return undefined;
    const policies = listAssociatedAccessPolicies(cloud, account, region, cluster, principalArn);
    return {
      AccessEntryArn: entry.accessEntryArn,
      ClusterName: cluster,
      PrincipalArn: principalArn,
      Type: entry.type,
      Username: entry.username,
      KubernetesGroups: [...entry.kubernetesGroups],
      AccessPolicies: policies.map(({ policyArn, accessScope: { type, namespaces } }) => ({
        PolicyArn: policyArn,
        AccessScope: { Type: type, ...(type === "namespace" ? { Namespaces: [...namespaces] } : {}) },
      })),
      Tags: tagList(entry.tags),
    };
  },

  update(context, id, properties, previous) {
    const { cloud, account, region } = context;
    const [principalArn = "", cluster = ""] = id.split("|");
    const entry = describeAccessEntry(cloud, account, region, cluster, principalArn);
    const changed = ["KubernetesGroups", "Username"].some(
      (name) => JSON.stringify(properties[name]) !== JSON.stringify(previous[name]),
    );
    if (changed) {
      context.allow("eks:UpdateAccessEntry", entry.accessEntryArn);
      updateAccessEntry(
        cloud,
        account,
        region,
        cluster,
        principalArn,
        given(properties, "KubernetesGroups", "Username"),
      );
    }
    associate(context, cluster, principalArn, entry.accessEntryArn, properties);
    changeEksTags(context, entry.accessEntryArn, ownTags(context, properties.Tags));
  },

  delete(context, id) {
    const { cloud, account, region } = context;
    const [principalArn = "", cluster = ""] = id.split("|");
    const entry = tryFind(() => describeAccessEntry(cloud, account, region, cluster, principalArn));
    if (entry === undefined) return;
    context.allow("eks:DeleteAccessEntry", entry.accessEntryArn);
    deleteAccessEntry(cloud, account, region, cluster, principalArn);
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
  const { cloud, account, region } = context;
  const before = listAssociatedAccessPolicies(cloud, account, region, cluster, principalArn);
  const wanted = listAt(properties, "AccessPolicies").filter(isObject);
  const arns = wanted.map((policy) => stringAt(policy, "PolicyArn"));
  for (const { policyArn } of before.filter((policy) => !arns.includes(policy.policyArn))) {
    context.allow("eks:DisassociateAccessPolicy", arn);
    disassociateAccessPolicy(cloud, account, region, cluster, principalArn, policyArn);
  }
  for (const policy of wanted) {
    const scope = inApiNames(policy.AccessScope);
    const found = before.find(({ policyArn }) => policyArn === stringAt(policy, "PolicyArn"));
    if (found !== undefined && found.accessScope.type === stringAt(scope, "type")) {
      if (JSON.stringify(found.accessScope.namespaces) === JSON.stringify(listAt(scope, "namespaces"))) continue;
    }
    context.allow("eks:AssociateAccessPolicy", arn);
    const input = { policyArn: stringAt(policy, "PolicyArn"), accessScope: scope };
    associateAccessPolicy(cloud, account, region, cluster, principalArn, input);
  }
}
