import type { ParentZone } from "#lib/cloud/delegation.ts";
import { type Edge, formatRecords, proveEdge } from "#lib/dns/prove.ts";
import { describeEdge } from "#lib/dns/wait.ts";
import { FleetError } from "#lib/errors.ts";
import { lookup } from "#lib/graph/lookup.ts";
import type { AnyResource, Health, Resource, RowRef } from "#lib/graph/resource.ts";
import type { World } from "#lib/graph/world.ts";

export interface RegistrarOptions<Primary> {
  readonly id: string;
  readonly title: string;
  readonly row: RowRef;
  /** Domain of the fleet, hosted elsewhere: `mylabs.dev`. */
  readonly domain: string;
  /** The resource with the cloud's first zone, and how to read the zone from its state. */
  readonly primary: Resource<Primary>;
  readonly primaryOf: (state: Primary) => ParentZone;
  /** Beside what holds the zone. @default none */
  readonly needs?: readonly AnyResource[];
}

/** The answer of the domain's servers for the zone; undefined if they aren't queried. */
export interface RegistrarState {
  readonly edge: Edge | undefined;
}

/** One question to a server of the domain: it is somewhere on the internet. */
const query = { timeoutMs: 2_000, tries: 2 };

/**
 * Checks whether a cloud's first zone is delegated from the fleet's domain. The delegation is set by hand, so this never creates,
 * fails or deletes: it reports what is wrong, with the required records.
 */
export function registrarDelegation<Primary>(options: RegistrarOptions<Primary>): Resource<RegistrarState> {
  const { primary, primaryOf, needs = [], domain } = options;
  return lookup<RegistrarState>({
    id: options.id,
    title: options.title,
    label: `delegation in ${domain}`,
    row: options.row,
    needs: [primary, ...needs],
    showsHealth: true,
    async read(world, outputs) {
      const zone = outputs.find(primary);
      return zone === undefined ? undefined : await look(world, domain, primaryOf(zone));
    },
    async remove(_world, observed) {
      const delegated = observed.kind === "present" ? (observed.state.edge?.delegated ?? []) : [];
      if (delegated.length === 0) return { kind: "removed" };
      // Leftover records would delegate to servers that the fleet no longer controls.
      return { kind: "kept", why: `take it out of ${domain} by hand: NS ${delegated.join(", ")}` };
    },
    health: (state) => health(state, domain),
  });
}

async function look(world: World, domain: string, { name, nameServers }: ParentZone): Promise<RegistrarState> {
  if (world.options.skipDnsCheck) return { edge: undefined };
  const { dns, signal } = world;
  try {
    const servers = await dns.serversOf(domain);
    const { edge } = await proveEdge(dns, domain, servers, name, { ...query, signal, expected: nameServers });
    return { edge };
  } catch (error) {
    if (!(error instanceof FleetError) || error.code !== "DnsUnanswered") throw error;
    const wanted = [...nameServers].sort();
    return {
      edge: { parent: domain, child: name, state: "unreachable", delegated: [], wanted, details: [error.message] },
    };
  }
}

function health({ edge }: RegistrarState, domain: string): Health {
  if (edge === undefined) return { kind: "healthy", summary: `not asked of the servers of ${domain}` };
  const said = describeEdge(edge);
  if (edge.state === "ok") return { kind: "healthy", summary: said };
  const records = formatRecords(edge).join("; ");
  return { kind: "degraded", summary: `${said}; have in ${domain}, by hand: ${records}` };
}
