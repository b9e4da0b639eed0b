import type { Cloud } from "#sandbox/aws/cloud.ts";
import { bootstrapEntries } from "#sandbox/aws/eks/access-entries.ts";
import {
  checkEndpoints,
  logTypes,
  readAutoMode,
  readCompute,
  readLogging,
  readSupport,
} from "#sandbox/aws/eks/cluster-input.ts";
import { controlPlanesOf } from "#sandbox/aws/eks/control-planes.ts";
import { type Input, readInput } from "#sandbox/aws/eks/input.ts";
import { checkPublicCidrs, checkSubnets } from "#sandbox/aws/eks/network.ts";
import { autoMachines, startMachines } from "#sandbox/aws/eks/nodes.ts";
import { checkClusterRole, checkNodeRole } from "#sandbox/aws/eks/principals.ts";
import {
  type AuthenticationMode,
  type Cluster,
  changeCluster,
  changeRecord,
  inUse,
  invalidParameter,
  type Place,
  placeOf,
  recordOf,
  type Update,
} from "#sandbox/aws/eks/state.ts";
import { beginUpdate, finishUpdate, type Params } from "#sandbox/aws/eks/updates.ts";
import { checkUpgrade, platformOf } from "#sandbox/aws/eks/versions.ts";
import { durations } from "#sandbox/aws/eks/work.ts";
import type { JsonObject } from "#sandbox/json.ts";

/**
 * Begins to bring a cluster to the next minor version.
 *
 * @throws AwsFault InvalidParameterException, ResourceInUseException, ResourceNotFoundException
 */
export function updateClusterVersion(
  cloud: Cloud,
  account: string,
  region: string,
  name: string,
  body: JsonObject,
): Update {
  const place = placeOf(cloud, account, region);
  const { cluster, nodeGroups } = recordOf(place, name);
  const input = readInput(body);
  input.skip("clientRequestToken");
  const version = checkUpgrade(cluster.version, input.requiredText("version"));
  if (input.flag("force") === true) throw invalidParameter("the sandbox has no insights that force could override");
  input.end();
  const behind = Object.values(nodeGroups).filter((group) => group.version !== cluster.version);
  if (behind.length > 0) {
    const names = behind.map(({ nodegroupName }) => nodegroupName).join(", ");
    throw invalidParameter(
      `Nodegroups [${names}] must be updated to match cluster version ${cluster.version} before updating cluster version`,
    );
  }
  return begin(place, cluster, "VersionUpdate", [
    { type: "Version", value: version },
    { type: "PlatformVersion", value: platformOf(version) },
  ]);
}

/**
 * Begins one change of a cluster's configuration: EKS takes one kind at a time.
 *
 * @throws AwsFault InvalidParameterException, ResourceInUseException, ResourceNotFoundException
 */
export function updateClusterConfig(
  cloud: Cloud,
  account: string,
  region: string,
  name: string,
  body: JsonObject,
): Update {
  const place = placeOf(cloud, account, region);
  const { cluster } = recordOf(place, name);
  const input = readInput(body);
  input.skip("clientRequestToken");
  const changes = [
    readVpcChange(place, cluster, input.one("resourcesVpcConfig")),
    readLoggingChange(cluster, input.one("logging")),
    readAccessChange(cluster, input.one("accessConfig")),
    readSupportChange(cluster, input.one("upgradePolicy")),
    readAutoModeChange(place, cluster, input),
    readProtectionChange(input),
  ].flatMap((change) => change ?? []);
  input.end();
  const [change, ...others] = changes;
  if (change === undefined) throw invalidParameter("Invalid type for cluster update.");
  if (others.length > 0) throw invalidParameter("Only one type of update can be allowed.");
  return begin(place, cluster, change.type, change.params);
}

/** Goes on with an update that was under way when the daemon ended. */
export function resumeClusterUpdate(place: Place, name: string, update: Update): void {
  const ms = update.type === "VersionUpdate" ? durations.versionUpdate : durations.configUpdate;
  finishUpdate(place, name, update, ms, finish);
}

interface Change {
  readonly type: string;
  readonly params: Params;
}

function begin(place: Place, { name, status }: Cluster, type: string, params: Params): Update {
  if (status !== "ACTIVE" && status !== "UPDATING") throw inUse(`Cannot ${type} because cluster ${name} is ${status}`);
  const update = beginUpdate(place, name, type, params);
  changeCluster(place, name, { status: "UPDATING" });
  resumeClusterUpdate(place, name, update);
  return update;
}

