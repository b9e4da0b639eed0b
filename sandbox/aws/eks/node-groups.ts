import type { Cloud } from "#sandbox/aws/cloud.ts";
import { networkOf } from "#sandbox/aws/cloudformation/ec2/network.ts";
import { admitNodeRole } from "#sandbox/aws/eks/access-entries.ts";
import { controlPlanesOf } from "#sandbox/aws/eks/control-planes.ts";
import { checkTags, type Input, readInput } from "#sandbox/aws/eks/input.ts";
import { findSubnets } from "#sandbox/aws/eks/network.ts";
import { startMachines } from "#sandbox/aws/eks/nodes.ts";
import { checkNodeRole } from "#sandbox/aws/eks/principals.ts";
import { networkDaemonSet } from "#sandbox/aws/eks/seed.ts";
import {
  arnOf,
  type ClusterRecord,
  changeRecord,
  inUse,
  invalidParameter,
  invalidRequest,
  type NodeGroup,
  notFound,
  type Place,
  placeOf,
  recordOf,
  secondsOf,
  type Update,
  without,
} from "#sandbox/aws/eks/state.ts";
import { beginUpdate, finishUpdate } from "#sandbox/aws/eks/updates.ts";
import { durations, later } from "#sandbox/aws/eks/work.ts";
import type { JsonObject } from "#sandbox/json.ts";
import { daemonSets } from "#sandbox/kubernetes/kinds.ts";

const namePattern = /^[0-9A-Za-z][A-Za-z0-9\-_]{0,62}$/;
const amiTypes = { arm: "AL2023_ARM_64_STANDARD", x86: "AL2023_x86_64_STANDARD" } as const;
const defaultScaling = { minSize: 1, maxSize: 2, desiredSize: 2 };

/**
 * Begins to make a managed node group.
 *
 * @param input as CreateNodegroup takes it, without the cluster's name
 * @throws AwsFault InvalidParameterException, InvalidRequestException, ResourceInUseException, ResourceNotFoundException
 */
export function createNodeGroup(
  cloud: Cloud,
  account: string,
  region: string,
  name: string,
  body: JsonObject,
): NodeGroup {
  const place = placeOf(cloud, account, region);
  const record = recordOf(place, name);
  const { cluster } = record;
  if (cluster.status !== "ACTIVE") throw invalidRequest(`Cluster '${name}' is not in ACTIVE status`);
  const group = parseNodeGroup(place, record, readInput(body));
  const { nodegroupName } = group;
  if (record.nodeGroups[nodegroupName] !== undefined) {
    throw inUse(`NodeGroup already exists with name ${nodegroupName} and cluster name ${name}`);
  }
  keep(place, group);
  admitNodeRole(place, name, group.nodeRole);
  finishCreation(place, group);
  return group;
}

/** @throws AwsFault ResourceNotFoundException */
export function describeNodeGroup(cloud: Cloud, account: string, region: string, name: string, group: string) {
  return groupOf(recordOf(placeOf(cloud, account, region), name), group);
}

export function listNodeGroups(cloud: Cloud, account: string, region: string, name: string): readonly string[] {
  return Object.keys(recordOf(placeOf(cloud, account, region), name).nodeGroups).sort();
}

/**
 * Begins to change how many machines there are, or what they are called by.
 *
 * @throws AwsFault InvalidParameterException, ResourceInUseException, ResourceNotFoundException
 */
export function updateNodeGroupConfig(
  cloud: Cloud,
  account: string,
  region: string,
  name: string,
  groupName: string,
  body: JsonObject,
): Update {
  const place = placeOf(cloud, account, region);
  const group = groupOf(recordOf(place, name), groupName);
  const input = readInput(body);
  input.skip("clientRequestToken");
  const scaling = input.one("scalingConfig");
  const labels = input.one("labels");
  const updateConfig = input.one("updateConfig");
  const gone = labels?.texts("removeLabels") ?? [];
  const kept = Object.entries(group.labels).filter(([key]) => !gone.includes(key));
  const changed = {
    scalingConfig: scaling === undefined ? group.scalingConfig : readScaling(scaling, group.scalingConfig),
    labels: { ...Object.fromEntries(kept), ...labels?.pairs("addOrUpdateLabels") },
    updateConfig: updateConfig === undefined ? group.updateConfig : readUpdateConfig(updateConfig),
  };
  input.end();
  return begin(place, group, "ConfigUpdate", [{ type: "ConfigUpdate", value: JSON.stringify(changed) }]);
}

