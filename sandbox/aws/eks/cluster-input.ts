import { checkPublicCidrs, checkSubnets, chooseServiceCidr } from "#sandbox/aws/eks/network.ts";
import { checkClusterRole, checkNodeRole } from "#sandbox/aws/eks/principals.ts";
import {
  arnOf,
  type Cluster,
  invalidParameter,
  type LogSetup,
  type Place,
  randomHex,
  secondsOf,
  type VpcConfig,
} from "#sandbox/aws/eks/state.ts";
import { checkVersion, defaultVersion, platformOf } from "#sandbox/aws/eks/versions.ts";
import { type JsonObject, listAt, objectAt, stringAt, stringsAt, textsAt, valueAt } from "#sandbox/json.ts";

const namePattern = /^[0-9A-Za-z][A-Za-z0-9\-_]*$/;
const longestName = 100;
const logTypes = ["api", "audit", "authenticator", "controllerManager", "scheduler"];
const nodePools = ["general-purpose", "system"];

export interface NewCluster {
  readonly cluster: Cluster;
  readonly selfManagedAddons: boolean;
}

/** What CreateCluster asks for, with EKS' defaults. @throws AwsFault InvalidParameterException */
export function parseNewCluster(place: Place, body: JsonObject): NewCluster {
  const name = checkName(stringAt(body, "name"));
  const arn = arnOf(place, "cluster", name);
  const auto = readAutoMode(body);
  const roleArn = stringAt(body, "roleArn");
  const version = checkVersion(stringAt(body, "version") || defaultVersion);
  const vpc = readVpcConfig(place, body, name);
  if ((valueAt(body, "kubernetesNetworkConfig", "ipFamily") ?? "ipv4") !== "ipv4") {
    throw invalidParameter("the sandbox knows ipFamily ipv4 only");
  }
  const services = stringAt(body, "kubernetesNetworkConfig", "serviceIpv4Cidr");
  const encryption = readEncryption(body);
  if (auto && body.bootstrapSelfManagedAddons === true) {
    throw invalidParameter("bootstrapSelfManagedAddons must be false when EKS Auto Mode is enabled");
  }
  const cluster: Cluster = {
    name,
    arn,
    createdAt: secondsOf(place),
    version,
    roleArn,
    resourcesVpcConfig: vpc,
    kubernetesNetworkConfig: {
      serviceIpv4Cidr: chooseServiceCidr(place, vpc.vpcId, services),
      ipFamily: "ipv4",
      elasticLoadBalancing: { enabled: auto },
    },
    logging: { clusterLogging: readLogging(body) },
    status: "CREATING",
    certificateAuthority: {},
    platformVersion: platformOf(version),
    tags: stringsAt(body, "tags"),
    ...(encryption.length === 0 ? {} : { encryptionConfig: encryption }),
    health: { issues: [] },
    accessConfig: {
      bootstrapClusterCreatorAdminPermissions:
        valueAt(body, "accessConfig", "bootstrapClusterCreatorAdminPermissions") !== false,
      authenticationMode: readAuthenticationMode(body),
    },
    upgradePolicy: { supportType: readSupport(body) },
    ...(body.computeConfig === undefined ? {} : { computeConfig: readCompute(body, auto) }),
    ...(body.storageConfig === undefined ? {} : { storageConfig: { blockStorage: { enabled: auto } } }),
  };
  checkClusterRole(place, roleArn, arn, auto);
  const nodeRole = cluster.computeConfig?.nodeRoleArn;
  if (nodeRole !== undefined) checkNodeRole(place, nodeRole);
  return { cluster, selfManagedAddons: (body.bootstrapSelfManagedAddons ?? !auto) === true };
}

function checkName(name: string): string {
  if (namePattern.test(name) && name.length <= longestName) return name;
  throw invalidParameter(
    `1 validation error detected: Value '${name}' at 'name' failed to satisfy constraint: Member must satisfy regular ` +
      "expression pattern: ^[0-9A-Za-z][A-Za-z0-9\\-_]* and have length less than or equal to 100",
  );
}

/** Whether all three parts of Auto Mode are on. @throws AwsFault InvalidParameterException when only some are */
export function readAutoMode(body: JsonObject): boolean {
  const parts = [
    valueAt(body, "computeConfig", "enabled"),
    valueAt(body, "storageConfig", "blockStorage", "enabled"),
    valueAt(body, "kubernetesNetworkConfig", "elasticLoadBalancing", "enabled"),
  ].map((part) => part === true);
  if (new Set(parts).size === 1) return parts[0] === true;
  throw invalidParameter(
    "For EKS Auto Mode, please ensure that all required configs, including computeConfig, kubernetesNetworkConfig, and " +
      "blockStorage are all either fully enabled or fully disabled.",
  );
}

