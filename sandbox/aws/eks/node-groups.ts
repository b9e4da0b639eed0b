import { networkOf } from "#sandbox/aws/cloudformation/ec2/network.ts";
import { admitNodeRole } from "#sandbox/aws/eks/access-entries.ts";
import { refreshNodes } from "#sandbox/aws/eks/api-servers.ts";
import { durations } from "#sandbox/aws/eks/durations.ts";
import { findSubnets } from "#sandbox/aws/eks/network.ts";
import { startMachines } from "#sandbox/aws/eks/nodes.ts";
import { dropPart, findPart, keepPart } from "#sandbox/aws/eks/parts.ts";
import { checkNodeRole } from "#sandbox/aws/eks/principals.ts";
import { networkDaemonSet } from "#sandbox/aws/eks/seed.ts";
import {
  arnOf,
  type ClusterRecord,
  changeRecord,
  inUse,
  invalidParameter,
  invalidRequest,
  type Location,
  type NodeGroup,
  type Place,
  placeOf,
  recordOf,
  secondsOf,
} from "#sandbox/aws/eks/state.ts";
import { controlPlanesOf } from "#sandbox/cloud/control-planes.ts";
import { later } from "#sandbox/cloud/later.ts";
import { type JsonObject, numberAt, stringAt, stringsAt, textsAt, valueAt } from "#sandbox/json.ts";
import { daemonSets } from "#sandbox/kubernetes/kinds.ts";

const namePattern = /^[0-9A-Za-z][A-Za-z0-9\-_]{0,62}$/;
const amiTypes = { arm: "AL2023_ARM_64_STANDARD", x86: "AL2023_x86_64_STANDARD" } as const;
const defaultScaling = { minSize: 1, maxSize: 2, desiredSize: 2 };

/**
 * Begins to create a managed node group.
 *
 * @param body as CreateNodegroup takes it, without the cluster's name
 * @throws AwsFault InvalidParameterException, InvalidRequestException, ResourceInUseException, ResourceNotFoundException
 */
export function createNodeGroup(at: Location, name: string, body: JsonObject): void {
  const place = placeOf(at);
  const record = recordOf(place, name);
  if (record.cluster.status !== "ACTIVE") throw invalidRequest(`Cluster '${name}' is not in ACTIVE status`);
  const group = parseNodeGroup(place, record, body);
  const { nodegroupName } = group;
  if (record.nodeGroups[nodegroupName] !== undefined) {
    throw inUse(`NodeGroup already exists with name ${nodegroupName} and cluster name ${name}`);
  }
  keep(place, group);
  admitNodeRole(place, name, group.nodeRole);
  resumeNodeGroup(place, group);
}

/**
 * Begins to change the number of machines, or how many an update replaces at once.
 *
 * @throws AwsFault InvalidParameterException, ResourceInUseException, ResourceNotFoundException
 */
export function updateNodeGroupConfig(at: Location, name: string, groupName: string, body: JsonObject): void {
  const place = placeOf(at);
  const group = findPart(place, name, "nodeGroups", groupName);
  begin(place, group, {
    scalingConfig: readScaling(body, group.scalingConfig),
    updateConfig: readUpdateConfig(body, group.updateConfig),
  });
}

/** Begins to bring a node group to the version of its cluster or launch template: all of its machines are replaced. */
export function updateNodeGroupVersion(at: Location, name: string, groupName: string, body: JsonObject): void {
  const place = placeOf(at);
  const group = findPart(place, name, "nodeGroups", groupName);
  const version = readVersion(recordOf(place, name), body);
  const launchTemplate = readLaunchTemplate(place, body);
  if (launchTemplate !== undefined && launchTemplate.id !== group.launchTemplate?.id) {
    throw invalidParameter("Launch template details can't be added, or be those of another one");
  }
  begin(place, group, {
    version,
    releaseVersion: releaseOf(version),
    ...(launchTemplate === undefined ? {} : { launchTemplate }),
  });
}

