import type { GcpActor, Json } from "#lib/gcp/clients.ts";
import { emailOf, projectPath } from "#lib/gcp/names.ts";
import { type Described, foreignUnless, type RestAccess, restResource } from "#lib/gcp/rest-resource.ts";
import type { GcpWorld } from "#lib/gcp/world.ts";
import type { Resource } from "#lib/graph/resource.ts";

export interface ServiceAccountOptions extends Described {
  readonly actor: GcpActor;
  /** The part of its email before the `@`: 6 to 30 characters. */
  readonly name: string;
  /** As the console shows it. */
  readonly displayName: string;
  /** Its description, which says whose it is. */
  readonly mark: string;
}

/** A service account without keys: others act as it by its policy. A killed run's is adopted by its description. */
export function serviceAccount(options: ServiceAccountOptions): Resource<Json, GcpWorld> {
  const { actor, name, displayName, mark, ...described } = options;
  const email = emailOf(actor.account, name);
  return restResource({
    ...described,
    body: () => ({ displayName, description: mark }),
    foreign: foreignUnless(mark, email),
    open: async (world) => accessOf(world, options),
    summary: () => email,
  });
}

/** Path of a service account, for its policy too. */
export function serviceAccountPath({ account }: Pick<GcpActor, "account">, name: string): string {
  return `${projectPath(account)}/serviceAccounts/${emailOf(account, name)}`;
}

function accessOf(world: GcpWorld, { actor, name }: ServiceAccountOptions): RestAccess {
  const rest = world.gcp.rest(actor);
  const path = `v1/${serviceAccountPath(actor, name)}`;
  return {
    get: () => rest.get(world, "iam", path),
    async create(body) {
      const request = { accountId: name, serviceAccount: body };
      await rest.send(world, "iam", "POST", `v1/${projectPath(actor.account)}/serviceAccounts`, request);
    },
    async change(body, fields) {
      await rest.send(world, "iam", "PATCH", path, { serviceAccount: body, updateMask: fields.join(",") });
    },
    async remove() {
      await rest.send(world, "iam", "DELETE", path);
    },
  };
}
