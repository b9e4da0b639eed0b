import { readInput, readTags } from "#sandbox/aws/eks/input.ts";
import { checkPodRole, type PodOwner } from "#sandbox/aws/eks/principals.ts";
import {
  activeRecord,
  arnOf,
  type Cluster,
  type ClusterRecord,
  changeRecord,
  inUse,
  invalidParameter,
  type Location,
  notFound,
  type Place,
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

/**
 * Gives a service account a role. The service account may be missing.
 *
 * @param body as CreatePodIdentityAssociation takes it, without the cluster's name
 * @throws AwsFault InvalidParameterException, InvalidRequestException, ResourceInUseException, ResourceNotFoundException
 */
export function createPodIdentity(at: Location, name: string, body: JsonObject): PodIdentityAssociation {
  const place = placeOf(at);
  const { cluster, podIdentities } = activeRecord(place, name);
  const input = readInput(body);
  const namespace = input.requiredText("namespace");
  const serviceAccount = input.requiredText("serviceAccount");
  const roleArn = input.requiredText("roleArn");
  const tags = readTags(input);
  input.end();
  if (!label.test(namespace)) throw invalidParameter(`The namespace ${namespace} is not a valid name`);
  if (!subdomain.test(serviceAccount)) {
    throw invalidParameter(`The service account ${serviceAccount} is not a valid name`);
  }
  checkPodRole(place, roleArn, ownerOf(cluster, { namespace, serviceAccount }));
  const holder = Object.values(podIdentities).find(
    (one) => one.namespace === namespace && one.serviceAccount === serviceAccount,
  );
  if (holder !== undefined) throw inUse(`Association already exists: ${holder.associationId}`);
  const associationId = `a-${randomHex(17)}`;
  const now = secondsOf(place);
  return keep(place, {
    clusterName: name,
    namespace,
    serviceAccount,
    roleArn,
    associationArn: arnOf(place, "podidentityassociation", `${name}/${associationId}`),
    associationId,
    tags,
    createdAt: now,
    modifiedAt: now,
    disableSessionTags: false,
  });
}

/** @throws AwsFault ResourceNotFoundException */
export function describePodIdentity(at: Location, name: string, id: string): PodIdentityAssociation {
  return associationOf(recordOf(placeOf(at), name), id);
}

/** As ListPodIdentityAssociations summarizes them. */
export function listPodIdentities(at: Location, name: string) {
  return Object.values(recordOf(placeOf(at), name).podIdentities).map(
    ({ clusterName, namespace, serviceAccount, associationArn, associationId }) => ({
      clusterName,
      namespace,
      serviceAccount,
      associationArn,
      associationId,
    }),
  );
}

/** @throws AwsFault InvalidParameterException, InvalidRequestException, ResourceNotFoundException */
export function updatePodIdentity(at: Location, name: string, id: string, body: JsonObject): void {
  const place = placeOf(at);
  const record = activeRecord(place, name);
  const found = associationOf(record, id);
  const input = readInput(body);
  const roleArn = input.requiredText("roleArn");
  input.end();
  checkPodRole(place, roleArn, ownerOf(record.cluster, found));
  keep(place, { ...found, roleArn, modifiedAt: secondsOf(place) });
}

/** @throws AwsFault ResourceNotFoundException */
export function deletePodIdentity(at: Location, name: string, id: string): void {
  const place = placeOf(at);
  associationOf(recordOf(place, name), id);
  changeRecord(place, name, ({ podIdentities }) => ({ podIdentities: without(podIdentities, id) }));
}

function associationOf({ podIdentities }: ClusterRecord, id: string): PodIdentityAssociation {
  const found = podIdentities[id];
  if (found === undefined) throw notFound(`No association found for association-id: ${id}`);
  return found;
}

function keep(place: Place, association: PodIdentityAssociation): PodIdentityAssociation {
  const { clusterName, associationId } = association;
  changeRecord(place, clusterName, ({ podIdentities }) => ({
    podIdentities: { ...podIdentities, [associationId]: association },
  }));
  return association;
}

function ownerOf({ arn, name }: Cluster, pod: Pick<PodOwner, "namespace" | "serviceAccount">): PodOwner {
  return { clusterArn: arn, clusterName: name, namespace: pod.namespace, serviceAccount: pod.serviceAccount };
}
