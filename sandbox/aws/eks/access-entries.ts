import { findPart, keepPart } from "#sandbox/aws/eks/parts.ts";
import { principalIdOf } from "#sandbox/aws/eks/principals.ts";
import {
  type AccessEntry,
  type AccessEntryRecord,
  type AssociatedPolicy,
  activeRecord,
  arnOf,
  type Cluster,
  inUse,
  invalidParameter,
  type Location,
  type Place,
  placeOf,
  recordOf,
  secondsOf,
  type Tags,
} from "#sandbox/aws/eks/state.ts";
import { type JsonObject, stringAt, stringsAt } from "#sandbox/json.ts";

export const clusterAdminPolicy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy";
/** Of Auto Mode's nodes, whose kubelets don't exist here. */
const autoNodePolicy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSAutoNodePolicy";
const wholeCluster = { type: "cluster", namespaces: [] } as const;

/**
 * @param body as CreateAccessEntry takes it, without the cluster's name
 * @throws AwsFault InvalidParameterException, InvalidRequestException, ResourceInUseException, ResourceNotFoundException
 */
export function createAccessEntry(at: Location, name: string, body: JsonObject): AccessEntry {
  const place = placeOf(at);
  const { cluster, accessEntries } = activeRecord(place, name);
  const principalArn = stringAt(body, "principalArn");
  const type = stringAt(body, "type") || "STANDARD";
  if (type !== "STANDARD") throw invalidParameter(`the sandbox does not know access entries of the type ${type}`);
  const made = newEntry(place, cluster, principalArn, type, stringsAt(body, "tags"));
  if (accessEntries[principalArn] !== undefined) {
    throw inUse("The specified access entry resource is already in use on this cluster.");
  }
  return keepPart(place, name, "accessEntries", principalArn, made).entry;
}

/**
 * Associates a policy with an entry.
 *
 * @throws AwsFault InvalidParameterException, also for policies and scopes of AWS that have no effect here,
 * InvalidRequestException, ResourceNotFoundException
 */
export function associateAccessPolicy(at: Location, name: string, principalArn: string, body: JsonObject): void {
  const policyArn = stringAt(body, "policyArn");
  const type = stringAt(body, "accessScope", "type");
  if (policyArn !== clusterAdminPolicy) {
    throw invalidParameter(`The specified policyArn is invalid: the sandbox does not know ${policyArn}`);
  }
  if (type !== "cluster") throw invalidParameter(`the sandbox does not know the accessScope type ${type}`);
  changePolicies(at, name, principalArn, (policies, place) => [
    ...policies.filter((one) => one.policyArn !== policyArn),
    policyOf(place, policyArn),
  ]);
}

/** @throws AwsFault ResourceNotFoundException, InvalidRequestException */
export function disassociateAccessPolicy(at: Location, name: string, principalArn: string, policyArn: string): void {
  changePolicies(at, name, principalArn, (policies) => policies.filter((one) => one.policyArn !== policyArn));
}

function changePolicies(
  at: Location,
  name: string,
  principalArn: string,
  change: (policies: readonly AssociatedPolicy[], place: Place) => readonly AssociatedPolicy[],
): void {
  const place = placeOf(at);
  activeRecord(place, name);
  const found = findPart(place, name, "accessEntries", principalArn);
  keepPart(place, name, "accessEntries", principalArn, { ...found, policies: change(found.policies, place) });
}

/** Entries of a new cluster: for its creator, and for the machines of Auto Mode. */
export function bootstrapEntries(
  place: Place,
  cluster: Cluster,
  creator: string | undefined,
): Readonly<Record<string, AccessEntryRecord>> {
  const entries: Record<string, AccessEntryRecord> = {};
  const add = (arn: string, type: string, policyArn: string) => {
    entries[arn] = { ...newEntry(place, cluster, arn, type), policies: [policyOf(place, policyArn)] };
  };
  const { bootstrapClusterCreatorAdminPermissions: admits } = cluster.accessConfig;
  if (creator !== undefined && admits) add(creator, "STANDARD", clusterAdminPolicy);
  const nodeRole = cluster.computeConfig?.nodeRoleArn;
  if (nodeRole !== undefined) add(nodeRole, "EC2", autoNodePolicy);
  return entries;
}

/** The entry that EKS creates for the role of a managed node group. */
export function admitNodeRole(place: Place, name: string, roleArn: string): void {
  const { cluster, accessEntries } = recordOf(place, name);
  if (accessEntries[roleArn] !== undefined) return;
  keepPart(place, name, "accessEntries", roleArn, newEntry(place, cluster, roleArn, "EC2_LINUX"));
}

function newEntry(
  place: Place,
  { name }: Cluster,
  principalArn: string,
  type: string,
  tags: Tags = {},
): AccessEntryRecord {
  const [, account = "", kind = "", path = ""] = /^arn:aws:iam::(\d{12}):(role|user)\/(.+)$/.exec(principalArn) ?? [];
  if (kind === "") throw invalidParameter("The principalArn parameter format is not valid");
  const principalId = principalIdOf(place.cloud, principalArn);
  if (principalId === undefined) throw invalidParameter("The specified principalArn is invalid: invalid principal.");
  const own = path.slice(path.lastIndexOf("/") + 1);
  const standard = kind === "user" ? principalArn : `arn:aws:sts::${account}:assumed-role/${own}/{{SessionName}}`;
  const now = secondsOf(place);
  const entry: AccessEntry = {
    clusterName: name,
    principalArn,
    kubernetesGroups: type === "EC2_LINUX" ? ["system:nodes"] : [],
    accessEntryArn: arnOf(place, "access-entry", `${name}/${kind}/${account}/${own}/${crypto.randomUUID()}`),
    createdAt: now,
    modifiedAt: now,
    tags,
    username: type === "STANDARD" ? standard : "system:node:{{EC2PrivateDNSName}}",
    type,
  };
  return { entry, principalId, policies: [] };
}

function policyOf(place: Place, policyArn: string): AssociatedPolicy {
  const now = secondsOf(place);
  return { policyArn, accessScope: wholeCluster, associatedAt: now, modifiedAt: now };
}
