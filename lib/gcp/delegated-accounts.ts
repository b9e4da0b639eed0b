import { delegatedAccounts } from "#lib/cloud/delegated-accounts.ts";
import type { Tags } from "#lib/cloud/ownership.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import type { GcpAccount } from "#lib/gcp/fleet/types.ts";
import { managementActor, managementIds, type Parts } from "#lib/gcp/names.ts";
import type { GcpWorld } from "#lib/gcp/world.ts";
import { delegatedNameOf, parseMark } from "#lib/gcp/zones/delegation-mark.ts";
import type { ZoneState } from "#lib/gcp/zones/zone.ts";
import type { AnyResource, Resource } from "#lib/graph/resource.ts";

/** Tags of a cluster's delegation: the project that the cluster is in, by its number. */
export function delegationTagsOf({ domain }: Pick<Fleet, "domain">, { projectNumber }: GcpAccount): Tags {
  return { fleet: domain, project: projectNumber };
}

/** Checks that the fleet has the projects of all delegated clusters, which the TXT sets beside the NS sets name. */
export function delegatedProjects(
  { fleet, management, zones, withClients }: Parts,
  clustersZone: Resource<ZoneState>,
): AnyResource {
  return withClients(
    delegatedAccounts({
      id: managementIds(management.name, zones).delegatedAccounts,
      management,
      clustersZone,
      field: "projectNumber",
      known: fleet.accounts.flatMap((account) => (account.provider === "gcp" ? [account.projectNumber] : [])),
      async list(world: GcpWorld, { name: zone, dnsName }) {
        const dns = await world.gcp.dns(managementActor(management));
        const sets = await dns.recordSets(world, zone);
        const delegated = new Set(sets.flatMap(({ name, type }) => (type === "NS" ? [name] : [])));
        return sets.flatMap((set) => {
          const name = delegatedNameOf(set.name, dnsName);
          const { fleet: domain, project } = parseMark(set) ?? {};
          // The NS set of a project that is gone may have been deleted by hand.
          return name !== undefined && delegated.has(name) && domain === fleet.domain
            ? [{ name, accountId: project }]
            : [];
        });
      },
    }),
  );
}
