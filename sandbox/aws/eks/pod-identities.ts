import type { Cloud } from "#sandbox/aws/cloud.ts";
import { checkTags, readInput } from "#sandbox/aws/eks/input.ts";
import { checkPodRole, type PodOwner } from "#sandbox/aws/eks/principals.ts";
import {
  arnOf,
  type ClusterRecord,
  changeRecord,
  inUse,
  invalidParameter,
  invalidRequest,
  notFound,
  type PodIdentityAssociation,
  placeOf,
  randomHex,
  recordOf,
  secondsOf,
  without,
} from "#sandbox/aws/eks/state.ts";
import type { JsonObject } from "#sandbox/json.ts";

const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const roleArn = /^arn:aws:iam::\d{12}:role\/.+$/;

/**
 * Gives a service account a role. Neither has to be there in the cluster yet.
 *
 * @param input as CreatePodIdentityAssociation takes it, without the cluster's name
 * @throws AwsFault InvalidParameterException, InvalidRequestException, ResourceInUseException, ResourceNotFoundException
 */
export function createPodIdentity(
  cloud: Cloud,
  account: string,
  region: string,
  name: string,
  body: JsonObject,
): PodIdentityAssociation {
  const place = placeOf(cloud, account, region);
  const record = active(recordOf(place, name));
  const input = readInput(body);
  input.skip("clientRequestToken");
  const namespace = input.requiredText("namespace");
  const serviceAccount = input.requiredText("serviceAccount");
  const role = input.requiredText("roleArn");
  const target = checkTarget(input.text("targetRoleArn"));
  const disableSessionTags = input.flag("disableSessionTags") ?? false;
  const tags = checkTags(input.pairs("tags"));
  input.end();
  if (!label.test(namespace)) throw invalidParameter(`The namespace ${namespace} is not a valid name`);
  if (!subdomain.test(serviceAccount))
    throw invalidParameter(`The service account ${serviceAccount} is not a valid name`);
  checkPodRole(place, role, ownerOf(record, { namespace, serviceAccount }));
  const holder = Object.values(record.podIdentities).find(
    (one) => one.namespace === namespace && one.serviceAccount === serviceAccount,
  );
  if (holder !== undefined) throw inUse(`Association already exists: ${holder.associationId}`);
  const associationId = `a-${randomHex(17)}`;
  const now = secondsOf(place);
  const association: PodIdentityAssociation = {
    clusterName: name,
    namespace,
    serviceAccount,
    roleArn: role,
    associationArn: arnOf(place, "podidentityassociation", `${name}/${associationId}`),
    associationId,
    tags,
    createdAt: now,
    modifiedAt: now,
    disableSessionTags,
    ...targetOf(target, account, region, name, namespace, serviceAccount),
  };
  return keep(cloud, account, region, association);
}

/** @throws AwsFault ResourceNotFoundException */
export function describePodIdentity(
  cloud: Cloud,
  account: string,
  region: string,
  name: string,
  id: string,
): PodIdentityAssociation {
  return associationOf(recordOf(placeOf(cloud, account, region), name), id);
}

export function listPodIdentities(
  cloud: Cloud,
  account: string,
  region: string,
  name: string,
): readonly PodIdentityAssociation[] {
  return Object.values(recordOf(placeOf(cloud, account, region), name).podIdentities);
}

/** @throws AwsFault InvalidParameterException, InvalidRequestException, ResourceNotFoundException */
export function updatePodIdentity(
  cloud: Cloud,
  account: string,
  region: string,
  name: string,
  id: string,
  body: JsonObject,
): PodIdentityAssociation {
  const place = placeOf(cloud, account, region);
  const record = active(recordOf(place, name));
  const { targetRoleArn, externalId: _before, ...found } = associationOf(record, id);
  const input = readInput(body);
  input.skip("clientRequestToken");
  const role = input.text("roleArn") ?? found.roleArn;
  const target = checkTarget(input.text("targetRoleArn")) ?? targetRoleArn;
  const disableSessionTags = input.flag("disableSessionTags") ?? found.disableSessionTags;
  input.end();
  checkPodRole(place, role, ownerOf(record, found));
  return keep(cloud, account, region, {
    ...found,
    roleArn: role,
    disableSessionTags,
    modifiedAt: secondsOf(place),
    ...targetOf(target, account, region, name, found.namespace, found.serviceAccount),
  });
}

/** @throws AwsFault ResourceNotFoundException */
export function deletePodIdentity(
  cloud: Cloud,
  account: string,
  region: string,
  name: string,
  id: string,
): PodIdentityAssociation {
  const place = placeOf(cloud, account, region);
  const found = associationOf(recordOf(place, name), id);
  changeRecord(place, name, ({ podIdentities }) => ({ podIdentities: without(podIdentities, id) }));
  return found;
}

function associationOf({ podIdentities }: ClusterRecord, id: string): PodIdentityAssociation {
  const found = podIdentities[id];
  if (found === undefined) throw notFound(`No association found for association-id: ${id}`);
  return found;
}

function active(record: ClusterRecord): ClusterRecord {
  const { name, status } = record.cluster;
  if (status !== "ACTIVE" && status !== "UPDATING")
    throw invalidRequest(`Cluster ${name} is ${status}, and not ACTIVE`);
  return record;
}

function checkTarget(target: string | undefined): string | undefined {
  if (target === undefined || roleArn.test(target)) return target;
  throw invalidParameter(`The targetRoleArn ${target} is not the ARN of a role`);
}

/** A role beyond the first one is told by an external id which association comes. */
function targetOf(
  targetRoleArn: string | undefined,
  account: string,
  region: string,
  name: string,
  namespace: string,
  serviceAccount: string,
) {
  if (targetRoleArn === undefined) return {};
  return { targetRoleArn, externalId: `${region}/${account}/${name}/${namespace}/${serviceAccount}` };
}

function keep(cloud: Cloud, account: string, region: string, association: PodIdentityAssociation) {
  const { clusterName, associationId } = association;
  changeRecord(placeOf(cloud, account, region), clusterName, ({ podIdentities }) => ({
    podIdentities: { ...podIdentities, [associationId]: association },
  }));
  return association;
}

function ownerOf(
  { cluster: { arn, name } }: ClusterRecord,
  pod: Pick<PodOwner, "namespace" | "serviceAccount">,
): PodOwner {
  return { clusterArn: arn, clusterName: name, namespace: pod.namespace, serviceAccount: pod.serviceAccount };
}
