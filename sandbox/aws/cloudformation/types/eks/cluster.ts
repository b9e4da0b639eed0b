import { isDeepStrictEqual } from "node:util";
import {
  allowPassing,
  given,
  inApiNames,
  ownTags,
  settle,
  tryFind,
} from "#sandbox/aws/cloudformation/types/eks/common.ts";
import { changeEksTags } from "#sandbox/aws/cloudformation/types/eks/tags.ts";
import { allowUseOfKey } from "#sandbox/aws/cloudformation/types/kms/key.ts";
import {
  defineType,
  type ResourceContext,
  resourceContext,
  tagContext,
  tagList,
} from "#sandbox/aws/cloudformation/types/type.ts";
import { updateClusterConfig, updateClusterVersion } from "#sandbox/aws/eks/cluster-updates.ts";
import { createCluster, deleteCluster, describeCluster } from "#sandbox/aws/eks/clusters.ts";
import { arnOf, type Cluster } from "#sandbox/aws/eks/state.ts";
import { type Json, type JsonObject, listAt, objectAt, stringAt } from "#sandbox/json.ts";

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
    for (const { keyArn } of encryptionOf(properties)) {
      allowUseOfKey(context, keyArn);
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
    const arn = arnOf(context, "cluster", name);
    const known = () => resourceContext(tryCluster(context, name)?.tags ?? {});
    changeEksTags(context, arn, ownTags(context, properties.Tags));
    const ready = () => settle(context, `Cluster ${name}`, "update", () => tryCluster(context, name)?.status);
    if (properties.Version !== undefined && properties.Version !== describeCluster(context, name).version) {
      context.allow("eks:UpdateClusterVersion", arn, known());
      updateClusterVersion(context, name, { version: properties.Version });
      await ready();
    }
    for (const change of configChanges(properties, previous)) {
      context.allow("eks:UpdateClusterConfig", arn, known());
      updateClusterConfig(context, name, change);
      await ready();
    }
  },

  async delete(context, name) {
    const arn = arnOf(context, "cluster", name);
    context.allow("eks:DescribeCluster", arn, resourceContext(tryCluster(context, name)?.tags ?? {}));
    const found = tryCluster(context, name);
    if (found === undefined) return;
    context.allow("eks:DeleteCluster", arn, resourceContext(found.tags));
    // EKS refuses to delete what is being made or changed; CloudFormation waits.
    if (found.status === "CREATING" || found.status === "UPDATING") {
      await settle(context, `Cluster ${name}`, "update", () => tryCluster(context, name)?.status);
    }
    deleteCluster(context, name);
  },
});

function tryCluster(context: ResourceContext, name: string): Cluster | undefined {
  return tryFind(() => describeCluster(context, name));
}

function inputOf(properties: JsonObject): JsonObject {
  const logging = loggingOf(properties);
  return {
    ...given(
      properties,
      "AccessConfig",
      "BootstrapSelfManagedAddons",
      "ComputeConfig",
      "EncryptionConfig",
      "KubernetesNetworkConfig",
      "ResourcesVpcConfig",
      "RoleArn",
      "StorageConfig",
      "UpgradePolicy",
      "Version",
    ),
    ...(logging === undefined ? {} : { logging }),
  };
}

/** CloudFormation lists what is on; EKS wants to be told what is on and what is off. */
function loggingOf(properties: JsonObject): JsonObject | undefined {
  if (properties.Logging === undefined) return undefined;
  const types = listAt(properties, "Logging", "ClusterLogging", "EnabledTypes").map((one) => stringAt(one, "Type"));
  const all = ["api", "audit", "authenticator", "controllerManager", "scheduler"];
  const off = all.filter((type) => !types.includes(type));
  return { clusterLogging: [...entry(types, true), ...entry(off, false)] };
}

function entry(types: readonly string[], enabled: boolean): readonly Json[] {
  return types.length === 0 ? [] : [{ types: [...types], enabled }];
}