/** Begins to bring a node group to the version of its cluster: all of its machines are replaced. */
export function updateNodeGroupVersion(
  cloud: Cloud,
  account: string,
  region: string,
  name: string,
  groupName: string,
  body: JsonObject,
): Update {
  const place = placeOf(cloud, account, region);
  const { cluster, nodeGroups } = recordOf(place, name);
  const group = groupOf({ nodeGroups }, groupName);
  const input = readInput(body);
  input.skip("clientRequestToken", "force");
  const version = input.text("version") ?? cluster.version;
  const launch = readLaunchTemplate(place, input.one("launchTemplate"));
  input.end();
  if (version !== cluster.version) {
    throw invalidParameter(`Nodegroup version ${version} must be that of the cluster, ${cluster.version}`);
  }
  if (launch !== undefined && launch.id !== group.launchTemplate?.id) {
    throw invalidParameter("Launch template details can't be added, or be those of another one");
  }
  return begin(place, group, "VersionUpdate", [
    { type: "Version", value: version },
    ...(launch === undefined ? [] : [{ type: "LaunchTemplateVersion", value: launch.version }]),
  ]);
}

/** @throws AwsFault ResourceNotFoundException, ResourceInUseException */
export function deleteNodeGroup(cloud: Cloud, account: string, region: string, name: string, groupName: string) {
  const place = placeOf(cloud, account, region);
  const group = groupOf(recordOf(place, name), groupName);
  if (group.status === "CREATING" || group.status === "UPDATING") {
    throw inUse(`Nodegroup ${groupName} is ${group.status}: it can be deleted when that is done`);
  }
  if (group.status === "DELETING") return group;
  const deleting = keep(place, { ...group, status: "DELETING" });
  finishDeletion(place, deleting);
  return deleting;
}

/** Goes on with what was under way when the daemon ended. */
export function resumeNodeGroup(place: Place, group: NodeGroup): void {
  if (group.status === "CREATING") finishCreation(place, group);
  if (group.status === "DELETING") finishDeletion(place, group);
}

export function resumeNodeGroupUpdate(place: Place, name: string, update: Update): void {
  finishUpdate(place, name, update, durations.nodeGroupUpdate, finish);
}

function begin(place: Place, group: NodeGroup, type: string, params: Update["params"]): Update {
  const { nodegroupName, clusterName, status } = group;
  if (status !== "ACTIVE" && status !== "UPDATING") throw inUse(`Nodegroup ${nodegroupName} is ${status}`);
  const update = beginUpdate(place, clusterName, type, params, { kind: "nodegroup", name: nodegroupName });
  keep(place, { ...group, status: "UPDATING" });
  resumeNodeGroupUpdate(place, clusterName, update);
  return update;
}

function finish(place: Place, name: string, { of, params: [param, launch] }: Update): void {
  const group = recordOf(place, name).nodeGroups[of?.name ?? ""];
  if (group === undefined || param === undefined) return;
  const isVersion = param.type === "Version";
  const changed: Partial<NodeGroup> = isVersion
    ? { version: param.value, releaseVersion: releaseOf(param.value) }
    : JSON.parse(param.value);
  const template = group.launchTemplate;
  const launched =
    launch === undefined || template === undefined ? {} : { launchTemplate: { ...template, version: launch.value } };
  keep(place, { ...group, ...changed, ...launched, status: "ACTIVE", modifiedAt: secondsOf(place) });
  resize(place, name, group.nodegroupName, isVersion);
}

