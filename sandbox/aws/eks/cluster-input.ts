import { type Input, readInput, readTags } from "#sandbox/aws/eks/input.ts";
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
import type { JsonObject } from "#sandbox/json.ts";

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
  const input = readInput(body);
  const name = checkName(input.requiredText("name"));
  const arn = arnOf(place, "cluster", name);
  const auto = readAutoMode(input);
  const roleArn = input.requiredText("roleArn");
  const version = checkVersion(input.text("version") ?? defaultVersion);
  const vpc = readVpcConfig(place, input.one("resourcesVpcConfig"), name);
  const network = input.one("kubernetesNetworkConfig");
  if ((network?.text("ipFamily") ?? "ipv4") !== "ipv4") throw invalidParameter("the sandbox knows ipFamily ipv4 only");
  const serviceIpv4Cidr = chooseServiceCidr(place, vpc.vpcId, network?.text("serviceIpv4Cidr"));
  const encryption = readEncryption(input.many("encryptionConfig"));
  const access = readAccess(input.one("accessConfig"));
  const selfManagedAddons = input.flag("bootstrapSelfManagedAddons");
  if (auto && selfManagedAddons === true) {
    throw invalidParameter("bootstrapSelfManagedAddons must be false when EKS Auto Mode is enabled");
  }
  const compute = input.one("computeConfig");
  const cluster: Cluster = {
    name,
    arn,
    createdAt: secondsOf(place),
    version,
    roleArn,
    resourcesVpcConfig: vpc,
    kubernetesNetworkConfig: { serviceIpv4Cidr, ipFamily: "ipv4", elasticLoadBalancing: { enabled: auto } },
    logging: { clusterLogging: readLogging(input.one("logging")) },
    status: "CREATING",
    certificateAuthority: {},
    platformVersion: platformOf(version),
    tags: readTags(input),
    ...(encryption === undefined ? {} : { encryptionConfig: encryption }),
    health: { issues: [] },
    accessConfig: access,
    upgradePolicy: { supportType: readSupport(input.one("upgradePolicy")) },
    ...(compute === undefined ? {} : { computeConfig: readCompute(compute, auto) }),
    ...(input.one("storageConfig") === undefined ? {} : { storageConfig: { blockStorage: { enabled: auto } } }),
  };
  input.end();
  checkClusterRole(place, roleArn, arn, auto);
  const nodeRole = cluster.computeConfig?.nodeRoleArn;
  if (nodeRole !== undefined) checkNodeRole(place, nodeRole);
  return { cluster, selfManagedAddons: selfManagedAddons ?? !auto };
}

function checkName(name: string): string {
  if (namePattern.test(name) && name.length <= longestName) return name;
  throw invalidParameter(
    `1 validation error detected: Value '${name}' at 'name' failed to satisfy constraint: Member must satisfy regular ` +
      "expression pattern: ^[0-9A-Za-z][A-Za-z0-9\\-_]* and have length less than or equal to 100",
  );
}

/** Whether all three parts of Auto Mode are on. @throws AwsFault InvalidParameterException when only some are */
export function readAutoMode(input: Input): boolean {
  const parts = [
    input.one("computeConfig")?.flag("enabled"),
    input.one("storageConfig")?.one("blockStorage")?.flag("enabled"),
    input.one("kubernetesNetworkConfig")?.one("elasticLoadBalancing")?.flag("enabled"),
  ].map((part) => part === true);
  if (new Set(parts).size === 1) return parts[0] === true;
  throw invalidParameter(
    "For EKS Auto Mode, please ensure that all required configs, including computeConfig, kubernetesNetworkConfig, and " +
      "blockStorage are all either fully enabled or fully disabled.",
  );
}

