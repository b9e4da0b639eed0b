import type { Cloud } from "#sandbox/aws/cloud.ts";
import { autoNodePolicy, checkPolicy, clusterAdminPolicy } from "#sandbox/aws/eks/access-policies.ts";
import { checkTags, readInput } from "#sandbox/aws/eks/input.ts";
import { principalIdOf } from "#sandbox/aws/eks/principals.ts";
import {
  type AccessEntry,
  type AccessEntryRecord,
  type AssociatedPolicy,
  arnOf,
  type Cluster,
  type ClusterRecord,
  changeRecord,
  inUse,
  invalidParameter,
  invalidRequest,
  notFound,
  type Place,
  placeOf,
  recordOf,
  secondsOf,
  without,
} from "#sandbox/aws/eks/state.ts";
import type { JsonObject } from "#sandbox/json.ts";

/** Kinds of entries: of people and programs, and of machines. */
const types = ["STANDARD", "EC2_LINUX", "EC2"];
/** Beginnings of names that are Kubernetes' own, or AWS'. */
const reserved = /^(system|eks|aws|amazon|iam):/;
const wholeCluster = { type: "cluster", namespaces: [] } as const;

/**
 * @param input as CreateAccessEntry takes it, without the cluster's name
 * @throws AwsFault InvalidParameterException, InvalidRequestException, ResourceInUseException, ResourceNotFoundException
 */
export function createAccessEntry(
  cloud: Cloud,
  account: string,
  region: string,
  name: string,
  body: JsonObject,
): AccessEntry {
  const place = placeOf(cloud, account, region);
  const record = editable(place, name);
  const input = readInput(body);
  input.skip("clientRequestToken");
  const principalArn = input.requiredText("principalArn");
  const options = {
    type: input.text("type") ?? "STANDARD",
    username: input.text("username"),
    groups: input.texts("kubernetesGroups") ?? [],
    tags: checkTags(input.pairs("tags")),
  };
  input.end();
  const made = newEntry(place, record.cluster, principalArn, options);
  if (record.accessEntries[principalArn] !== undefined) {
    throw inUse("The specified access entry resource is already in use on this cluster.");
  }
  return keep(place, name, made).entry;
}

/** @throws AwsFault ResourceNotFoundException */
export function describeAccessEntry(
  cloud: Cloud,
  account: string,
  region: string,
  name: string,
  principalArn: string,
): AccessEntry {
  return entryOf(recordOf(placeOf(cloud, account, region), name), principalArn).entry;
}

export function listAccessEntries(cloud: Cloud, account: string, region: string, name: string): readonly string[] {
  return Object.keys(recordOf(placeOf(cloud, account, region), name).accessEntries).sort();
}

/** @throws AwsFault InvalidParameterException, InvalidRequestException, ResourceNotFoundException */
export function updateAccessEntry(
  cloud: Cloud,
  account: string,
  region: string,
  name: string,
  principalArn: string,
  body: JsonObject,
): AccessEntry {
  const place = placeOf(cloud, account, region);
  const found = entryOf(editable(place, name), principalArn);
  const input = readInput(body);
  input.skip("clientRequestToken");
  const groups = checkGroups(input.texts("kubernetesGroups") ?? found.entry.kubernetesGroups);
  const username = checkUserName(input.text("username") ?? found.entry.username);
  input.end();
  const entry = { ...found.entry, kubernetesGroups: groups, username, modifiedAt: secondsOf(place) };
  return keep(place, name, { ...found, entry }).entry;
}

/** @throws AwsFault ResourceNotFoundException, InvalidRequestException */
export function deleteAccessEntry(
  cloud: Cloud,
  account: string,
  region: string,
  name: string,
  principalArn: string,
): void {
  const place = placeOf(cloud, account, region);
  entryOf(editable(place, name), principalArn);
  changeRecord(place, name, ({ accessEntries }) => ({ accessEntries: without(accessEntries, principalArn) }));
}

/**
 * Associates a policy with an entry, or gives one that is there another scope.
 *
 * @throws AwsFault InvalidParameterException, InvalidRequestException, ResourceNotFoundException
 */
export function associateAccessPolicy(
  cloud: Cloud,
  account: string,
  region: string,
  name: string,
  principalArn: string,
  body: JsonObject,
): AssociatedPolicy {
  const place = placeOf(cloud, account, region);
  const found = entryOf(editable(place, name), principalArn);
  const input = readInput(body);
  const policyArn = checkPolicy(input.requiredText("policyArn"));
  const scope = input.one("accessScope");
  const type = scope?.text("type");
  const namespaces = scope?.texts("namespaces") ?? [];
  input.end();
  if (type !== "cluster" && type !== "namespace") throw invalidParameter(`The accessScope type ${type} is invalid`);
  if ((type === "namespace") !== namespaces.length > 0) {
    throw invalidParameter("accessScope needs namespaces with the type namespace, and none with the type cluster");
  }
  if (found.entry.type === "EC2_LINUX") {
    throw invalidParameter("Access policies can't be associated with access entries of the type EC2_LINUX");
  }
  const before = found.policies.find((one) => one.policyArn === policyArn);
  const now = secondsOf(place);
  const policy: AssociatedPolicy = {
    policyArn,
    accessScope: { type, namespaces },
    associatedAt: before?.associatedAt ?? now,
    modifiedAt: now,
  };
  const others = found.policies.filter((one) => one.policyArn !== policyArn);
  keep(place, name, { ...found, policies: [...others, policy] });
  return policy;
}

/** @throws AwsFault ResourceNotFoundException */
export function listAssociatedAccessPolicies(
  cloud: Cloud,
  account: string,
  region: string,
  name: string,
  principalArn: string,
): readonly AssociatedPolicy[] {
  return entryOf(recordOf(placeOf(cloud, account, region), name), principalArn).policies;
}

