import type { GcpActor, Json } from "#lib/gcp/clients.ts";
import { projectPath } from "#lib/gcp/names.ts";
import type { Permissions } from "#lib/gcp/permissions.ts";
import { type Described, foreignUnless, type RestAccess, restResource } from "#lib/gcp/rest-resource.ts";
import type { GcpWorld } from "#lib/gcp/world.ts";
import type { Resource } from "#lib/graph/resource.ts";

export interface RoleOptions extends Described {
  readonly actor: GcpActor;
  /** Letters, digits, `_` and `.`. */
  readonly name: string;
  readonly permissions: Permissions;
  /** Its description, which says whose it is. */
  readonly mark: string;
}

/** A project's own role, with exactly the permissions that are called. A deleted one is restored: its name stays taken for weeks. */
export function customRole(options: RoleOptions): Resource<Json, GcpWorld> {
  const { actor, name, permissions, mark, ...described } = options;
  return restResource({
    ...described,
    body: () => ({
      title: permissions.title,
      description: mark,
      includedPermissions: permissions.permissions,
      stage: "GA",
    }),
    rules: { sets: ["includedPermissions"] },
    foreign: foreignUnless(mark, rolePath(actor, name)),
    open: async (world) => accessOf(world, options),
    summary: () => `${permissions.permissions.length} permissions`,
  });
}

/** As bindings name it. */
export function rolePath({ account }: Pick<GcpActor, "account">, name: string): string {
  return `${projectPath(account)}/roles/${name}`;
}

function accessOf(world: GcpWorld, { actor, name }: RoleOptions): RestAccess {
  const rest = world.gcp.rest(actor);
  const path = `v1/${rolePath(actor, name)}`;
  const changed = (): void => world.gcp.accessChanged(actor.account);
  return {
    get: () => rest.get(world, "iam", path),
    async create(role) {
      await rest.send(world, "iam", "POST", `v1/${projectPath(actor.account)}/roles`, { roleId: name, role });
      changed();
    },
    async change(role, fields) {
      await rest.send(world, "iam", "PATCH", path, role, { updateMask: fields.join(",") });
      changed();
    },
    async remove() {
      await rest.send(world, "iam", "DELETE", path);
    },
    async undelete({ etag }) {
      await rest.send(world, "iam", "POST", `${path}:undelete`, { etag });
      changed();
    },
  };
}