/** @param anew replace all machines, as an upgrade does */
function resize(place: Place, name: string, groupName: string, anew = false): void {
  const { nodeGroups, nodes } = recordOf(place, name);
  const group = nodeGroups[groupName];
  const own = nodes.filter((node) => node.group === groupName);
  const wanted = group === undefined || group.status === "DELETING" ? 0 : group.scalingConfig.desiredSize;
  const kept = anew ? [] : own.slice(0, wanted);
  const gone = new Set(own.slice(kept.length).map(({ instanceId }) => instanceId));
  // New machines start before old ones end, as in an update of EKS: so none has the address, and the name, of one that it replaces.
  if (group !== undefined) {
    const [instanceType = ""] = group.instanceTypes;
    const count = wanted - kept.length;
    startMachines(place, name, { count, subnets: group.subnets, instanceType, group: groupName });
  }
  changeRecord(place, name, (record) => ({ nodes: record.nodes.filter(({ instanceId }) => !gone.has(instanceId)) }));
  controlPlanesOf(place.cloud).refreshNodes(place, name);
}

function finishCreation(place: Place, { clusterName, nodegroupName, createdAt }: NodeGroup): void {
  later(place.cloud, durations.nodeGroupCreate, () => {
    const record = place.state.clusters[clusterName];
    const group = record?.nodeGroups[nodegroupName];
    if (record === undefined || group?.createdAt !== createdAt) return;
    const objects = controlPlanesOf(place.cloud).objects(record);
    // Machines without a pod network stay NotReady, and EKS gives up on them.
    const isHealthy = objects?.store.get(daemonSets, "kube-system", networkDaemonSet) !== undefined;
    const issue = {
      code: "NodeCreationFailure",
      message: "Unhealthy nodes in the kubernetes cluster",
      resourceIds: [],
    };
    keep(place, {
      ...group,
      status: isHealthy ? "ACTIVE" : "CREATE_FAILED",
      health: { issues: isHealthy ? [] : [issue] },
    });
    resize(place, clusterName, nodegroupName);
  });
}

function finishDeletion(place: Place, { clusterName, nodegroupName, createdAt }: NodeGroup): void {
  later(place.cloud, durations.nodeGroupDelete, () => {
    if (place.state.clusters[clusterName]?.nodeGroups[nodegroupName]?.createdAt !== createdAt) return;
    resize(place, clusterName, nodegroupName);
    changeRecord(place, clusterName, ({ nodeGroups }) => ({ nodeGroups: without(nodeGroups, nodegroupName) }));
  });
}

function parseNodeGroup(place: Place, { cluster }: ClusterRecord, input: Input): NodeGroup {
  input.skip("clientRequestToken");
  const nodegroupName = input.requiredText("nodegroupName");
  if (!namePattern.test(nodegroupName)) throw invalidParameter(`The nodegroupName ${nodegroupName} is not valid`);
  const subnets = input.texts("subnets") ?? [];
  if (subnets.length === 0) throw invalidParameter("subnets are required");
  const foreign = findSubnets(place, subnets).find(({ vpcId }) => vpcId !== cluster.resourcesVpcConfig.vpcId);
  if (foreign !== undefined) throw invalidParameter(`The subnet ${foreign.id} is not in the VPC of the cluster`);
  const instanceTypes = input.texts("instanceTypes") ?? ["t3.medium"];
  const [firstType = ""] = instanceTypes;
  const isArm = /^[a-z]+\d+g/.test(firstType);
  const amiType = input.text("amiType") ?? (isArm ? amiTypes.arm : amiTypes.x86);
  if (!/^(AL2023|BOTTLEROCKET)_(ARM_64|x86_64)(_STANDARD)?$/.test(amiType)) {
    throw invalidParameter(`the sandbox does not know the amiType ${amiType}`);
  }
  if (amiType.includes("ARM_64") !== isArm) {
    throw invalidParameter(`[${firstType}] is not a valid instance type for requested amiType ${amiType}`);
  }
  const version = input.text("version") ?? cluster.version;
  if (version !== cluster.version) {
    throw invalidParameter(`Nodegroup version ${version} must be that of the cluster, ${cluster.version}`);
  }
  const capacityType = input.text("capacityType") ?? "ON_DEMAND";
  if (capacityType !== "ON_DEMAND" && capacityType !== "SPOT") {
    throw invalidParameter(`the sandbox does not know the capacityType ${capacityType}`);
  }
  const diskSize = input.number("diskSize");
  const launchTemplate = readLaunchTemplate(place, input.one("launchTemplate"));
  if (launchTemplate !== undefined && diskSize !== undefined) {
    throw invalidParameter("Disk size must be specified within the launch template.");
  }
  const scaling = input.one("scalingConfig");
  const update = input.one("updateConfig");
  const id = crypto.randomUUID();
  const now = secondsOf(place);
  const group: NodeGroup = {
    nodegroupName,
    nodegroupArn: arnOf(place, "nodegroup", `${cluster.name}/${nodegroupName}/${id}`),
    clusterName: cluster.name,
    version,
    releaseVersion: releaseOf(version),
    createdAt: now,
    modifiedAt: now,
    status: "CREATING",
    capacityType,
    scalingConfig: scaling === undefined ? defaultScaling : readScaling(scaling, defaultScaling),
    instanceTypes,
    subnets,
    amiType,
    nodeRole: checkNodeRole(place, input.requiredText("nodeRole")),
    labels: input.pairs("labels") ?? {},
    taints: (input.many("taints") ?? []).map(readTaint),
    diskSize: diskSize ?? 20,
    ...(launchTemplate === undefined ? {} : { launchTemplate }),
    health: { issues: [] },
    updateConfig: update === undefined ? { maxUnavailable: 1 } : readUpdateConfig(update),
    resources: { autoScalingGroups: [{ name: `eks-${nodegroupName}-${id}` }] },
    tags: checkTags(input.pairs("tags")),
  };
  input.end();
  return group;
}

