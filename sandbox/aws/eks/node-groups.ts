import { networkOf } from "#sandbox/aws/cloudformation/ec2/network.ts";
import { admitNodeRole } from "#sandbox/aws/eks/access-entries.ts";
import { controlPlanesOf } from "#sandbox/aws/eks/control-planes.ts";
import { type Input, readInput, readTags } from "#sandbox/aws/eks/input.ts";
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
  type Location,
  type NodeGroup,
  notFound,
  type Place,
  placeOf,
  recordOf,
  secondsOf,
  without,
} from "#sandbox/aws/eks/state.ts";
import { durations, later } from "#sandbox/aws/eks/work.ts";
import type { JsonObject } from "#sandbox/json.ts";
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
  const group = parseNodeGroup(place, record, readInput(body));
  const { nodegroupName } = group;
  if (record.nodeGroups[nodegroupName] !== undefined) {
    throw inUse(`NodeGroup already exists with name ${nodegroupName} and cluster name ${name}`);
  }
  keep(place, group);
  admitNodeRole(place, name, group.nodeRole);
  resumeNodeGroup(place, group);
}

/** @throws AwsFault ResourceNotFoundException */
export function describeNodeGroup(at: Location, name: string, groupName: string): Omit<NodeGroup, "pending"> {
  const { pending: _, ...group } = groupOf(recordOf(placeOf(at), name), groupName);
  return group;
}

export function listNodeGroups(at: Location, name: string): readonly string[] {
  return Object.keys(recordOf(placeOf(at), name).nodeGroups).sort();
}

/**
 * Begins to change the number of machines, or how many an update replaces at once.
 *
 * @throws AwsFault InvalidParameterException, ResourceInUseException, ResourceNotFoundException
 */
export function updateNodeGroupConfig(at: Location, name: string, groupName: string, body: JsonObject): void {
  const place = placeOf(at);
  const group = groupOf(recordOf(place, name), groupName);
  const input = readInput(body);
  const pending = {
    scalingConfig: readScaling(input.one("scalingConfig"), group.scalingConfig),
    updateConfig: readUpdateConfig(input.one("updateConfig"), group.updateConfig),
  };
  input.end();
  begin(place, group, pending);
}

/** Begins to bring a node group to the version of its cluster or launch template: all of its machines are replaced. */
export function updateNodeGroupVersion(at: Location, name: string, groupName: string, body: JsonObject): void {
  const place = placeOf(at);
  const record = recordOf(place, name);
  const group = groupOf(record, groupName);
  const input = readInput(body);
  const version = readVersion(record, input);
  const launchTemplate = readLaunchTemplate(place, input.one("launchTemplate"));
  input.end();
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
  const group = groupOf(recordOf(place, name), groupName);
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
  resize(place, group, group.scalingConfig.desiredSize);
}

function finishUpdate(place: Place, _: ClusterRecord, { pending, ...group }: NodeGroup): void {
  const changed = keep(place, { ...group, ...pending, status: "ACTIVE", modifiedAt: secondsOf(place) });
  resize(place, changed, changed.scalingConfig.desiredSize, pending?.version !== undefined);
}

function finishDeletion(place: Place, _: ClusterRecord, group: NodeGroup): void {
  const { clusterName, nodegroupName } = group;
  resize(place, group, 0);
  changeRecord(place, clusterName, ({ nodeGroups }) => ({ nodeGroups: without(nodeGroups, nodegroupName) }));
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
  controlPlanesOf(place.cloud).refreshNodes(place, clusterName);
}

function parseNodeGroup(place: Place, record: ClusterRecord, input: Input): NodeGroup {
  const { cluster } = record;
  const nodegroupName = input.requiredText("nodegroupName");
  if (!namePattern.test(nodegroupName)) throw invalidParameter(`The nodegroupName ${nodegroupName} is not valid`);
  const subnets = input.texts("subnets") ?? [];
  if (subnets.length === 0) throw invalidParameter("subnets are required");
  const foreign = findSubnets(place, subnets).find(({ vpcId }) => vpcId !== cluster.resourcesVpcConfig.vpcId);
  if (foreign !== undefined) throw invalidParameter(`The subnet ${foreign.id} is not in the VPC of the cluster`);
  const instanceTypes = input.texts("instanceTypes") ?? ["t3.medium"];
  const version = readVersion(record, input);
  const launchTemplate = readLaunchTemplate(place, input.one("launchTemplate"));
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
    capacityType: "ON_DEMAND",
    scalingConfig: readScaling(input.one("scalingConfig"), defaultScaling),
    instanceTypes,
    subnets,
    amiType: readAmiType(instanceTypes, input.text("amiType")),
    nodeRole: checkNodeRole(place, input.requiredText("nodeRole")),
    ...(launchTemplate === undefined ? { diskSize: 20 } : { launchTemplate }),
    health: { issues: [] },
    updateConfig: readUpdateConfig(input.one("updateConfig"), { maxUnavailable: 1 }),
    resources: { autoScalingGroups: [{ name: `eks-${nodegroupName}-${id}` }] },
    tags: readTags(input),
  };
  input.end();
  return group;
}

/** Missing: that of the cluster. */
function readVersion({ cluster }: ClusterRecord, input: Input): string {
  const version = input.text("version") ?? cluster.version;
  if (version === cluster.version) return version;
  throw invalidParameter(`Nodegroup version ${version} must be that of the cluster, ${cluster.version}`);
}

function readAmiType([instanceType = ""]: readonly string[], given: string | undefined): string {
  const isArm = /^[a-z]+\d+g/.test(instanceType);
  const amiType = given ?? (isArm ? amiTypes.arm : amiTypes.x86);
  if (amiType !== amiTypes.arm && amiType !== amiTypes.x86) {
    throw invalidParameter(`the sandbox does not know the amiType ${amiType}`);
  }
  if ((amiType === amiTypes.arm) === isArm) return amiType;
  throw invalidParameter(`[${instanceType}] is not a valid instance type for requested amiType ${amiType}`);
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

function readScaling(input: Input | undefined, now: NodeGroup["scalingConfig"]): NodeGroup["scalingConfig"] {
  const minSize = input?.number("minSize") ?? now.minSize;
  const maxSize = input?.number("maxSize") ?? now.maxSize;
  const desiredSize = input?.number("desiredSize") ?? now.desiredSize;
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

function readUpdateConfig(input: Input | undefined, now: NodeGroup["updateConfig"]): NodeGroup["updateConfig"] {
  return { maxUnavailable: input?.number("maxUnavailable") ?? now.maxUnavailable };
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