/** Changes of the configuration, one kind each, as EKS takes them. */
function configChanges(after: JsonObject, before: JsonObject): readonly JsonObject[] {
  const differs = (name: string): boolean => !isDeepStrictEqual(after[name], before[name]);
  const vpc = objectAt(after, "ResourcesVpcConfig");
  const vpcBefore = objectAt(before, "ResourcesVpcConfig");
  const pick = (...names: readonly string[]): JsonObject | undefined =>
    names.some((name) => !isDeepStrictEqual(vpc[name], vpcBefore[name])) ? given(vpc, ...names) : undefined;
  const access = pick("EndpointPrivateAccess", "EndpointPublicAccess", "PublicAccessCidrs");
  const subnets = pick("SubnetIds");
  const auto = ["ComputeConfig", "StorageConfig"].some(differs);
  const mode = stringAt(after, "AccessConfig", "AuthenticationMode");
  return [
    access === undefined ? [] : [{ resourcesVpcConfig: access }],
    subnets === undefined ? [] : [{ resourcesVpcConfig: subnets }],
    differs("Logging") ? [{ logging: loggingOf(after) ?? loggingOf({ Logging: {} }) }] : [],
    mode !== stringAt(before, "AccessConfig", "AuthenticationMode")
      ? [{ accessConfig: { authenticationMode: mode } }]
      : [],
    differs("UpgradePolicy") ? [given(after, "UpgradePolicy")] : [],
    auto
      ? [
          {
            ...given(after, "ComputeConfig", "StorageConfig"),
            kubernetesNetworkConfig: {
              elasticLoadBalancing: inApiNames(objectAt(after, "KubernetesNetworkConfig", "ElasticLoadBalancing")),
            },
          },
        ]
      : [],
  ].flat();
}

function encryptionOf(properties: JsonObject): readonly { readonly keyArn: string }[] {
  return listAt(properties, "EncryptionConfig").map((config) => ({ keyArn: stringAt(config, "Provider", "KeyArn") }));
}

function propertiesOf(cluster: Cluster): JsonObject {
  const { resourcesVpcConfig: vpc, kubernetesNetworkConfig: network, accessConfig } = cluster;
  const encryption = cluster.encryptionConfig ?? [];
  const on = cluster.logging.clusterLogging.filter(({ enabled }) => enabled).flatMap(({ types }) => types);
  const compute = cluster.computeConfig;
  return {
    Id: cluster.name,
    Arn: cluster.arn,
    Name: cluster.name,
    Version: cluster.version,
    RoleArn: cluster.roleArn,
    ClusterSecurityGroupId: vpc.clusterSecurityGroupId,
    ...(cluster.endpoint === undefined ? {} : { Endpoint: cluster.endpoint }),
    ...(cluster.certificateAuthority.data === undefined
      ? {}
      : { CertificateAuthorityData: cluster.certificateAuthority.data }),
    ...(cluster.identity === undefined ? {} : { OpenIdConnectIssuerUrl: cluster.identity.oidc.issuer }),
    EncryptionConfigKeyArn: encryption[0]?.provider.keyArn ?? "",
    EncryptionConfig: encryption.map(({ resources, provider }) => ({
      Resources: [...resources],
      Provider: { KeyArn: provider.keyArn },
    })),
    AccessConfig: {
      AuthenticationMode: accessConfig.authenticationMode,
      BootstrapClusterCreatorAdminPermissions: accessConfig.bootstrapClusterCreatorAdminPermissions,
    },
    ResourcesVpcConfig: {
      SubnetIds: [...vpc.subnetIds],
      EndpointPublicAccess: vpc.endpointPublicAccess,
      EndpointPrivateAccess: vpc.endpointPrivateAccess,
      PublicAccessCidrs: [...vpc.publicAccessCidrs],
    },
    KubernetesNetworkConfig: {
      IpFamily: network.ipFamily,
      ServiceIpv4Cidr: network.serviceIpv4Cidr,
      ElasticLoadBalancing: { Enabled: network.elasticLoadBalancing.enabled },
    },
    Logging: { ClusterLogging: { EnabledTypes: on.map((Type) => ({ Type })) } },
    UpgradePolicy: { SupportType: cluster.upgradePolicy.supportType },
    ...(compute === undefined
      ? {}
      : {
          ComputeConfig: {
            Enabled: compute.enabled,
            NodePools: [...compute.nodePools],
            ...(compute.nodeRoleArn === undefined ? {} : { NodeRoleArn: compute.nodeRoleArn }),
          },
        }),
    ...(cluster.storageConfig === undefined
      ? {}
      : { StorageConfig: { BlockStorage: { Enabled: cluster.storageConfig.blockStorage.enabled } } }),
    Tags: tagList(cluster.tags),
  };
}
