import { findPart, keepPart } from "#sandbox/aws/eks/parts.ts";
import { checkPodRole, type PodOwner } from "#sandbox/aws/eks/principals.ts";
import {
  activeRecord,
  arnOf,
  type Cluster,
  inUse,
  invalidParameter,
  type Location,
  type Place,
  type PodIdentityAssociation,
  placeOf,
  randomHex,
  secondsOf,
} from "#sandbox/aws/eks/state.ts";
import { type JsonObject, stringAt, stringsAt } from "#sandbox/json.ts";

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
  const [namespace, serviceAccount] = [stringAt(body, "namespace"), stringAt(body, "serviceAccount")];
  const roleArn = stringAt(body, "roleArn");
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
    tags: stringsAt(body, "tags"),
    createdAt: now,
    modifiedAt: now,
    disableSessionTags: false,
  });
}

/** @throws AwsFault InvalidParameterException, InvalidRequestException, ResourceNotFoundException */
export function updatePodIdentity(at: Location, name: string, id: string, body: JsonObject): void {
  const place = placeOf(at);
  const { cluster } = activeRecord(place, name);
  const found = findPart(place, name, "podIdentities", id);
  const roleArn = stringAt(body, "roleArn");
  checkPodRole(place, roleArn, ownerOf(cluster, found));
  keep(place, { ...found, roleArn, modifiedAt: secondsOf(place) });
}

function keep(place: Place, association: PodIdentityAssociation): PodIdentityAssociation {
  return keepPart(place, association.clusterName, "podIdentities", association.associationId, association);
}

function ownerOf({ arn, name }: Cluster, pod: Pick<PodOwner, "namespace" | "serviceAccount">): PodOwner {
  return { clusterArn: arn, clusterName: name, namespace: pod.namespace, serviceAccount: pod.serviceAccount };
}