/** @throws AwsFault ResourceNotFoundException, ResourceInUseException */
export function deleteNodeGroup(at: Location, name: string, groupName: string): void {
  const place = placeOf(at);
  const group = findPart(place, name, "nodeGroups", groupName);
  if (group.status === "CREATING" || group.status === "UPDATING") {
    throw inUse(`Nodegroup ${groupName} is ${group.status}: it can be deleted when that is done`);
  }
  if (group.status !== "DELETING") resumeNodeGroup(place, keep(place, { ...group, status: "DELETING" }));
}

/** Finishes what is in progress, also what was in progress when the daemon ended. */
export function resumeNodeGroup(place: Place, { clusterName, nodegroupName, status, createdAt }: NodeGroup): void {
  const steps = {
    CREATING: [durations.nodeGroupCreate, finishCreation],
    UPDATING: [durations.nodeGroupUpdate, finishUpdate],
    DELETING: [durations.nodeGroupDelete, finishDeletion],
  } as const;
  if (status === "ACTIVE" || status === "CREATE_FAILED") return;
  const [durationMs, finish] = steps[status];
  later(place.cloud, durationMs, () => {
    const record = place.state.clusters[clusterName];
    const group = record?.nodeGroups[nodegroupName];
    if (record === undefined || group?.createdAt !== createdAt || group.status !== status) return;
    finish(place, record, group);
  });
}

function begin(place: Place, group: NodeGroup, pending: Partial<NodeGroup>): void {
  const { nodegroupName, status } = group;
  if (status !== "ACTIVE") throw inUse(`Nodegroup ${nodegroupName} is ${status}: it can be updated when it is ACTIVE`);
  resumeNodeGroup(place, keep(place, { ...group, status: "UPDATING", pending }));
}

function finishCreation(place: Place, record: ClusterRecord, group: NodeGroup): void {
  const objects = controlPlanesOf(place.cloud).objects(record.cluster.arn);
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
  resize(place, group, group.scalingConfig.desiredSize);
}

function finishUpdate(place: Place, _: ClusterRecord, { pending, ...group }: NodeGroup): void {
  const changed = keep(place, { ...group, ...pending, status: "ACTIVE", modifiedAt: secondsOf(place) });
  resize(place, changed, changed.scalingConfig.desiredSize, pending?.version !== undefined);
}

function finishDeletion(place: Place, _: ClusterRecord, group: NodeGroup): void {
  const { clusterName, nodegroupName } = group;
  resize(place, group, 0);
  dropPart(place, clusterName, "nodeGroups", nodegroupName);
}

/** @param replaces all machines, as an upgrade does */
function resize(
  place: Place,
  { clusterName, nodegroupName, subnets, instanceTypes }: NodeGroup,
  wanted: number,
  replaces = false,
): void {
  const own = recordOf(place, clusterName).nodes.filter((node) => node.group === nodegroupName);
  const kept = replaces ? [] : own.slice(0, wanted);
  const gone = new Set(own.slice(kept.length).map(({ instanceId }) => instanceId));
  const [instanceType = ""] = instanceTypes;
  // New machines start before old ones end, as in an update of EKS: so none has the address, and the name, of one that it replaces.
  const count = wanted - kept.length;
  startMachines(place, clusterName, { count, subnets, instanceType, group: nodegroupName });
  changeRecord(place, clusterName, ({ nodes }) => ({ nodes: nodes.filter(({ instanceId }) => !gone.has(instanceId)) }));
  refreshNodes(place, clusterName);
}

