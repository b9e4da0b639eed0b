import type { Behaviours, GcpFault, Json } from "#sandbox/gcp/api/behaviour.ts";
import { fault, invalidArgument, unsupported } from "#sandbox/gcp/api/faults.ts";
import {
  createFederation,
  deleteFederation,
  describeFederation,
  type FederationKind,
  federationName,
  findFederation,
  getOperation,
  listFederations,
  patchFederation,
  undeleteFederation,
} from "#sandbox/gcp/iam/federations.ts";
import { checkProvider } from "#sandbox/gcp/iam/provider-fields.ts";
import { stringAt } from "#sandbox/json.ts";

const pools: FederationKind = {
  idParameter: "workloadIdentityPoolId",
  fields: ["displayName", "description", "disabled"],
  check(fields) {
    refuseOthers(fields, ["displayName", "description", "disabled", "mode"]);
    if (!["", "FEDERATION_ONLY"].includes(stringAt(fields, "mode"))) throw unknownField("mode");
    checkTexts(fields);
  },
};

const providers: FederationKind = {
  idParameter: "workloadIdentityPoolProviderId",
  fields: ["displayName", "description", "disabled", "attributeMapping", "attributeCondition", "oidc"],
  check(fields) {
    refuseOthers(fields, this.fields);
    checkTexts(fields);
    checkProvider(fields);
  },
};

const prefix = "iam.projects.locations.workloadIdentityPools";

/** Workload identity pools and their providers. */
export const workloadIdentityPools: Behaviours = {
  [`${prefix}.create`]: (call) => createFederation(call, pools, federationName(call)),
  [`${prefix}.get`]: (call) => describeFederation(findFederation(call.cloud, federationName(call))),
  [`${prefix}.list`]: (call) => listFederations(call, "workloadIdentityPools", federationName(call)),
  [`${prefix}.patch`]: (call) => patchFederation(call, pools),
  [`${prefix}.delete`]: deleteFederation,
  [`${prefix}.undelete`]: undeleteFederation,
  [`${prefix}.operations.get`]: getOperation,
  [`${prefix}.providers.create`]: (call) => {
    const pool = findFederation(call.cloud, federationName(call));
    if (pool.expires !== undefined) throw fault("NOT_FOUND", "Requested entity was not found.");
    return createFederation(call, providers, `${pool.name}/providers`);
  },
  [`${prefix}.providers.get`]: (call) => describeFederation(findFederation(call.cloud, federationName(call))),
  [`${prefix}.providers.list`]: (call) =>
    listFederations(call, "workloadIdentityPoolProviders", `${federationName(call)}/providers`),
  [`${prefix}.providers.patch`]: (call) => patchFederation(call, providers),
  [`${prefix}.providers.delete`]: deleteFederation,
  [`${prefix}.providers.undelete`]: undeleteFederation,
  [`${prefix}.providers.operations.get`]: getOperation,
};

function checkTexts(fields: Json): void {
  if (stringAt(fields, "displayName").length > 32) throw invalidArgument("The display name has at most 32 characters.");
  if (stringAt(fields, "description").length > 256)
    throw invalidArgument("The description has at most 256 characters.");
}

function refuseOthers(fields: Json, known: readonly string[]): void {
  for (const field of Object.keys(fields)) if (field !== "name" && !known.includes(field)) throw unknownField(field);
}

/** What Google knows and the sandbox does not. */
function unknownField(field: string): GcpFault {
  return unsupported(`the field ${field} of pools and providers`);
}
