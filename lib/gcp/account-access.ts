import { rowOf } from "#lib/cloud/parts.ts";
import type { Json } from "#lib/gcp/clients.ts";
import type { GcpAccount } from "#lib/gcp/fleet/types.ts";
import type { ManagementAccount } from "#lib/gcp/management.ts";
import { accountActor, accountIds, type Parts, roleNames } from "#lib/gcp/names.ts";
import { accountReading, managingClusters, onlyDnsReader, predefinedRoles } from "#lib/gcp/permissions.ts";
import type { Grant } from "#lib/gcp/policy.ts";
import { memberOf, type ProjectAccess, projectAccess, roleOf } from "#lib/gcp/project-access.ts";
import { services } from "#lib/gcp/services.ts";
import { zoneReaders } from "#lib/gcp/workloads.ts";
import type { AnyResource, Resource } from "#lib/graph/resource.ts";
import { taskCommand } from "#lib/printed-command.ts";

/** What lets the management service accounts create clusters in a project. */
export interface AccountAccess {
  /** Everybody who creates clusters in the project acts as it. */
  readonly serviceAccount: Resource<Json>;
  /** Made by an owner of the project. */
  readonly resources: readonly AnyResource[];
}

/** Of the calls in a project with clusters, and of what GKE itself calls there. */
const apis = ["cloudresourcemanager", "compute", "container", "dns", "iam", "iamcredentials", "serviceusage"];

export function accountAccess(
  parts: Parts,
  account: GcpAccount,
  shared: Pick<ManagementAccount, "serviceAccount" | "readOnlyServiceAccount">,
): AccountAccess {
  const { management, withClients } = parts;
  const ids = accountIds(account.name);
  const actor = accountActor(account);
  const enabled = withClients(
    services({
      id: ids.services,
      title: `${account.name}: APIs for clusters`,
      label: "APIs for clusters",
      row: rowOf(account),
      needs: [],
      actor,
      services: apis,
    }),
  );
  const why = `${taskCommand("delete:gcp-tenant", account.name)} removes its service accounts and roles`;
  const builder = projectAccess(parts, { actor, ids, needs: [enabled], why, ofAll: false });
  const { readOnlyServiceAccount: reader } = shared;
  const hasReaders = reader !== undefined;
  // The management project is itself the way in, if it has clusters: then its service accounts create them.
  const own = account.name === management.name ? undefined : serviceAccounts(builder, management, shared);
  const serviceAccount = own?.clusters ?? shared.serviceAccount;
  const readOnly = own === undefined ? reader : own.readOnly;
  const roles = [
    builder.role("role", roleNames.clusters, managingClusters),
    ...(hasReaders ? [builder.role("read-only role", roleNames.readOnly, accountReading)] : []),
  ];
  const nodes = builder.serviceAccount("nodes", "k8s-multicluster-gitops, nodes");
  const nodesEntry = builder.entry("nodes", nodes, {
    needs: [serviceAccount],
    grants: () => [{ role: predefinedRoles.serviceAccountUser, member: memberOf(account, "clusters") }],
  });
  const policy = builder.projectPolicy({
    roles,
    serviceAccounts: [serviceAccount, ...(readOnly === undefined ? [] : [readOnly]), nodes],
    grants: grantsIn(account, hasReaders),
    leftovers: zoneReaders(account),
  });
  return { serviceAccount, resources: [enabled, ...roles, ...(own?.resources ?? []), nodes, nodesEntry, policy] };
}

/** Those of the project, which those of the management project may act as. */
function serviceAccounts(
  builder: ProjectAccess,
  management: GcpAccount,
  shared: Pick<ManagementAccount, "serviceAccount" | "readOnlyServiceAccount">,
) {
  const acts = (which: "clusters" | "readOnly") => (): readonly Grant[] => [
    { role: predefinedRoles.tokenCreator, member: memberOf(management, which) },
  ];
  const { serviceAccount, readOnlyServiceAccount: reader } = shared;
  const clusters = builder.serviceAccount("clusters", "k8s-multicluster-gitops");
  const entry = builder.entry("clusters", clusters, { needs: [serviceAccount], grants: acts("clusters") });
  if (reader === undefined) return { clusters, readOnly: undefined, resources: [clusters, entry] };
  const readOnly = builder.serviceAccount("readOnly", "k8s-multicluster-gitops, read-only");
  const readOnlyEntry = builder.entry("readOnly", readOnly, { needs: [reader], grants: acts("readOnly") });
  return { clusters, readOnly, resources: [clusters, entry, readOnly, readOnlyEntry] };
}

function grantsIn(account: GcpAccount, hasReaders: boolean): readonly Grant[] {
  const member = memberOf(account, "clusters");
  return [
    { role: roleOf(account, roleNames.clusters), member },
    { role: predefinedRoles.containerAdmin, member },
    { role: predefinedRoles.projectIamAdmin, member, condition: onlyDnsReader },
    { role: predefinedRoles.nodes, member: memberOf(account, "nodes") },
    ...(hasReaders ? [{ role: roleOf(account, roleNames.readOnly), member: memberOf(account, "readOnly") }] : []),
  ];
}