export function readCompute(body: JsonObject, enabled: boolean): NonNullable<Cluster["computeConfig"]> {
  const pools = textsAt(body, "computeConfig", "nodePools");
  const nodeRoleArn = stringAt(body, "computeConfig", "nodeRoleArn") || undefined;
  const wrong = pools.find((pool) => !nodePools.includes(pool));
  if (wrong !== undefined) throw invalidParameter(`nodePools can be general-purpose and system, and not ${wrong}`);
  if (!enabled && (pools.length > 0 || nodeRoleArn !== undefined)) {
    throw invalidParameter("nodePools and nodeRoleArn must not be given when computeConfig is not enabled");
  }
  if (pools.length > 0 && nodeRoleArn === undefined) {
    throw invalidParameter("When computeConfig has nodePools, nodeRoleArn must be given as well");
  }
  return { enabled, nodePools: pools, ...(nodeRoleArn === undefined ? {} : { nodeRoleArn }) };
}

function readVpcConfig(place: Place, body: JsonObject, name: string): VpcConfig {
  const subnets = checkSubnets(place, textsAt(body, "resourcesVpcConfig", "subnetIds"));
  return {
    subnetIds: subnets.map(({ id }) => id),
    securityGroupIds: [],
    clusterSecurityGroupId: `sg-${randomHex(17)}`,
    vpcId: subnets[0]?.vpcId ?? name,
    ...readEndpoints(body, { endpointPublicAccess: true, endpointPrivateAccess: false, publicAccessCidrs: [] }),
  };
}

type Endpoints = Pick<VpcConfig, "endpointPublicAccess" | "endpointPrivateAccess" | "publicAccessCidrs">;

/** How a cluster's endpoint is reached. @param now for what the body leaves out */
export function readEndpoints(body: JsonObject, now: Endpoints): Endpoints {
  const vpc = objectAt(body, "resourcesVpcConfig");
  const endpointPublicAccess = (vpc.endpointPublicAccess ?? now.endpointPublicAccess) === true;
  const endpointPrivateAccess = (vpc.endpointPrivateAccess ?? now.endpointPrivateAccess) === true;
  if (!endpointPublicAccess && !endpointPrivateAccess) {
    throw invalidParameter("Private and public endpoint access cannot be false");
  }
  const before = now.publicAccessCidrs.length === 0 ? ["0.0.0.0/0"] : now.publicAccessCidrs;
  const cidrs = vpc.publicAccessCidrs === undefined ? before : textsAt(vpc, "publicAccessCidrs");
  return {
    endpointPublicAccess,
    endpointPrivateAccess,
    publicAccessCidrs: endpointPublicAccess ? checkPublicCidrs(cidrs) : [],
  };
}

/** Every type is in one of two lists: those that are on, and those that are off. */
export function readLogging(body: JsonObject): readonly LogSetup[] {
  const setups = listAt(body, "logging", "clusterLogging").filter((setup) => valueAt(setup, "enabled") === true);
  const on = setups.flatMap((setup) => textsAt(setup, "types"));
  const lists = [true, false].map((enabled) => ({
    types: logTypes.filter((type) => on.includes(type) === enabled),
    enabled,
  }));
  return lists.filter(({ types }) => types.length > 0);
}

function readEncryption(body: JsonObject): NonNullable<Cluster["encryptionConfig"]> {
  return listAt(body, "encryptionConfig").map((config) => {
    const resources = textsAt(config, "resources");
    const keyArn = stringAt(config, "provider", "keyArn");
    if (resources.length !== 1 || resources[0] !== "secrets") {
      throw invalidParameter('encryptionConfig.resources must be ["secrets"]');
    }
    if (!/^arn:aws:kms:[a-z0-9-]+:\d{12}:key\/.+$/.test(keyArn)) {
      throw invalidParameter(`The keyArn in encryptionConfig provider is not valid: ${keyArn}`);
    }
    return { resources, provider: { keyArn } };
  });
}

export function readAuthenticationMode(body: JsonObject): "API" {
  const mode = stringAt(body, "accessConfig", "authenticationMode") || "CONFIG_MAP";
  if (mode === "API") return mode;
  throw invalidParameter(`the sandbox knows the authentication mode API only, and not ${mode}`);
}

export function readSupport(body: JsonObject): "STANDARD" | "EXTENDED" {
  return stringAt(body, "upgradePolicy", "supportType") === "STANDARD" ? "STANDARD" : "EXTENDED";
}
