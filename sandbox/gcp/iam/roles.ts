import type { Behaviours, GcpCall, Json } from "#sandbox/gcp/api/behaviour.ts";
import { concurrentChanges, failedPrecondition, fault, invalidArgument } from "#sandbox/gcp/api/faults.ts";
import { pageOf } from "#sandbox/gcp/api/page.ts";
import { knownPermissions, shortPermission } from "#sandbox/gcp/authorization/permissions.ts";
import { type CustomRole, iamOf, isSameEtag, newEtag } from "#sandbox/gcp/iam/state.ts";
import { applyMask } from "#sandbox/gcp/iam/update-mask.ts";
import { objectAt, stringAt, textsAt } from "#sandbox/json.ts";

const dayMs = 86_400_000;
/** A deleted role can be undeleted for a week, and its id is free after another thirty days. */
const [undeleteDays, purgeDays] = [7, 37] as const;

export const customRoles: Behaviours = {
  "iam.projects.roles.create": create,
  "iam.projects.roles.get": (call) => describe(findRole(call)),
  "iam.projects.roles.list": list,
  "iam.projects.roles.patch": patch,
  "iam.projects.roles.delete": (call) => {
    const { deletedAt: _, deleted: __, ...role } = findRole(call);
    requireEtag(role, call.query.get("etag") ?? "");
    return store(call, { ...role, deleted: true, deletedAt: call.cloud.now().toISOString() });
  },
  "iam.projects.roles.undelete": undelete,
};

function create(call: GcpCall): Json {
  const { cloud, project, body } = call;
  const id = stringAt(body, "roleId");
  const name = `projects/${project?.projectId}/roles/${id}`;
  if (!/^[A-Za-z0-9_.]{3,64}$/.test(id)) {
    throw invalidArgument(`The role_id "${id}" has to have 3 to 64 letters, digits, periods and underscores.`);
  }
  const before = iamOf(cloud, project?.projectId ?? "").roles[name];
  if (before !== undefined && !isPurged(call, before)) {
    if (before.deleted !== true) {
      throw fault("ALREADY_EXISTS", `A role named ${id} in projects/${project?.projectId} already exists.`);
    }
    throw failedPrecondition(`You can't create a role_id (${id}) which has been marked for deletion.`);
  }
  return store(call, { name, ...readFields(objectAt(body, "role")), etag: newEtag() });
}

function list(call: GcpCall): Json {
  const { cloud, project, query } = call;
  const roles = Object.values(iamOf(cloud, project?.projectId ?? "").roles).filter(
    (role) => !isPurged(call, role) && (role.deleted !== true || query.get("showDeleted") === "true"),
  );
  return pageOf(call, "roles", roles, 1_000, (role) => {
    const { includedPermissions: _, ...basic } = describe(role);
    return query.get("view") === "FULL" ? describe(role) : basic;
  });
}

function patch(call: GcpCall): Json {
  const before = findRole(call);
  if (before.deleted === true)
    throw failedPrecondition(`You can't update the role ${before.name}: it has been marked for deletion.`);
  requireEtag(before, stringAt(call.body, "etag"));
  const { name, etag: _, ...old } = before;
  // Without a mask, all fields are replaced.
  const mask = call.query.get("updateMask") || fields.join(",");
  const now = applyMask({ ...old }, call.body, mask, [...fields, "etag"]);
  return store(call, { name, ...readFields(now), etag: newEtag() });
}

function undelete(call: GcpCall): Json {
  const { deleted, deletedAt = "", ...role } = findRole(call);
  if (deleted !== true) throw failedPrecondition(`The role ${role.name} is not deleted.`);
  if (daysSince(call, deletedAt) > undeleteDays)
    throw failedPrecondition(`The role ${role.name} can't be undeleted any more.`);
  requireEtag(role, stringAt(call.body, "etag"));
  return store(call, role);
}

const fields = ["title", "description", "includedPermissions", "stage"] as const;

function readFields(role: object): Omit<CustomRole, "name" | "etag"> {
  const includedPermissions = textsAt(role, "includedPermissions");
  for (const permission of includedPermissions) requireKnown(permission);
  const [title, description, stage] = [stringAt(role, "title"), stringAt(role, "description"), stringAt(role, "stage")];
  return {
    ...(title === "" ? {} : { title }),
    ...(description === "" ? {} : { description }),
    ...(includedPermissions.length === 0 ? {} : { includedPermissions: [...includedPermissions].sort() }),
    ...(stage === "" ? {} : { stage }),
  };
}

/** Like the real one, which does not take `resourcemanager.projects.list` into the roles of a project. */
function requireKnown(permission: string): void {
  const isKnown = knownPermissions.includes(shortPermission(permission));
  if (isKnown && permission !== "resourcemanager.projects.list") return;
  throw invalidArgument(`Permission ${permission} is not valid.`);
}

function findRole(call: GcpCall): CustomRole {
  const { cloud, project, params } = call;
  const name = `projects/${project?.projectId}/roles/${params.rolesId}`;
  const found = iamOf(cloud, project?.projectId ?? "").roles[name];
  if (found !== undefined && !isPurged(call, found)) return found;
  throw fault("NOT_FOUND", `The role named ${name} was not found.`);
}

function isPurged(call: GcpCall, { deletedAt }: CustomRole): boolean {
  return deletedAt !== undefined && daysSince(call, deletedAt) > purgeDays;
}

function daysSince({ cloud }: GcpCall, time: string): number {
  return (cloud.now().getTime() - Date.parse(time)) / dayMs;
}

function requireEtag({ etag }: Pick<CustomRole, "etag">, asked: string): void {
  if (asked === "" || isSameEtag(asked, etag)) return;
  throw concurrentChanges("role");
}

function store({ cloud, project }: GcpCall, role: CustomRole): Json {
  iamOf(cloud, project?.projectId ?? "").roles[role.name] = role;
  cloud.save();
  return describe(role);
}

function describe({ deletedAt: _, ...role }: CustomRole): Json {
  return role;
}
