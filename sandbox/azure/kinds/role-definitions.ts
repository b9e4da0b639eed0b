import {
  type ArmCall,
  ArmFault,
  type Json,
  type Kind,
  type ResourceId,
  type StoredResource,
} from "#sandbox/azure/arm/kind.ts";
import { resourcesOfType } from "#sandbox/azure/arm/store.ts";
import { isKnownAction } from "#sandbox/azure/authorization/actions.ts";
import { authorize, isWithin, roleAssignmentType } from "#sandbox/azure/authorization/authorize.ts";
import {
  builtInRoles,
  customRoles,
  permissionsAt,
  roleDefinitionType,
  roleIdOf,
} from "#sandbox/azure/authorization/roles.ts";
import type { AzureCloud } from "#sandbox/azure/cloud.ts";
import { tenantOf } from "#sandbox/azure/entra/directory.ts";
import { readTerms } from "#sandbox/azure/kinds/filter.ts";
import { stringAt, textsAt } from "#sandbox/json.ts";

export const authorizationVersions = [
  "2015-07-01",
  "2018-01-01-preview",
  "2018-09-01-preview",
  "2020-04-01-preview",
  "2022-04-01",
  "2022-05-01-preview",
] as const;

export const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Custom roles. */
export const roleDefinitions: Kind = {
  type: roleDefinitionType,
  versions: authorizationVersions,
  shape: roleDefinitionType,
  anyScope: true,
  name: uuid,
  updateStatus: 201,
  answersRemoved: true,
  put(call, { properties }, before) {
    const { cloud, caller } = call;
    const roleName = stringAt(properties, "roleName");
    const assignableScopes = textsAt(properties, "assignableScopes");
    const permissions = permissionsAt(properties);
    if (roleName === "") throw invalid("RoleDefinitionNameRequired", "The role definition name is required.");
    if (assignableScopes.length === 0) {
      throw invalid("MissingAssignableScopes", "The role definition must have at least one assignable scope.");
    }
    for (const scope of assignableScopes) authorize(cloud, caller, `${roleDefinitionType}/write`, scope);
    for (const { actions, notActions } of permissions) [...actions, ...notActions].forEach(requireKnown);
    refuseTakenName(call, roleName);
    const description = stringAt(properties, "description") || null;
    const fields = { roleName, type: "CustomRole", description, assignableScopes, permissions };
    return { properties: { ...fields, ...authorship(call, before) } };
  },
  beforeRemove({ cloud }, { name }) {
    const id = name.toLowerCase();
    const users = resourcesOfType(cloud, roleAssignmentType).filter(
      ({ properties }) => roleIdOf(stringAt(properties, "roleDefinitionId")) === id,
    );
    if (users.length === 0) return;
    throw invalid(
      "RoleDefinitionHasAssignments",
      `There are existing role assignments referencing role with ID '${id}'.`,
    );
  },
  find: (cloud, at) => definitionsOf(cloud, at).find(({ name }) => name.toLowerCase() === at.name.toLowerCase()),
  missing: ({ name }) =>
    new ArmFault(404, "RoleDefinitionDoesNotExist", `The specified role definition with ID '${name}' does not exist.`),
  list({ cloud, at, query }) {
    const terms = readTerms(query.get("$filter"), ["atScopeAndBelow", "roleName", "type"]);
    const isBelowToo = terms.some(({ field }) => field === "atScopeAndBelow");
    return definitionsOf(cloud, at).filter(
      ({ properties }) =>
        textsAt(properties, "assignableScopes").some(
          (scope) => isWithin(at.scope, scope) || (isBelowToo && isWithin(scope, at.scope)),
        ) && terms.every(({ field, value }) => field === "atScopeAndBelow" || stringAt(properties, field) === value),
    );
  },
};

/** Who has created and changed a role or an assignment, and when. */
export function authorship({ cloud, caller }: ArmCall, before: StoredResource | undefined): Json {
  const now = cloud.now().toISOString();
  return {
    createdOn: stringAt(before, "properties", "createdOn") || now,
    updatedOn: now,
    createdBy: stringAt(before, "properties", "createdBy") || caller.objectId,
    updatedBy: caller.objectId,
  };
}

/** Built-in roles, and the custom ones of the tenant. */
function definitionsOf(cloud: AzureCloud, { subscription }: ResourceId): readonly StoredResource[] {
  const scope = subscription === "" ? "" : `/subscriptions/${subscription}`;
  const builtIn = builtInRoles.map(({ id, roleName, description, permissions }) => ({
    id: `${scope}/providers/${roleDefinitionType}/${id}`,
    name: id,
    type: roleDefinitionType,
    properties: { roleName, type: "BuiltInRole", description, assignableScopes: ["/"], permissions },
  }));
  return [...builtIn, ...customRoles(cloud, tenantOf(cloud, subscription))];
}

function requireKnown(action: string): void {
  if (isKnownAction(action)) return;
  throw invalid(
    "InvalidActionOrNotAction",
    `'${action}' does not match any of the actions supported by the providers.`,
  );
}

function refuseTakenName({ cloud, at }: ArmCall, roleName: string): void {
  const isTaken = customRoles(cloud, tenantOf(cloud, at.subscription)).some(
    ({ name, properties }) =>
      name.toLowerCase() !== at.name.toLowerCase() &&
      stringAt(properties, "roleName").toLowerCase() === roleName.toLowerCase(),
  );
  if (!isTaken) return;
  throw new ArmFault(
    409,
    "RoleDefinitionWithSameNameExists",
    "A custom role with the same name already exists in this directory. Use a different name.",
  );
}

function invalid(code: string, message: string): ArmFault {
  return new ArmFault(400, code, message);
}
