import type { GcpCall, GcpFault, Json } from "#sandbox/gcp/api/behaviour.ts";
import { errorInfo, forbidden, permissionDenied, unsupported } from "#sandbox/gcp/api/faults.ts";
import { recordAsked } from "#sandbox/gcp/authorization/asked.ts";
import type { ConditionAttributes } from "#sandbox/gcp/authorization/conditions.ts";
import methods from "#sandbox/gcp/authorization/methods.json";
import { tryFindPermissions } from "#sandbox/gcp/authorization/roles.ts";
import type { Caller, GcpCloud } from "#sandbox/gcp/cloud.ts";
import { computeFault } from "#sandbox/gcp/compute/faults.ts";
import { effectiveBindings, modifiedRoles } from "#sandbox/gcp/iam/policies.ts";
import { accountResource } from "#sandbox/gcp/iam/service-accounts.ts";
import { tryFindServiceAccount } from "#sandbox/gcp/iam/state.ts";
import { listAt, stringAt } from "#sandbox/json.ts";

/** Permissions by method, separated by spaces; empty for methods that everybody may call. */
const permissionsByMethod: Readonly<Record<string, string>> = methods;

const scopes = "https://www.googleapis.com/auth";
const wholeScope = `${scopes}/cloud-platform`;
const dnsScope = `${scopes}/ndev.clouddns.readwrite`;
const iamScope = `${scopes}/iam`;

/**
 * Requires the scope and the permissions of a method.
 *
 * @throws GcpFault 403 in the words of the service; 501 for a method without a known permission
 */
export function authorizeCall(call: GcpCall): void {
  const permissions = permissionsOf(call);
  requireScope(call);
  const resource = resourceOf(call);
  const attributes = call.method.endsWith(".setIamPolicy")
    ? { modifiedGrantsByRole: modifiedRoles(call.cloud, resource, call.body) }
    : {};
  for (const permission of permissions) authorize(call.cloud, call.caller, permission, resource, attributes);
}

/** @throws GcpFault 403 in the words of the permission's service */
export function authorize(
  cloud: GcpCloud,
  caller: Caller,
  permission: string,
  resource: string,
  attributes: ConditionAttributes = {},
): void {
  if (!isAuthorized(cloud, caller, permission, resource, attributes)) throw denied(permission, resource);
}

/** Whether a call that needs the permission may go on. */
export function isAuthorized(
  cloud: GcpCloud,
  caller: Caller,
  permission: string,
  resource: string,
  attributes: ConditionAttributes = {},
): boolean {
  recordAsked(cloud, caller, permission, resource);
  return holdsPermission(cloud, caller, permission, resource, attributes);
}

/**
 * Whether a policy of the resource or its project grants the caller a permission by now.
 *
 * @param resource `projects/PROJECT_ID` or below it, as `replacePolicy` names resources
 */
export function holdsPermission(
  cloud: GcpCloud,
  caller: Caller,
  permission: string,
  resource: string,
  attributes: ConditionAttributes = {},
): boolean {
  const project = resource.split("/", 2).join("/");
  const members: readonly string[] = [...caller.members, "allAuthenticatedUsers", "allUsers"];
  return [...new Set([project, resource])]
    .flatMap((one) => effectiveBindings(cloud, one, attributes))
    .some(
      (binding) =>
        binding.members.some((member) => members.includes(member)) &&
        tryFindPermissions(cloud, binding.role)?.has(permission) === true,
    );
}

function permissionsOf({ method, body }: GcpCall): readonly string[] {
  const listed = permissionsByMethod[method];
  if (listed === undefined) {
    throw unsupported(`the permission for ${method}`);
  }
  const permissions = listed.split(" ").filter((permission) => permission !== "");
  return method === "dns.changes.create" ? [...permissions, ...permissionsOfChange(body)] : permissions;
}

/** What the parts of a change need: a record set in both is updated. https://cloud.google.com/dns/docs/access-control#permissions */
function permissionsOfChange(body: Json): readonly string[] {
  const setsIn = (list: string): Set<string> =>
    new Set(listAt(body, list).map((set) => `${stringAt(set, "name").toLowerCase()} ${stringAt(set, "type")}`));
  const [added, deleted] = [setsIn("additions"), setsIn("deletions")];
  const needs = {
    create: added.difference(deleted),
    update: added.intersection(deleted),
    delete: deleted.difference(added),
  };
  return Object.entries(needs).flatMap(([verb, sets]) => (sets.size === 0 ? [] : [`dns.resourceRecordSets.${verb}`]));
}

/** Zones and service accounts have policies of their own. */
function resourceOf({ cloud, method, project, params }: GcpCall): string {
  const whole = `projects/${project?.projectId}`;
  if (params.serviceAccountsId !== undefined) {
    const found = tryFindServiceAccount(cloud, params.serviceAccountsId);
    return found === undefined ? whole : accountResource(found.email);
  }
  const zone = params.managedZone ?? params.managedZonesId;
  if (zone !== undefined) return `${whole}/managedZones/${zone}`;
  const { locationsId, clustersId } = params;
  const isCluster = method.startsWith("container.") && clustersId !== undefined;
  return isCluster ? `${whole}/locations/${locationsId}/clusters/${clustersId}` : whole;
}

function requireScope({ method, caller }: GcpCall): void {
  const [service = ""] = method.split(".");
  const isKnown = (scope: string) =>
    scope === wholeScope ||
    (service === "dns" && scope === dnsScope) ||
    (service.startsWith("iam") && scope === iamScope);
  if (service === "sts" || caller.scopes.some(isKnown)) return;
  throw forbidden(
    "Request had insufficient authentication scopes.",
    [errorInfo("ACCESS_TOKEN_SCOPE_INSUFFICIENT", { service: `${service}.googleapis.com`, method })],
    "insufficientPermissions",
  );
}

/** As the services word it; Cloud DNS says no more than this. */
function denied(permission: string, resource: string): GcpFault {
  const [service = ""] = permission.split(".");
  if (service === "dns") return forbidden("Forbidden");
  if (service === "iam") return permissionDenied(permission);
  if (service === "compute") {
    return computeFault(403, "forbidden", `Required '${permission}' permission for '${resource}'`);
  }
  if (service !== "container") return forbidden("The caller does not have permission");
  return forbidden(`Required "${permission}" permission(s) for "${resource}".`);
}
