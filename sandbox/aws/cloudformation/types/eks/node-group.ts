import { isDeepStrictEqual } from "node:util";
import { networkOf } from "#sandbox/aws/cloudformation/ec2/network.ts";
import { allowPassing, given, inTemplateNames } from "#sandbox/aws/cloudformation/types/eks/common.ts";
import { partType } from "#sandbox/aws/cloudformation/types/eks/part.ts";
import { type ResourceContext, tagList } from "#sandbox/aws/cloudformation/types/type.ts";
import {
  createNodeGroup,
  deleteNodeGroup,
  updateNodeGroupConfig,
  updateNodeGroupVersion,
} from "#sandbox/aws/eks/node-groups.ts";
import { resourceTags } from "#sandbox/aws/policy/context.ts";
import { type JsonObject, stringAt, stringsAt } from "#sandbox/json.ts";

const input = [
  "AmiType",
  "InstanceTypes",
  "LaunchTemplate",
  "NodeRole",
  "ScalingConfig",
  "Subnets",
  "UpdateConfig",
  "Version",
];

export const eksNodegroup = partType({
  name: "AWS::EKS::Nodegroup",
  kind: "nodeGroups",
  supports: [
    "AmiType",
    "ClusterName",
    "InstanceTypes",
    "LaunchTemplate.Id",
    "LaunchTemplate.Version",
    "NodeRole",
    "NodegroupName",
    "ScalingConfig",
    "Subnets",
    "Tags",
    "UpdateConfig.MaxUnavailable",
    "Version",
  ],
  attributes: ["ClusterName", "NodegroupName"],
  seconds: { create: 5, update: 5, delete: 5 },
  nameOf: ({ ClusterName, NodegroupName }) =>
    typeof NodegroupName === "string" ? `${String(ClusterName)}/${NodegroupName}` : undefined,
  resource: "nodegroup",
  actions: { create: "eks:CreateNodegroup", delete: "eks:DeleteNodegroup" },

  place(id) {
    const [cluster = "", name = ""] = id.split("/");
    return [cluster, name];
  },

  facts: ({ nodegroupArn, tags, status }) => ({ arn: nodegroupArn, tags, status }),
  withTags: (part, tags) => ({ ...part, tags }),
  // A map in templates.
  tagsOf: (properties) => tagList(stringsAt(properties, "Tags")),

  create(context, cluster, properties, tags) {
    const nodegroupName = stringAt(properties, "NodegroupName") || context.generateName(63);
    allowPassing(context, stringAt(properties, "NodeRole"), "eks.amazonaws.com");
    allowLaunch(context, properties);
    createNodeGroup(context, cluster, { ...given(properties, ...input), nodegroupName, tags });
    return `${cluster}/${nodegroupName}`;
  },

  read: (group) => ({
    ...inTemplateNames(group),
    Id: `${group.clusterName}/${group.nodegroupName}`,
    Arn: group.nodegroupArn,
    Tags: { ...group.tags },
  }),

  async update(context, { cluster, key, arn, tags }, properties, previous, changed) {
    const known = resourceTags(tags);
    const differs = (property: string) => !isDeepStrictEqual(properties[property], previous[property]);
    if (differs("Version") || differs("LaunchTemplate")) {
      context.allow("eks:UpdateNodegroupVersion", arn, known);
      allowLaunch(context, properties);
      updateNodeGroupVersion(context, cluster, key, given(properties, "LaunchTemplate", "Version"));
      await changed();
    }
    if (!["ScalingConfig", "UpdateConfig"].some(differs)) return;
    context.allow("eks:UpdateNodegroupConfig", arn, known);
    updateNodeGroupConfig(context, cluster, key, given(properties, "ScalingConfig", "UpdateConfig"));
  },

  remove: deleteNodeGroup,
});

/** EKS tries whether the caller itself could run instances from a launch template of its own. */
function allowLaunch(context: ResourceContext, properties: JsonObject): void {
  const id = stringAt(properties, "LaunchTemplate", "Id");
  const { cloud, account, region } = context;
  const found = networkOf(cloud, account, region).launchTemplates?.[id];
  if (found === undefined) return;
  const arn = (kind: string, name: string, owner = account) => `arn:aws:ec2:${region}:${owner}:${kind}/${name}`;
  const from = { "ec2:LaunchTemplate": arn("launch-template", id) };
  context.allow("ec2:RunInstances", arn("launch-template", id), { ...from, ...resourceTags(found.tags) });
  context.allow("ec2:RunInstances", arn("image", "ami-1", ""), from);
  for (const kind of ["instance", "network-interface", "security-group", "volume"]) {
    context.allow("ec2:RunInstances", arn(kind, "*"), from);
  }
}
