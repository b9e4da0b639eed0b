import { type ArmCall, ArmFault, type Kind, type StoredResource } from "#sandbox/azure/arm/kind.ts";
import { resourcesBelow } from "#sandbox/azure/arm/store.ts";
import { authorizeRole, isWithin, roleAssignmentType } from "#sandbox/azure/authorization/authorize.ts";
import { tryParseCondition } from "#sandbox/azure/authorization/condition.ts";
import { customRoles, roleDefinitionType, roleIdOf, tryFindRole } from "#sandbox/azure/authorization/roles.ts";
import type { AzureCloud } from "#sandbox/azure/cloud.ts";
import { groupsWith, isGroup, tenantOf, tryFindPrincipal } from "#sandbox/azure/entra/directory.ts";
import { readTerms } from "#sandbox/azure/kinds/filter.ts";
import { authorizationVersions, authorship, uuid } from "#sandbox/azure/kinds/role-definitions.ts";
import { timeAfter } from "#sandbox/cloud/cloud-base.ts";
import { stringAt, textsAt } from "#sandbox/json.ts";

/** Of Azure's own time, until a new assignment counts. */
const propagationMs = 60_000;
/** Of Azure's own time, until Resource Manager finds a new principal in the directory. */
const replicationMs = 20_000;

/** Who has which role in which scope. */
export const roleAssignments: Kind = {
  type: roleAssignmentType,
  versions: authorizationVersions,
  shape: roleAssignmentType,
  anyScope: true,
  name: uuid,
  answersRemoved: true,
  put(call, { properties }, before) {
    const { cloud, at, caller } = call;
    const role = stringAt(properties, "roleDefinitionId");
    const principalId = stringAt(properties, "principalId").toLowerCase();
    const condition = stringAt(properties, "condition");
    const version = stringAt(properties, "conditionVersion");
    authorizeRole(cloud, caller, "write", { scope: at.id, role });
    requireRole(call, role);
    const type = requirePrincipal(call, principalId, stringAt(properties, "principalType"));
    requireCondition(condition, version);
    refuseDuplicate(call, role, principalId);
    if (before !== undefined) refuseChange(before, role, principalId);
    const effective = timeAfter(cloud, propagationMs);
    return {
      properties: {
        roleDefinitionId: `/subscriptions/${at.subscription}/providers/${roleDefinitionType}/${roleIdOf(role)}`,
        principalId,
        principalType: type,
        scope: at.scope,
        condition: condition || null,
        conditionVersion: version || null,
        ...authorship(call, before),
        delegatedManagedIdentityResourceId: null,
        description: stringAt(properties, "description") || null,
      },
      hidden: { effective: stringAt(before, "hidden", "effective") || effective },
    };
  },
  beforeRemove({ cloud, at, caller }, { properties }) {
    authorizeRole(cloud, caller, "delete", { scope: at.id, role: stringAt(properties, "roleDefinitionId") });
  },
  missing: ({ name }) => new ArmFault(404, "RoleAssignmentNotFound", `The role assignment '${name}' is not found.`),
  list({ cloud, at, query }) {
    const terms = readTerms(query.get("$filter"), ["atScope", "principalId", "assignedTo"]);
    const groups = (member: string) => groupsWith(cloud, tenantOf(cloud, at.subscription), member);
    return assignmentsIn(cloud, at.subscription).filter(({ properties }) => {
      const [scope, principalId] = [stringAt(properties, "scope"), stringAt(properties, "principalId")];
      return (
        (isWithin(at.scope, scope) || isWithin(scope, at.scope)) &&
        terms.every(({ field, value }) => {
          if (field === "atScope") return isWithin(at.scope, scope);
          const member = value.toLowerCase();
          return member === principalId || (field === "assignedTo" && groups(member).includes(principalId));
        })
      );
    });
  },
};

