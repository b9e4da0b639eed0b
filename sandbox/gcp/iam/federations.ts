import { randomUUID } from "node:crypto";
import { timeAfter } from "#sandbox/cloud/cloud-base.ts";
import type { GcpCall, Json } from "#sandbox/gcp/api/behaviour.ts";
import { failedPrecondition, fault, invalidArgument } from "#sandbox/gcp/api/faults.ts";
import { pageOf } from "#sandbox/gcp/api/page.ts";
import type { GcpCloud } from "#sandbox/gcp/cloud.ts";
import { type Federation, iamOf, tryFindFederation } from "#sandbox/gcp/iam/state.ts";
import { applyMask } from "#sandbox/gcp/iam/update-mask.ts";

/** What pools and providers have in common: long operations, and deletes that can be taken back. */
export interface FederationKind {
  /** Query parameter with the id of a new one. */
  readonly idParameter: string;
  /** Fields that an update may change. */
  readonly fields: readonly string[];
  /** @throws GcpFault 400 */
  check(fields: Json): void;
}

/** A change takes seconds, and up to five minutes until the token endpoint knows it: https://github.com/google-github-actions/auth/issues/120 */
const [operationMs, propagationMs] = [5_000, 60_000] as const;
/** A deleted one keeps its name for thirty days. */
const undeleteMs = 30 * 86_400_000;
const idForm = /^(?!gcp-)(?=.{4,32}$)[a-z0-9-]+$/;

/** `projects/NUMBER/locations/global/workloadIdentityPools/POOL[/providers/PROVIDER]` of a call; without its id for a collection. */
export function federationName({ project, params }: GcpCall): string {
  const { locationsId, workloadIdentityPoolsId: pool, providersId: provider } = params;
  if (locationsId !== "global") throw invalidArgument(`Invalid location: "${locationsId}" is not "global".`);
  const pools = `projects/${project?.number}/locations/global/workloadIdentityPools`;
  if (pool === undefined) return pools;
  return provider === undefined ? `${pools}/${pool}` : `${pools}/${pool}/providers/${provider}`;
}

/** @throws GcpFault 404 */
export function findFederation(cloud: GcpCloud, name: string): Federation {
  const found = tryFindFederation(cloud, name);
  if (found === undefined) throw fault("NOT_FOUND", "Requested entity was not found.");
  return found;
}

/** @param collection name of what it is created in, with `/workloadIdentityPools` or `/providers` at its end */
export function createFederation(call: GcpCall, kind: FederationKind, collection: string): Json {
  const { cloud, query, body } = call;
  const id = query.get(kind.idParameter) ?? "";
  if (!idForm.test(id)) {
    throw invalidArgument(
      `Invalid ${kind.idParameter} "${id}": it has 4 to 32 lower-case letters, digits and hyphens, and does not begin with "gcp-".`,
    );
  }
  const name = `${collection}/${id}`;
  if (tryFindFederation(cloud, name) !== undefined) {
    throw fault("ALREADY_EXISTS", "Requested entity already exists");
  }
  kind.check(body);
  return change(call, { name, fields: body, effective: "" });
}

export function patchFederation(call: GcpCall, kind: FederationKind): Json {
  const before = findChangeable(call);
  const fields = applyMask(before.fields, call.body, call.query.get("updateMask") ?? "", kind.fields);
  kind.check(fields);
  return change(call, { ...before, fields });
}

export function deleteFederation(call: GcpCall): Json {
  const expires = new Date(call.cloud.now().getTime() + undeleteMs).toISOString();
  return change(call, { ...findChangeable(call), expires });
}

export function undeleteFederation(call: GcpCall): Json {
  const { expires, ...before } = findFederation(call.cloud, federationName(call));
  if (expires === undefined) throw failedPrecondition("The entity is not deleted.");
  return change(call, before);
}

/** Direct children of a collection. @param field of the answer */
export function listFederations(call: GcpCall, field: string, collection: string): Json {
  const { cloud, project, query } = call;
  const isAll = query.get("showDeleted") === "true";
  const found = Object.keys(iamOf(cloud, project?.projectId ?? "").federations)
    .filter((name) => name.slice(0, name.lastIndexOf("/")) === collection)
    .flatMap((name) => tryFindFederation(cloud, name) ?? [])
    .filter(({ expires, isManaged }) => isManaged !== true && (isAll || expires === undefined));
  return pageOf(call, field, found, 100, describeFederation);
}

export function describeFederation({ name, fields, expires }: Federation): Json {
  const state = expires === undefined ? { state: "ACTIVE" } : { state: "DELETED", expireTime: expires };
  return { ...fields, name, ...state };
}

/** As recorded, without a response when it is done. */
export function getOperation(call: GcpCall): Json {
  const { cloud, project, params } = call;
  const name = `${federationName(call)}/operations/${params.operationsId}`;
  const found = iamOf(cloud, project?.projectId ?? "").operations[name];
  if (found === undefined) throw fault("NOT_FOUND", "Requested entity was not found.");
  return found.done <= cloud.now().toISOString() ? { name, done: true } : { name };
}

/** The pool of all clusters of a project with workload identity, which GKE creates with the first one. */
export function createClusterPool(cloud: GcpCloud, projectId: string): void {
  const number = cloud.projects().find((project) => project.projectId === projectId)?.number;
  const name = `projects/${number}/locations/global/workloadIdentityPools/${projectId}.svc.id.goog`;
  iamOf(cloud, projectId).federations[name] ??= {
    name,
    fields: {},
    effective: cloud.now().toISOString(),
    isManaged: true,
  };
  cloud.save();
}

function findChangeable(call: GcpCall): Federation {
  const found = findFederation(call.cloud, federationName(call));
  if (found.isManaged === true) throw failedPrecondition("The pool is managed by Google Kubernetes Engine.");
  if (found.expires !== undefined) throw failedPrecondition("The entity is deleted. Undelete it before you change it.");
  return found;
}

/** Stores it, and answers the operation that does so. */
function change({ cloud, project }: GcpCall, federation: Federation): Json {
  const state = iamOf(cloud, project?.projectId ?? "");
  const name = `${federation.name}/operations/${randomUUID().replaceAll("-", "")}`;
  state.federations[federation.name] = { ...federation, effective: timeAfter(cloud, propagationMs) };
  state.operations[name] = { done: timeAfter(cloud, operationMs) };
  cloud.save();
  return { name };
}
