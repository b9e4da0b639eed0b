import { keptUnlessTargeted, rowOf } from "#lib/cloud/parts.ts";
import { access } from "#lib/gcp/access.ts";
import type { GcpActor, Json } from "#lib/gcp/clients.ts";
import { refuseWhileClusters } from "#lib/gcp/inventory.ts";
import { type accountIds, emailOf, markOf, type Parts, serviceAccountNames } from "#lib/gcp/names.ts";
import type { Permissions } from "#lib/gcp/permissions.ts";
import { type Grant, type Policy, projectPolicy, serviceAccountPolicy } from "#lib/gcp/policy.ts";
import type { Described } from "#lib/gcp/rest-resource.ts";
import { customRole, rolePath } from "#lib/gcp/role.ts";
import { serviceAccount, serviceAccountPath } from "#lib/gcp/service-account.ts";
import { absentWhileDisabled } from "#lib/gcp/services.ts";
import type { GcpWorld } from "#lib/gcp/world.ts";
import type { AnyResource, Outputs, Resource } from "#lib/graph/resource.ts";

/** Builds the resources of one project that let others act in it: made by its administrator, kept while clusters need them. */
export interface ProjectAccess {
  role(label: "role" | "read-only role", name: string, permissions: Permissions): Resource<Json>;
  serviceAccount(which: keyof typeof serviceAccountNames, displayName: string): Resource<Json>;
  /** What may act as a service account of the project. */
  entry(which: keyof typeof serviceAccountNames, of: Resource<Json>, options: EntryOptions): AnyResource;
  /** What the project's policy has for the fleet's service accounts: others of these names keep theirs. */
  projectPolicy(options: ProjectPolicyOptions): AnyResource;
  /** Guarded by clusters, and kept by deletes of clusters. */
  kept<State>(resource: Resource<State, GcpWorld>): Resource<State>;
}

interface EntryOptions {
  readonly needs: readonly AnyResource[];
  readonly grants: (outputs: Outputs, policy: Policy) => readonly Grant[];
}

interface ProjectPolicyOptions {
  readonly roles: readonly AnyResource[];
  readonly serviceAccounts: readonly Resource<Json>[];
  readonly grants: readonly Grant[];
  /** As of access(). */
  readonly leftovers?: readonly Grant[];
}

interface ProjectAccessOptions {
  readonly actor: GcpActor;
  readonly ids: Omit<ReturnType<typeof accountIds>, "services" | "nodes"> & { readonly nodes?: string };
  readonly needs: readonly AnyResource[];
  /** Why deletes of clusters keep it: a sentence with the task that deletes it. */
  readonly why: string;
  /** Whether clusters of all accounts need it, or only those of the actor's. */
  readonly ofAll: boolean;
}

export function projectAccess(parts: Parts, { actor, ids, needs, why, ofAll }: ProjectAccessOptions): ProjectAccess {
  const { fleet, settings, withClients } = parts;
  const { account } = actor;
  const mark = markOf(fleet);
  const kept = <State>(resource: Resource<State, GcpWorld>): Resource<State> => {
    const guarded = refuseWhileClusters(parts, withClients(absentWhileDisabled(resource)), ofAll ? undefined : account);
    return { ...guarded, ...keptUnlessTargeted(settings, resource.id, why) };
  };
  const described = (id: string, label: string): Described => ({
    id,
    title: `${account.name}: ${label}`,
    label,
    row: rowOf(account),
    needs,
  });
  const accountId = {
    clusters: ids.serviceAccount,
    readOnly: ids.readOnlyServiceAccount,
    nodes: ids.nodes ?? "",
  } as const;
  const labels = {
    clusters: "service account",
    readOnly: "read-only service account",
    nodes: "service account of nodes",
  };
  return {
    kept,
    role: (label, name, permissions) =>
      kept(
        customRole({
          ...described(label === "role" ? ids.role : ids.readOnlyRole, label),
          actor,
          name,
          permissions,
          mark,
        }),
      ),
    serviceAccount: (which, displayName) =>
      kept(
        serviceAccount({
          ...described(accountId[which], labels[which]),
          actor,
          name: serviceAccountNames[which],
          displayName,
          mark,
        }),
      ),
    entry: (which, of, options) =>
      kept(
        access({
          ...described(`${accountId[which]}/access`, `access to the ${labels[which]}`),
          actor,
          target: serviceAccountPolicy(serviceAccountPath(actor, serviceAccountNames[which])),
          of,
          ...options,
        }),
      ),
    projectPolicy: ({ roles, serviceAccounts, grants, leftovers = [] }) =>
      kept(
        access({
          ...described(ids.access, "access to the project"),
          needs: [...needs, ...roles, ...serviceAccounts],
          actor,
          target: projectPolicy(account),
          grants(outputs) {
            const own = serviceAccounts.map((one) => `serviceAccount:${String(outputs.find(one)?.email)}`);
            return grants.filter(({ member }) => own.includes(member));
          },
          leftovers,
        }),
      ),
  };
}

/** As policies name a custom role of ours. */
export function roleOf(account: GcpActor["account"], name: string): string {
  return rolePath({ account }, name);
}

/** As policies name a service account of ours. */
export function memberOf(account: GcpActor["account"], which: keyof typeof serviceAccountNames): string {
  return `serviceAccount:${emailOf(account, serviceAccountNames[which])}`;
}