/** Does what an update says: all that it needs is in its parameters. */
function finish(place: Place, name: string, { params }: Update): void {
  const { cluster } = recordOf(place, name);
  const value = (type: string): string | undefined => params.find((param) => param.type === type)?.value;
  const list = (type: string): readonly string[] | undefined => {
    const text = value(type);
    return text === undefined ? undefined : JSON.parse(text);
  };
  const flag = (type: string): boolean | undefined => (value(type) === undefined ? undefined : value(type) === "true");
  const vpc = cluster.resourcesVpcConfig;
  const compute = value("ComputeConfig");
  const auto = flag("ElasticLoadBalancing") ?? cluster.kubernetesNetworkConfig.elasticLoadBalancing.enabled;
  const logging = value("ClusterLogging");
  const version = value("Version");
  changeCluster(place, name, {
    status: "ACTIVE",
    version: version ?? cluster.version,
    platformVersion: value("PlatformVersion") ?? cluster.platformVersion,
    resourcesVpcConfig: {
      ...vpc,
      endpointPublicAccess: flag("EndpointPublicAccess") ?? vpc.endpointPublicAccess,
      endpointPrivateAccess: flag("EndpointPrivateAccess") ?? vpc.endpointPrivateAccess,
      publicAccessCidrs: list("PublicAccessCidrs") ?? vpc.publicAccessCidrs,
      subnetIds: list("SubnetIds") ?? vpc.subnetIds,
      securityGroupIds: list("SecurityGroupIds") ?? vpc.securityGroupIds,
    },
    logging: logging === undefined ? cluster.logging : { clusterLogging: JSON.parse(logging) },
    accessConfig: {
      ...cluster.accessConfig,
      authenticationMode:
        (value("AuthenticationMode") as AuthenticationMode) ?? cluster.accessConfig.authenticationMode,
    },
    upgradePolicy: { supportType: (value("UpgradePolicy") as "STANDARD") ?? cluster.upgradePolicy.supportType },
    kubernetesNetworkConfig: { ...cluster.kubernetesNetworkConfig, elasticLoadBalancing: { enabled: auto } },
    ...(compute === undefined
      ? {}
      : { computeConfig: JSON.parse(compute), storageConfig: { blockStorage: { enabled: auto } } }),
    deletionProtection: flag("DeletionProtection") ?? cluster.deletionProtection,
  });
  if (compute !== undefined) admitAutoNodes(place, name);
  if (version === undefined) return;
  controlPlanesOf(place.cloud).setVersion(recordOf(place, name));
  replaceAutoNodes(place, name);
}

/** Auto Mode replaces its machines by ones of the new version. */
function replaceAutoNodes(place: Place, name: string): void {
  const { nodes } = recordOf(place, name);
  const auto = nodes.filter(({ group }) => group === undefined);
  if (auto.length === 0) return;
  changeRecord(place, name, () => ({ nodes: nodes.filter(({ group }) => group !== undefined) }));
  startMachines(place, name, autoMachines(recordOf(place, name), auto.length));
  controlPlanesOf(place.cloud).refreshNodes(place, name);
}

function admitAutoNodes(place: Place, name: string): void {
  const { cluster, accessEntries } = recordOf(place, name);
  changeRecord(place, name, () => ({
    accessEntries: { ...bootstrapEntries(place, cluster, undefined), ...accessEntries },
  }));
}

function readVpcChange(place: Place, { resourcesVpcConfig: now }: Cluster, vpc: Input | undefined): Change | undefined {
  if (vpc === undefined) return undefined;
  const [subnetIds, securityGroupIds] = [vpc.texts("subnetIds"), vpc.texts("securityGroupIds")];
  const publicAccess = vpc.flag("endpointPublicAccess");
  const privateAccess = vpc.flag("endpointPrivateAccess");
  const cidrs = vpc.texts("publicAccessCidrs");
  const changesAccess = [publicAccess, privateAccess, cidrs].some((one) => one !== undefined);
  if (subnetIds !== undefined || securityGroupIds !== undefined) {
    if (changesAccess) throw invalidParameter("Only one type of update can be allowed.");
    const subnets = subnetIds === undefined ? [] : checkSubnets(place, subnetIds);
    if (subnets.some(({ vpcId }) => vpcId !== now.vpcId)) {
      throw invalidParameter(`Provided subnets must belong to the VPC of the cluster, ${now.vpcId}`);
    }
    return {
      type: "VpcConfigUpdate",
      params: [
        ...(subnetIds === undefined ? [] : [{ type: "SubnetIds", value: JSON.stringify(subnetIds) }]),
        ...(securityGroupIds === undefined
          ? []
          : [{ type: "SecurityGroupIds", value: JSON.stringify(securityGroupIds) }]),
      ],
    };
  }
  if (!changesAccess) return undefined;
  const wanted = {
    endpointPublicAccess: publicAccess ?? now.endpointPublicAccess,
    endpointPrivateAccess: privateAccess ?? now.endpointPrivateAccess,
  };
  checkEndpoints(wanted.endpointPublicAccess, wanted.endpointPrivateAccess);
  const open = now.publicAccessCidrs.length === 0 ? ["0.0.0.0/0"] : now.publicAccessCidrs;
  const wantedCidrs = wanted.endpointPublicAccess ? checkPublicCidrs(cidrs ?? open) : [];
  const isSame =
    wanted.endpointPublicAccess === now.endpointPublicAccess &&
    wanted.endpointPrivateAccess === now.endpointPrivateAccess &&
    new Set(wantedCidrs).symmetricDifference(new Set(now.publicAccessCidrs)).size === 0;
  if (isSame) {
    throw invalidParameter(
      `Cluster is already at the desired configuration with endpointPrivateAccess: ${now.endpointPrivateAccess} , ` +
        `endpointPublicAccess: ${now.endpointPublicAccess}, and Public Endpoint Restrictions: [${now.publicAccessCidrs.join(", ")}]`,
    );
  }
  return {
    type: "EndpointAccessUpdate",
    params: [
      { type: "EndpointPublicAccess", value: String(wanted.endpointPublicAccess) },
      { type: "EndpointPrivateAccess", value: String(wanted.endpointPrivateAccess) },
      { type: "PublicAccessCidrs", value: JSON.stringify(wantedCidrs) },
    ],
  };
}