function requireRole({ cloud, at }: ArmCall, id: string): void {
  const tenant = tenantOf(cloud, at.subscription);
  const role = tryFindRole(cloud, tenant, id);
  if (role === undefined) {
    throw new ArmFault(
      404,
      "RoleDefinitionDoesNotExist",
      `The specified role definition with ID '${roleIdOf(id)}' does not exist.`,
    );
  }
  const custom = customRoles(cloud, tenant).find(({ name }) => name.toLowerCase() === role.id);
  const isAssignable =
    custom === undefined || textsAt(custom.properties, "assignableScopes").some((scope) => isWithin(at.scope, scope));
  if (isAssignable) return;
  throw invalid(
    "RoleDefinitionScopeNotAssignable",
    `The role definition '${role.id}' cannot be assigned at the scope '${at.scope}': it is not within its assignable scopes.`,
  );
}

/** Without a type Azure looks the principal up in the directory, where new ones appear late. @returns its type */
function requirePrincipal({ cloud, at }: ArmCall, principalId: string, declared: string): string {
  const tenant = tenantOf(cloud, at.subscription);
  const principal = tryFindPrincipal(cloud, tenant, principalId);
  const found =
    principal !== undefined ? "ServicePrincipal" : isGroup(cloud, tenant, principalId) ? "Group" : undefined;
  if (declared !== "") {
    if (found === undefined || found === declared) return declared;
    throw invalid(
      "UnmatchedPrincipalType",
      `The PrincipalId '${principalId.replaceAll("-", "")}' has type '${found}' , which is different from specified PrinciaplType '${declared}'.`,
    );
  }
  const seen = Date.parse(principal?.created ?? "1970-01-01") + cloud.pace.scale(replicationMs);
  if (found !== undefined && seen <= cloud.now().getTime()) return found;
  throw invalid(
    "PrincipalNotFound",
    `Principal ${principalId.replaceAll("-", "")} does not exist in the directory ${tenant}. Check that you have the correct principal ID. If you are creating this principal and then immediately assigning a role, this error might be related to a replication delay. In this case, set the role assignment principalType property to a value, such as ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype`,
  );
}

/** Conditions that the sandbox cannot evaluate are refused, so that none is passed over. */
function requireCondition(condition: string, version: string): void {
  if (condition === "") return;
  if (version === "2.0" && tryParseCondition(condition) !== undefined) return;
  throw invalid(
    "InvalidRoleAssignmentCondition",
    `the sandbox only evaluates conditions of version 2.0 that limit the roles to assign, not ${condition}`,
  );
}

function assignmentsIn(cloud: AzureCloud, subscription: string): readonly StoredResource[] {
  return resourcesBelow(cloud, `/subscriptions/${subscription}`).filter(({ type }) => type === roleAssignmentType);
}

function refuseDuplicate({ cloud, at }: ArmCall, role: string, principalId: string): void {
  const twin = assignmentsIn(cloud, at.subscription).find(
    ({ name, properties }) =>
      name.toLowerCase() !== at.name.toLowerCase() &&
      stringAt(properties, "scope").toLowerCase() === at.scope.toLowerCase() &&
      stringAt(properties, "principalId") === principalId &&
      roleIdOf(stringAt(properties, "roleDefinitionId")) === roleIdOf(role),
  );
  if (twin === undefined) return;
  throw new ArmFault(
    409,
    "RoleAssignmentExists",
    `The role assignment already exists. The ID of the existing role assignment is ${twin.name.replaceAll("-", "")}.`,
  );
}

function refuseChange({ properties }: StoredResource, role: string, principalId: string): void {
  const isSame =
    stringAt(properties, "principalId") === principalId &&
    roleIdOf(stringAt(properties, "roleDefinitionId")) === roleIdOf(role);
  if (isSame) return;
  throw invalid(
    "RoleAssignmentUpdateNotPermitted",
    "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
  );
}

function invalid(code: string, message: string): ArmFault {
  return new ArmFault(400, code, message);
}
