import { isDeepStrictEqual } from "node:util";
import { allowPassing, given, inTemplateNames, ownTags, settle } from "#sandbox/aws/cloudformation/types/eks/common.ts";
import { allowUseOfKey } from "#sandbox/aws/cloudformation/types/kms/key.ts";
import {
  allowTagChanges,
  defineType,
  type ResourceContext,
  tagContext,
  tagList,
  tryFind,
} from "#sandbox/aws/cloudformation/types/type.ts";
import { updateClusterConfig, updateClusterVersion } from "#sandbox/aws/eks/cluster-updates.ts";
import { createCluster, deleteCluster, describeCluster } from "#sandbox/aws/eks/clusters.ts";
import { arnOf, type Cluster, changeCluster, placeOf } from "#sandbox/aws/eks/state.ts";
import { resourceTags } from "#sandbox/aws/policy/context.ts";
import { type JsonObject, listAt, stringAt } from "#sandbox/json.ts";

export const eksCluster = defineType({
  name: "AWS::EKS::Cluster",
  supports: [
    "AccessConfig",
    "BootstrapSelfManagedAddons",
    "ComputeConfig",
    "EncryptionConfig",
    "KubernetesNetworkConfig.ElasticLoadBalancing",
    "KubernetesNetworkConfig.IpFamily",
    "KubernetesNetworkConfig.ServiceIpv4Cidr",
    "Logging",
    "Name",
    "ResourcesVpcConfig.EndpointPrivateAccess",
    "ResourcesVpcConfig.EndpointPublicAccess",
    "ResourcesVpcConfig.PublicAccessCidrs",
    "ResourcesVpcConfig.SubnetIds",
    "RoleArn",
    "StorageConfig",
    "Tags",
    "UpgradePolicy",
    "Version",
  ],
  // EKS itself takes the time; CloudFormation waits for it.
  seconds: { create: 5, update: 5, delete: 5 },
  nameOf: ({ Name }) => (typeof Name === "string" ? Name : undefined),

  create(context, properties) {
    const { caller } = context;
    const name = stringAt(properties, "Name") || context.generateName(100);
    const tags = ownTags(context, properties.Tags);
    const arn = arnOf(context, "cluster", name);
    context.allow("eks:CreateCluster", arn, tagContext(tagList(tags)));
    if (Object.keys(tags).length > 0) context.allow("eks:TagResource", arn, tagContext(tagList(tags)));
    allowPassing(context, stringAt(properties, "RoleArn"), "eks.amazonaws.com");
    const nodeRole = stringAt(properties, "ComputeConfig", "NodeRoleArn");
    if (nodeRole !== "") allowPassing(context, nodeRole, "eks.amazonaws.com");
    for (const config of listAt(properties, "EncryptionConfig")) {
      allowUseOfKey(context, stringAt(config, "Provider", "KeyArn"));
    }
    context.allow("ec2:DescribeSubnets", "*");
    createCluster(context, { ...inputOf(properties), name, tags }, caller.principal);
    return name;
  },

  settle: (context, name, operation) =>
    settle(context, `Cluster ${name}`, operation, () => tryCluster(context, name)?.status),

  readArn: (context, name) => arnOf(context, "cluster", name),

  read(context, name) {
    const found = tryCluster(context, name);
    return found === undefined ? undefined : propertiesOf(found);
  },

  async update(context, name, properties, previous) {
    const { arn, tags } = describeCluster(context, name);
    const wanted = ownTags(context, properties.Tags);
    allowTagChanges(context.allow, arn, ["eks:TagResource", "eks:UntagResource"], tags, wanted);
    changeCluster(placeOf(context), name, { tags: wanted });
    if (properties.Version !== undefined && properties.Version !== describeCluster(context, name).version) {
      context.allow("eks:UpdateClusterVersion", arn, resourceTags(wanted));
      updateClusterVersion(context, name, { version: properties.Version });
      await settle(context, `Cluster ${name}`, "update", () => tryCluster(context, name)?.status);
    }
    const change = configChange(properties, previous);
    if (change === undefined) return;
    context.allow("eks:UpdateClusterConfig", arn, resourceTags(wanted));
    updateClusterConfig(context, name, change);
  },

  async delete(context, name) {
    const arn = arnOf(context, "cluster", name);
    context.allow("eks:DescribeCluster", arn, resourceTags(tryCluster(context, name)?.tags ?? {}));
    const found = tryCluster(context, name);
    if (found === undefined) return;
    context.allow("eks:DeleteCluster", arn, resourceTags(found.tags));
    // EKS refuses to delete what is being made or changed; CloudFormation waits.
    if (found.status === "CREATING" || found.status === "UPDATING") {
      await settle(context, `Cluster ${name}`, "update", () => tryCluster(context, name)?.status);
    }
    deleteCluster(context, name);
  },
});

function tryCluster(context: ResourceContext, name: string): Cluster | undefined {
  return tryFind("ResourceNotFoundException", () => describeCluster(context, name));
}

function inputOf(properties: JsonObject): JsonObject {
  const { Logging, Name, Tags, ...rest } = properties;
  const logging = loggingOf(properties);
  return { ...given(rest, ...Object.keys(rest)), ...(logging === undefined ? {} : { logging }) };
}

/** CloudFormation lists what is on; EKS wants to be told what is on and what is off. */
function loggingOf(properties: JsonObject): JsonObject | undefined {
  if (properties.Logging === undefined) return undefined;
  const types = listAt(properties, "Logging", "ClusterLogging", "EnabledTypes").map((one) => stringAt(one, "Type"));
  return { clusterLogging: [{ types, enabled: true }] };
}

/** What of the configuration changes, as EKS takes it; undefined when nothing does. */
function configChange(after: JsonObject, before: JsonObject): JsonObject | undefined {
  const differs = (name: string): boolean => !isDeepStrictEqual(after[name], before[name]);
  const changed = ["AccessConfig", "ResourcesVpcConfig", "UpgradePolicy"].filter(differs);
  // The parts of Auto Mode go together.
  const isAuto = ["ComputeConfig", "StorageConfig"].some(differs);
  if (changed.length === 0 && !isAuto && !differs("Logging")) return undefined;
  return {
    ...given(after, ...changed),
    ...(isAuto
      ? { kubernetesNetworkConfig: {}, ...given(after, "ComputeConfig", "KubernetesNetworkConfig", "StorageConfig") }
      : {}),
    ...(differs("Logging") ? { logging: loggingOf(after) ?? {} } : {}),
  };
}

function propertiesOf({ tags, logging, resourcesVpcConfig, ...cluster }: Cluster): JsonObject {
  const { vpcId: _, securityGroupIds: __, clusterSecurityGroupId, ...vpc } = resourcesVpcConfig;
  const on = logging.clusterLogging.filter(({ enabled }) => enabled).flatMap(({ types }) => types);
  return {
    ...inTemplateNames({ ...cluster, resourcesVpcConfig: vpc }),
    Id: cluster.name,
    ClusterSecurityGroupId: clusterSecurityGroupId,
    CertificateAuthorityData: cluster.certificateAuthority.data,
    OpenIdConnectIssuerUrl: cluster.identity?.oidc.issuer,
    EncryptionConfigKeyArn: cluster.encryptionConfig?.[0]?.provider.keyArn ?? "",
    Logging: { ClusterLogging: { EnabledTypes: on.map((Type) => ({ Type })) } },
    Tags: tagList(tags),
  };
}
