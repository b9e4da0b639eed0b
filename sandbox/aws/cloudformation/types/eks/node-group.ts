import { isDeepStrictEqual } from "node:util";
import { networkOf } from "#sandbox/aws/cloudformation/ec2/network.ts";
import { allowPassing, given, ownTags, settle, tryFind } from "#sandbox/aws/cloudformation/types/eks/common.ts";
import { changeEksTags } from "#sandbox/aws/cloudformation/types/eks/tags.ts";
import {
  defineType,
  type ResourceContext,
  resourceContext,
  tagContext,
  tagList,
} from "#sandbox/aws/cloudformation/types/type.ts";
import {
  createNodeGroup,
  deleteNodeGroup,
  describeNodeGroup,
  updateNodeGroupConfig,
  updateNodeGroupVersion,
} from "#sandbox/aws/eks/node-groups.ts";
import { arnOf } from "#sandbox/aws/eks/state.ts";
import { type JsonObject, stringAt, stringsAt } from "#sandbox/json.ts";

export const eksNodegroup = defineType({
  name: "AWS::EKS::Nodegroup",
  supports: [
    "AmiType",
    "ClusterName",
    "InstanceTypes",
    "LaunchTemplate",
    "NodeRole",
    "NodegroupName",
    "ScalingConfig",
    "Subnets",
    "Tags",
    "UpdateConfig",
    "Version",
  ],
  attributes: ["ClusterName", "NodegroupName"],
  seconds: { create: 5, update: 5, delete: 5 },
  nameOf: ({ ClusterName, NodegroupName }) =>
    typeof NodegroupName === "string" ? `${String(ClusterName)}/${NodegroupName}` : undefined,

  create(context, properties) {
    const cluster = stringAt(properties, "ClusterName");
    const name = stringAt(properties, "NodegroupName") || context.generateName(63);
    const tags = ownTags(context, tagList(stringsAt(properties, "Tags")));
    const arn = arnOf(context, "cluster", cluster);
    context.allow("eks:CreateNodegroup", arn, tagContext(tagList(tags)));
    if (Object.keys(tags).length > 0) {
      context.allow("eks:TagResource", arnOf(context, "nodegroup", `${cluster}/${name}/*`), tagContext(tagList(tags)));
    }
    allowPassing(context, stringAt(properties, "NodeRole"), "eks.amazonaws.com");
    allowLaunch(context, properties);
    const names = [
      "AmiType",
      "InstanceTypes",
      "LaunchTemplate",
      "NodeRole",
      "ScalingConfig",
      "Subnets",
      "UpdateConfig",
    ];
    createNodeGroup(context, cluster, { ...given(properties, ...names, "Version"), nodegroupName: name, tags });
    return `${cluster}/${name}`;
  },

  settle: (context, id, operation) =>
    settle(context, `Nodegroup ${id}`, operation, () => tryGroup(context, id)?.status),

  readArn: (context, id) => tryGroup(context, id)?.nodegroupArn ?? arnOf(context, "nodegroup", `${id}/*`),

  read(context, id) {
    const found = tryGroup(context, id);
    if (found === undefined) return undefined;
    const { minSize, maxSize, desiredSize } = found.scalingConfig;
    return {
      Id: id,
      Arn: found.nodegroupArn,
      ClusterName: found.clusterName,
      NodegroupName: found.nodegroupName,
      AmiType: found.amiType,
      InstanceTypes: [...found.instanceTypes],
      ...(found.launchTemplate === undefined
        ? {}
        : { LaunchTemplate: { Id: found.launchTemplate.id, Version: found.launchTemplate.version } }),
      NodeRole: found.nodeRole,
      ScalingConfig: { MinSize: minSize, MaxSize: maxSize, DesiredSize: desiredSize },
      Subnets: [...found.subnets],
      UpdateConfig: { MaxUnavailable: found.updateConfig.maxUnavailable },
      Version: found.version,
      Tags: stringsOf(found.tags),
    };
  },

  async update(context, id, properties, previous) {
    const { cluster, name } = namesOf(id);
    const group = describeNodeGroup(context, cluster, name);
    changeEksTags(context, group.nodegroupArn, ownTags(context, tagList(stringsAt(properties, "Tags"))));
    const known = resourceContext(group.tags);
    const ready = () => settle(context, `Nodegroup ${id}`, "update", () => tryGroup(context, id)?.status);
    const differs = (property: string) => !isDeepStrictEqual(properties[property], previous[property]);
    if (differs("Version") || differs("LaunchTemplate")) {
      context.allow("eks:UpdateNodegroupVersion", group.nodegroupArn, known);
      allowLaunch(context, properties);
      updateNodeGroupVersion(context, cluster, name, given(properties, "LaunchTemplate", "Version"));
      await ready();
    }
    if (!["ScalingConfig", "UpdateConfig"].some(differs)) return;
    context.allow("eks:UpdateNodegroupConfig", group.nodegroupArn, known);
    updateNodeGroupConfig(context, cluster, name, given(properties, "ScalingConfig", "UpdateConfig"));
    await ready();
  },

  async delete(context, id) {
    const { cluster, name } = namesOf(id);
    const found = tryGroup(context, id);
    if (found === undefined) return;
    context.allow("eks:DeleteNodegroup", found.nodegroupArn, resourceContext(found.tags));
    if (found.status === "CREATING" || found.status === "UPDATING") {
      await settle(context, `Nodegroup ${id}`, "update", () => tryGroup(context, id)?.status);
    }
    deleteNodeGroup(context, cluster, name);
  },
});

/** EKS tries whether the caller itself could run instances from a launch template of its own. */
function allowLaunch(context: ResourceContext, properties: JsonObject): void {
  const id = stringAt(properties, "LaunchTemplate", "Id");
  const { cloud, account, region } = context;
  const found = networkOf(cloud, account, region).launchTemplates?.[id];
  if (found === undefined) return;
  const arn = (kind: string, name: string, owner = account) => `arn:aws:ec2:${region}:${owner}:${kind}/${name}`;
  const from = { "ec2:LaunchTemplate": arn("launch-template", id) };
  context.allow("ec2:RunInstances", arn("launch-template", id), { ...from, ...resourceContext(found.tags) });
  context.allow("ec2:RunInstances", arn("image", "ami-1", ""), from);
  for (const kind of ["instance", "network-interface", "security-group", "volume"]) {
    context.allow("ec2:RunInstances", arn(kind, "*"), from);
  }
}

function tryGroup(context: ResourceContext, id: string) {
  const { cluster, name } = namesOf(id);
  return tryFind(() => describeNodeGroup(context, cluster, name));
}

function namesOf(id: string): { readonly cluster: string; readonly name: string } {
  const [cluster = "", name = ""] = id.split("/");
  return { cluster, name };
}

/** Tags of a node group are a map in templates. */
function stringsOf(tags: Readonly<Record<string, string>>): JsonObject {
  return { ...tags };
}