/** By its id alone. */
function readLaunchTemplate({ cloud, account, region }: Place, input: Input | undefined): NodeGroup["launchTemplate"] {
  if (input === undefined) return undefined;
  const [id, version] = [input.requiredText("id"), input.requiredText("version")];
  const found = networkOf(cloud, account, region).launchTemplates?.[id];
  if (found?.versions[Number(version) - 1] === undefined) {
    throw invalidParameter(`The launch template ${id} has no version ${version}`);
  }
  return { id, version };
}

function readScaling(input: Input, now: NodeGroup["scalingConfig"]): NodeGroup["scalingConfig"] {
  const minSize = input.number("minSize") ?? now.minSize;
  const maxSize = input.number("maxSize") ?? now.maxSize;
  const desiredSize = input.number("desiredSize") ?? now.desiredSize;
  if (minSize > maxSize)
    throw invalidParameter(`Minimum capacity ${minSize} can't be greater than maximum size ${maxSize}`);
  if (desiredSize < minSize)
    throw invalidParameter(`desired capacity ${desiredSize} can't be less than minimum size ${minSize}`);
  if (desiredSize > maxSize) {
    throw invalidParameter(`desired capacity ${desiredSize} can't be greater than max size ${maxSize}`);
  }
  return { minSize, maxSize, desiredSize };
}

function readUpdateConfig(input: Input): NodeGroup["updateConfig"] {
  const maxUnavailable = input.number("maxUnavailable");
  const maxUnavailablePercentage = input.number("maxUnavailablePercentage");
  if ((maxUnavailable === undefined) === (maxUnavailablePercentage === undefined)) {
    throw invalidParameter("updateConfig needs one of maxUnavailable and maxUnavailablePercentage");
  }
  return maxUnavailable === undefined
    ? { maxUnavailablePercentage: maxUnavailablePercentage ?? 0 }
    : { maxUnavailable };
}

function readTaint(input: Input): NodeGroup["taints"][number] {
  const effect = input.requiredText("effect");
  if (!["NO_SCHEDULE", "NO_EXECUTE", "PREFER_NO_SCHEDULE"].includes(effect)) {
    throw invalidParameter(`The taint effect ${effect} is not valid`);
  }
  const value = input.text("value");
  return { key: input.requiredText("key"), ...(value === undefined ? {} : { value }), effect };
}

function releaseOf(version: string): string {
  return `${version}.0-20260501`;
}

function groupOf({ nodeGroups }: Pick<ClusterRecord, "nodeGroups">, groupName: string): NodeGroup {
  const found = nodeGroups[groupName];
  if (found === undefined) throw notFound(`No node group found for name: ${groupName}.`);
  return found;
}

function keep(place: Place, group: NodeGroup): NodeGroup {
  changeRecord(place, group.clusterName, ({ nodeGroups }) => ({
    nodeGroups: { ...nodeGroups, [group.nodegroupName]: group },
  }));
  return group;
}