/** Types that aren't named stay as they are. */
function readLoggingChange({ logging }: Cluster, given: Input | undefined): Change | undefined {
  if (given === undefined) return undefined;
  const setups = given.many("clusterLogging") ?? [];
  const named = new Set(setups.flatMap((setup) => setup.texts("types") ?? []));
  const on = (setup: readonly { readonly types: readonly string[]; readonly enabled: boolean }[]) =>
    setup.filter(({ enabled }) => enabled).flatMap(({ types }) => types);
  const before = on(logging.clusterLogging);
  const wanted = new Set([...before.filter((type) => !named.has(type)), ...on(readLogging(given))]);
  if (wanted.symmetricDifference(new Set(before)).size === 0) {
    throw invalidParameter("No changes needed for the logging config provided");
  }
  const lists = [true, false].map((enabled) => ({
    types: logTypes.filter((type) => wanted.has(type) === enabled),
    enabled,
  }));
  const value = JSON.stringify(lists.filter(({ types }) => types.length > 0));
  return { type: "LoggingUpdate", params: [{ type: "ClusterLogging", value }] };
}

function readAccessChange({ accessConfig }: Cluster, given: Input | undefined): Change | undefined {
  const value = given?.text("authenticationMode");
  if (value === undefined) return undefined;
  const order = ["CONFIG_MAP", "API_AND_CONFIG_MAP", "API"];
  const [from, to] = [order.indexOf(accessConfig.authenticationMode), order.indexOf(value)];
  if (to !== from + 1) {
    throw invalidParameter(
      `Unsupported authentication mode update from ${accessConfig.authenticationMode} to ${value}`,
    );
  }
  return { type: "AccessConfigUpdate", params: [{ type: "AuthenticationMode", value }] };
}

function readSupportChange({ upgradePolicy }: Cluster, given: Input | undefined): Change | undefined {
  if (given === undefined) return undefined;
  const value = readSupport(given);
  if (value === upgradePolicy.supportType) throw invalidParameter(`Cluster already has the supportType ${value}`);
  return { type: "UpgradePolicyUpdate", params: [{ type: "UpgradePolicy", value }] };
}

function readAutoModeChange(place: Place, cluster: Cluster, input: Input): Change | undefined {
  const compute = input.one("computeConfig");
  const parts = [compute, input.one("storageConfig"), input.one("kubernetesNetworkConfig")];
  if (parts.every((part) => part === undefined)) return undefined;
  const enabled = readAutoMode(input);
  const wanted = compute === undefined ? { enabled, nodePools: [] } : readCompute(compute, enabled);
  const fixed = cluster.computeConfig?.nodeRoleArn;
  if (fixed !== undefined && wanted.nodeRoleArn !== undefined && wanted.nodeRoleArn !== fixed) {
    throw invalidParameter("nodeRoleArn can't be changed once compute is enabled");
  }
  if (enabled) checkClusterRole(place, cluster.roleArn, cluster.arn, true);
  if (wanted.nodeRoleArn !== undefined) checkNodeRole(place, wanted.nodeRoleArn);
  return {
    type: "AutoModeUpdate",
    params: [
      { type: "ComputeConfig", value: JSON.stringify(wanted) },
      { type: "ElasticLoadBalancing", value: String(enabled) },
    ],
  };
}

function readProtectionChange(input: Input): Change | undefined {
  const value = input.flag("deletionProtection");
  if (value === undefined) return undefined;
  return { type: "DeletionProtectionUpdate", params: [{ type: "DeletionProtection", value: String(value) }] };
}