export function readCompute(compute: Input, enabled: boolean): NonNullable<Cluster["computeConfig"]> {
  compute.flag("enabled");
  const pools = compute.texts("nodePools") ?? [];
  const nodeRoleArn = compute.text("nodeRoleArn");
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

function readVpcConfig(place: Place, vpc: Input | undefined, name: string): VpcConfig {
  if (vpc === undefined) throw invalidParameter("resourcesVpcConfig is required");
  const subnets = checkSubnets(place, vpc.texts("subnetIds") ?? []);
  return {
    subnetIds: subnets.map(({ id }) => id),
    securityGroupIds: [],
    clusterSecurityGroupId: `sg-${randomHex(17)}`,
    vpcId: subnets[0]?.vpcId ?? name,
    ...readEndpoints(vpc, { endpointPublicAccess: true, endpointPrivateAccess: false, publicAccessCidrs: [] }),
  };
}

type Endpoints = Pick<VpcConfig, "endpointPublicAccess" | "endpointPrivateAccess" | "publicAccessCidrs">;

/** How a cluster's endpoint is reached. @param now for what the input leaves out */
export function readEndpoints(vpc: Input, now: Endpoints): Endpoints {
  const endpointPublicAccess = vpc.flag("endpointPublicAccess") ?? now.endpointPublicAccess;
  const endpointPrivateAccess = vpc.flag("endpointPrivateAccess") ?? now.endpointPrivateAccess;
  if (!endpointPublicAccess && !endpointPrivateAccess) {
    throw invalidParameter("Private and public endpoint access cannot be false");
  }
  const before = now.publicAccessCidrs.length === 0 ? ["0.0.0.0/0"] : now.publicAccessCidrs;
  const cidrs = vpc.texts("publicAccessCidrs") ?? before;
  return {
    endpointPublicAccess,
    endpointPrivateAccess,
    publicAccessCidrs: endpointPublicAccess ? checkPublicCidrs(cidrs) : [],
  };
}

/** Every type is in one of two lists: those that are on, and those that are off. */
export function readLogging(logging: Input | undefined): readonly LogSetup[] {
  const on = new Set<string>();
  for (const setup of logging?.many("clusterLogging") ?? []) {
    const enabled = setup.flag("enabled") ?? false;
    for (const type of setup.texts("types") ?? []) {
      if (!logTypes.includes(type)) throw invalidParameter(`Unsupported log type ${type}: ${logTypes.join(", ")}`);
      if (enabled) on.add(type);
    }
  }
  const lists = [true, false].map((enabled) => ({
    types: logTypes.filter((type) => on.has(type) === enabled),
    enabled,
  }));
  return lists.filter(({ types }) => types.length > 0);
}

function readEncryption(configs: readonly Input[] | undefined): Cluster["encryptionConfig"] {
  if (configs === undefined || configs.length === 0) return undefined;
  if (configs.length > 1) throw invalidParameter("encryptionConfig can have one entry at most");
  return configs.map((config) => {
    const resources = config.texts("resources") ?? [];
    const keyArn = config.one("provider")?.requiredText("keyArn") ?? "";
    if (resources.length !== 1 || resources[0] !== "secrets") {
      throw invalidParameter('encryptionConfig.resources must be ["secrets"]');
    }
    if (!/^arn:aws:kms:[a-z0-9-]+:\d{12}:key\/.+$/.test(keyArn)) {
      throw invalidParameter(`The keyArn in encryptionConfig provider is not valid: ${keyArn}`);
    }
    return { resources, provider: { keyArn } };
  });
}

function readAccess(access: Input | undefined): Cluster["accessConfig"] {
  const mode = access?.text("authenticationMode") ?? "CONFIG_MAP";
  if (mode !== "API") throw invalidParameter(`the sandbox knows the authentication mode API only, and not ${mode}`);
  const bootstrap = access?.flag("bootstrapClusterCreatorAdminPermissions") ?? true;
  return { bootstrapClusterCreatorAdminPermissions: bootstrap, authenticationMode: mode };
}

export function readSupport(policy: Input | undefined): "STANDARD" | "EXTENDED" {
  const support = policy?.text("supportType") ?? "EXTENDED";
  if (support === "STANDARD" || support === "EXTENDED") return support;
  throw invalidParameter(`Unsupported supportType ${support}: STANDARD or EXTENDED`);
}
