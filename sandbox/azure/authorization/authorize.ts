import { ArmFault } from "#sandbox/azure/arm/kind.ts";
import { resourcesBelow } from "#sandbox/azure/arm/store.ts";
import { matchesAction } from "#sandbox/azure/authorization/actions.ts";
import { tryParseCondition } from "#sandbox/azure/authorization/condition.ts";
import { type Permission, roleIdOf, tryFindRole } from "#sandbox/azure/authorization/roles.ts";
import type { AzureCloud, Caller } from "#sandbox/azure/cloud.ts";
import { administratorOf } from "#sandbox/azure/entra/administrators.ts";
import { tenantOf } from "#sandbox/azure/entra/directory.ts";
import { hasPassed } from "#sandbox/cloud/cloud-base.ts";
import { stringAt } from "#sandbox/json.ts";

export type ActionKind = "action" | "data";

export const roleAssignmentType = "Microsoft.Authorization/roleAssignments";

/** A role that somebody has in a scope and below it. */
interface Grant {
  readonly scope: string;
  readonly role: string;
  /** Empty for none. */
  readonly condition: string;
}

const ownerRole = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";

/**
 * Requires a role assignment of the caller or its groups that allows the action.
 *
 * @param action `Microsoft.Network/dnsZones/write`
 * @param scope id of the resource, or of what a list is of
 * @throws ArmFault AuthorizationFailed
 */
export function authorize(
  cloud: AzureCloud,
  caller: Caller,
  action: string,
  scope: string,
  kind: ActionKind = "action",
): void {
  if (isAuthorized(cloud, caller, action, scope, kind)) return;
  throw denied(caller, action, scope, "does not have authorization");
}

/** As `authorize`; conditions of assignments count as met. */
export function isAuthorized(
  cloud: AzureCloud,
  caller: Caller,
  action: string,
  scope: string,
  kind: ActionKind = "action",
): boolean {
  return grantsFor(cloud, caller, action, scope, kind).length > 0;
}

/**
 * Requires an assignment that lets the caller hand out a role or take it away, its condition included.
 *
 * @throws ArmFault AuthorizationFailed
 */
export function authorizeRole(
  cloud: AzureCloud,
  caller: Caller,
  verb: "write" | "delete",
  { scope, role }: { readonly scope: string; readonly role: string },
): void {
  const action = `${roleAssignmentType}/${verb}`;
  const isMet = grantsFor(cloud, caller, action, scope, "action").some(({ condition }) => {
    const roles = condition === "" ? undefined : tryParseCondition(condition)?.[verb];
    return roles === undefined || roles.includes(roleIdOf(role));
  });
  if (isMet) return;
  throw denied(caller, action, scope, "has an authorization with ABAC condition that is not fulfilled");
}

function grantsFor(
  cloud: AzureCloud,
  caller: Caller,
  action: string,
  scope: string,
  kind: ActionKind,
): readonly Grant[] {
  const grants = grantsOf(cloud, caller, scope);
  // Whoever has any role in a subscription can see that it exists.
  if (/^Microsoft\.Resources\/subscriptions\/read$/i.test(action)) return grants;
  return grants.filter(
    (grant) =>
      isWithin(scope, grant.scope) &&
      tryFindRole(cloud, caller.tenant, grant.role)?.permissions.some((one) => allows(one, action, kind)) === true,
  );
}

/** All that the caller has by now in the subscription of a scope. */
function grantsOf(cloud: AzureCloud, { tenant, objectId, groups }: Caller, scope: string): readonly Grant[] {
  const [place, subscription = ""] = /^\/subscriptions\/([^/]+)/i.exec(scope) ?? [];
  if (place === undefined) return [];
  const isOwner = objectId === administratorOf(tenant).objectId && isSame(tenantOf(cloud, subscription), tenant);
  const owner: readonly Grant[] = isOwner ? [{ scope: place, role: ownerRole, condition: "" }] : [];
  const assigned = resourcesBelow(cloud, place).filter(
    ({ type, properties, hidden }) =>
      type === roleAssignmentType &&
      [objectId, ...groups].includes(stringAt(properties, "principalId").toLowerCase()) &&
      hasPassed(cloud, stringAt(hidden, "effective")),
  );
  return [
    ...owner,
    ...assigned.map(({ properties }) => ({
      scope: stringAt(properties, "scope"),
      role: stringAt(properties, "roleDefinitionId"),
      condition: stringAt(properties, "condition"),
    })),
  ];
}

function allows(
  { actions, notActions, dataActions, notDataActions }: Permission,
  action: string,
  kind: ActionKind,
): boolean {
  const [granted, excluded] = kind === "action" ? [actions, notActions] : [dataActions, notDataActions];
  const has = (patterns: readonly string[]) => patterns.some((pattern) => matchesAction(pattern, action));
  return has(granted) && !has(excluded);
}

/** Whether a scope is the other one or below it. */
export function isWithin(scope: string, outer: string): boolean {
  const [inner, above] = [scope, outer].map((one) => `${one.toLowerCase().replace(/\/$/, "")}/`) as [string, string];
  return inner.startsWith(above);
}

function isSame(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

function denied({ appId, objectId }: Caller, action: string, scope: string, why: string): ArmFault {
  return new ArmFault(
    403,
    "AuthorizationFailed",
    `The client '${appId}' with object id '${objectId}' ${why} to perform action '${action}' over scope '${scope}' or the scope is invalid. If access was recently granted, please refresh your credentials.`,
  );
}