function parseNodeGroup(place: Place, record: ClusterRecord, body: JsonObject): NodeGroup {
  const { cluster } = record;
  const nodegroupName = stringAt(body, "nodegroupName");
  if (!namePattern.test(nodegroupName)) throw invalidParameter(`The nodegroupName ${nodegroupName} is not valid`);
  const subnets = textsAt(body, "subnets");
  if (subnets.length === 0) throw invalidParameter("subnets are required");
  const foreign = findSubnets(place, subnets).find(({ vpcId }) => vpcId !== cluster.resourcesVpcConfig.vpcId);
  if (foreign !== undefined) throw invalidParameter(`The subnet ${foreign.id} is not in the VPC of the cluster`);
  const given = textsAt(body, "instanceTypes");
  const instanceTypes = given.length === 0 ? ["t3.medium"] : given;
  const version = readVersion(record, body);
  const launchTemplate = readLaunchTemplate(place, body);
  const id = crypto.randomUUID();
  const now = secondsOf(place);
  return {
    nodegroupName,
    nodegroupArn: arnOf(place, "nodegroup", `${cluster.name}/${nodegroupName}/${id}`),
    clusterName: cluster.name,
    version,
    releaseVersion: releaseOf(version),
    createdAt: now,
    modifiedAt: now,
    status: "CREATING",
    capacityType: "ON_DEMAND",
    scalingConfig: readScaling(body, defaultScaling),
    instanceTypes,
    subnets,
    amiType: readAmiType(instanceTypes, stringAt(body, "amiType")),
    nodeRole: checkNodeRole(place, stringAt(body, "nodeRole")),
    ...(launchTemplate === undefined ? { diskSize: 20 } : { launchTemplate }),
    health: { issues: [] },
    updateConfig: readUpdateConfig(body, { maxUnavailable: 1 }),
    resources: { autoScalingGroups: [{ name: `eks-${nodegroupName}-${id}` }] },
    tags: stringsAt(body, "tags"),
  };
}

/** Missing: that of the cluster. */
function readVersion({ cluster }: ClusterRecord, body: JsonObject): string {
  const version = stringAt(body, "version") || cluster.version;
  if (version === cluster.version) return version;
  throw invalidParameter(`Nodegroup version ${version} must be that of the cluster, ${cluster.version}`);
}

function readAmiType([instanceType = ""]: readonly string[], given: string): string {
  const isArm = /^[a-z]+\d+g/.test(instanceType);
  const amiType = given || (isArm ? amiTypes.arm : amiTypes.x86);
  if (amiType !== amiTypes.arm && amiType !== amiTypes.x86) {
    throw invalidParameter(`the sandbox does not know the amiType ${amiType}`);
  }
  if ((amiType === amiTypes.arm) === isArm) return amiType;
  throw invalidParameter(`[${instanceType}] is not a valid instance type for requested amiType ${amiType}`);
}

/** By its id alone. */
function readLaunchTemplate({ cloud, account, region }: Place, body: JsonObject): NodeGroup["launchTemplate"] {
  if (valueAt(body, "launchTemplate") === undefined) return undefined;
  const [id, version] = [stringAt(body, "launchTemplate", "id"), stringAt(body, "launchTemplate", "version")];
  const found = networkOf(cloud, account, region).launchTemplates?.[id];
  if (found?.versions[Number(version) - 1] === undefined) {
    throw invalidParameter(`The launch template ${id} has no version ${version}`);
  }
  return { id, version };
}

function readScaling({ scalingConfig }: JsonObject, now: NodeGroup["scalingConfig"]): NodeGroup["scalingConfig"] {
  const minSize = numberAt(scalingConfig, "minSize") ?? now.minSize;
  const maxSize = numberAt(scalingConfig, "maxSize") ?? now.maxSize;
  const desiredSize = numberAt(scalingConfig, "desiredSize") ?? now.desiredSize;
  if (minSize > maxSize) {
    throw invalidParameter(`Minimum capacity ${minSize} can't be greater than maximum size ${maxSize}`);
  }
  if (desiredSize < minSize) {
    throw invalidParameter(`desired capacity ${desiredSize} can't be less than minimum size ${minSize}`);
  }
  if (desiredSize > maxSize) {
    throw invalidParameter(`desired capacity ${desiredSize} can't be greater than max size ${maxSize}`);
  }
  return { minSize, maxSize, desiredSize };
}

function readUpdateConfig(body: JsonObject, now: NodeGroup["updateConfig"]): NodeGroup["updateConfig"] {
  return { maxUnavailable: numberAt(body, "updateConfig", "maxUnavailable") ?? now.maxUnavailable };
}

function releaseOf(version: string): string {
  return `${version}.0-20260501`;
}

function keep(place: Place, group: NodeGroup): NodeGroup {
  return keepPart(place, group.clusterName, "nodeGroups", group.nodegroupName, group);
}