/** @throws AwsFault ResourceNotFoundException, InvalidRequestException */
export function disassociateAccessPolicy(
  cloud: Cloud,
  account: string,
  region: string,
  name: string,
  principalArn: string,
  policyArn: string,
): void {
  const place = placeOf(cloud, account, region);
  const found = entryOf(editable(place, name), principalArn);
  const policies = found.policies.filter((one) => one.policyArn !== policyArn);
  if (policies.length === found.policies.length) {
    throw notFound(
      "The specified policyArn could not be found. You can view your available policies with 'list-associated-access-policies'.",
    );
  }
  keep(place, name, { ...found, policies });
}

/** Entries that are there from the start: of who makes the cluster, and of the machines of Auto Mode. */
export function bootstrapEntries(
  place: Place,
  cluster: Cluster,
  creator: string | undefined,
): Readonly<Record<string, AccessEntryRecord>> {
  const entries: Record<string, AccessEntryRecord> = {};
  const { authenticationMode, bootstrapClusterCreatorAdminPermissions: lets } = cluster.accessConfig;
  if (authenticationMode === "CONFIG_MAP") return entries;
  const add = (arn: string, type: string, policyArn: string) => {
    const made = newEntry(place, cluster, arn, { type, username: undefined, groups: [], tags: {} });
    const at = secondsOf(place);
    const policies = [{ policyArn, accessScope: wholeCluster, associatedAt: at, modifiedAt: at }];
    entries[arn] = { ...made, policies };
  };
  if (creator !== undefined && lets === true) add(creator, "STANDARD", clusterAdminPolicy);
  const nodeRole = cluster.computeConfig?.nodeRoleArn;
  if (nodeRole !== undefined) add(nodeRole, "EC2", autoNodePolicy);
  return entries;
}

/** The entry that EKS makes for the role of a managed node group. */
export function admitNodeRole(place: Place, name: string, roleArn: string): void {
  const { cluster, accessEntries } = recordOf(place, name);
  if (cluster.accessConfig.authenticationMode === "CONFIG_MAP" || accessEntries[roleArn] !== undefined) return;
  keep(
    place,
    name,
    newEntry(place, cluster, roleArn, { type: "EC2_LINUX", username: undefined, groups: [], tags: {} }),
  );
}

interface EntryOptions {
  readonly type: string;
  readonly username: string | undefined;
  readonly groups: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
}

function newEntry(place: Place, { name }: Cluster, principalArn: string, options: EntryOptions): AccessEntryRecord {
  const [, account = "", kind = "", path = ""] = /^arn:aws:iam::(\d{12}):(role|user)\/(.+)$/.exec(principalArn) ?? [];
  if (kind === "") throw invalidParameter("The principalArn parameter format is not valid");
  const principalId = principalIdOf(place.cloud, principalArn);
  if (principalId === undefined) throw invalidParameter("The specified principalArn is invalid: invalid principal.");
  const { type, groups, username, tags } = options;
  if (!types.includes(type)) throw invalidParameter(`The type value ${type} is not valid: ${types.join(", ")}`);
  if (type !== "STANDARD" && (groups.length > 0 || username !== undefined)) {
    throw invalidParameter(`username and kubernetesGroups must not be given with the type ${type}`);
  }
  const own = path.slice(path.lastIndexOf("/") + 1);
  const standard = kind === "user" ? principalArn : `arn:aws:sts::${account}:assumed-role/${own}/{{SessionName}}`;
  const defaultName = type === "STANDARD" ? standard : "system:node:{{EC2PrivateDNSName}}";
  const now = secondsOf(place);
  const entry: AccessEntry = {
    clusterName: name,
    principalArn,
    kubernetesGroups: type === "EC2_LINUX" ? ["system:nodes"] : checkGroups(groups),
    accessEntryArn: arnOf(place, "access-entry", `${name}/${kind}/${account}/${own}/${crypto.randomUUID()}`),
    createdAt: now,
    modifiedAt: now,
    tags,
    username: username === undefined ? defaultName : checkUserName(username),
    type,
  };
  return { entry, principalId, policies: [] };
}

function keep(place: Place, name: string, made: AccessEntryRecord): AccessEntryRecord {
  const { principalArn } = made.entry;
  changeRecord(place, name, ({ accessEntries }) => ({ accessEntries: { ...accessEntries, [principalArn]: made } }));
  return made;
}

function entryOf({ accessEntries }: ClusterRecord, principalArn: string): AccessEntryRecord {
  const found = accessEntries[principalArn];
  if (found !== undefined) return found;
  throw notFound(
    "The specified principalArn could not be found. You can view your available access entries with 'list-access-entries'.",
  );
}

/** Entries count once the cluster is there, and not with a ConfigMap alone. */
function editable(place: Place, name: string): ClusterRecord {
  const record = recordOf(place, name);
  const { status, accessConfig } = record.cluster;
  if (accessConfig.authenticationMode === "CONFIG_MAP") {
    throw invalidRequest(
      "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation.",
    );
  }
  if (status !== "ACTIVE" && status !== "UPDATING")
    throw invalidRequest(`Cluster ${name} is ${status}, and not ACTIVE`);
  return record;
}

function checkGroups(groups: readonly string[]): readonly string[] {
  const wrong = groups.find((group) => reserved.test(group));
  if (wrong === undefined) return groups;
  throw invalidParameter(`The kubernetes group name ${wrong} is invalid, it cannot start with ${wrong.split(":")[0]}:`);
}

function checkUserName(username: string): string {
  if (!reserved.test(username) || username.startsWith("arn:")) return username;
  throw invalidParameter(`The username must not begin with ${username.split(":")[0]}:`);
}
