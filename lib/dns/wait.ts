import type { Clock } from "#lib/clock.ts";
import { type Edge, formatRecords, proveEdge, type ServerDirectory } from "#lib/dns/prove.ts";
import type { NameServer, QueryOptions } from "#lib/dns/query.ts";
import { FleetError } from "#lib/errors.ts";

/** An expected delegation: a zone, and the servers that its parent must return. */
export interface WantedDelegation {
  readonly parent: { readonly name: string; readonly nameServers: readonly string[] };
  readonly child: string;
  /** Name servers of the child, from its host's API. */
  readonly nameServers: readonly string[];
  /** TTL of the records, for the lines of an error. */
  readonly ttlSeconds: number;
}

export interface DelegationWait {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called with what is still missing. */
  readonly progress: (message: string) => void;
  /** Milliseconds. @default 60,000 */
  readonly timeoutMs?: number;
  readonly query?: QueryOptions;
}

/** DNS hosts propagate a change to all of their servers within a minute ("typically … within 60 seconds", Route 53's GetChange). */
const defaultTimeoutMs = 60_000;
/** Time between two checks: short at first, because most changes are quick. */
const firstPauseMs = 250;
const longestPauseMs = 2_000;
/** For a single query: an answer takes tens of milliseconds, and a lost packet is sent again. */
const defaultQuery: QueryOptions = { timeoutMs: 2_000, tries: 2 };

/** Checks both sides of the delegation once. */
export async function lookAtDelegation(
  directory: ServerDirectory,
  { parent, child, nameServers }: Pick<WantedDelegation, "parent" | "child" | "nameServers">,
  query: QueryOptions,
): Promise<Edge> {
  const found = await Promise.all(parent.nameServers.map((name) => directory.addressesOf(name)));
  const servers: readonly NameServer[] = found.flat();
  const options = { ...defaultQuery, ...query, expected: nameServers };
  const { edge } = await proveEdge(directory, parent.name, servers, child, options);
  if (servers.length > 0) return edge;
  return { ...edge, details: parent.nameServers.map((name) => `${name} has no address`) };
}

/**
 * Waits until every server of the parent returns the child's servers and all of those are authoritative for the child.
 *
 * @throws FleetError DelegationUnproved at the deadline
 */
export async function waitForDelegation(
  directory: ServerDirectory,
  wanted: WantedDelegation,
  { clock, signal, progress, timeoutMs = defaultTimeoutMs, query }: DelegationWait,
): Promise<Edge> {
  const began = clock.now();
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
    const edge = await lookAtDelegation(directory, wanted, { ...query, signal });
    if (edge.state === "ok") return edge;
    const waitedMs = clock.now() - began;
    if (waitedMs >= timeoutMs) throw unproved(edge, wanted, waitedMs);
    progress(`waiting for the name servers: ${describeEdge(edge)} · ${Math.round(waitedMs / 1_000)} s`);
    await clock.sleep(Math.min(pauseMs, timeoutMs - waitedMs), signal);
  }
}

/** Describes what is wrong with a delegation, in one line. Pure. */
export function describeEdge({ state, parent, delegated, details }: Edge): string {
  const said = details.length === 0 ? "" : `: ${details.join(", ")}`;
  switch (state) {
    case "ok":
      return `proved at ${delegated.length} name servers`;
    case "missing":
      return `not delegated in ${parent} yet`;
    case "wrong":
      return `${parent} leads to other servers: ${delegated.join(", ")}`;
    case "dangling":
      return `none of its servers speaks for it${said}`;
    case "not yet":
      return `not at every server yet${said}`;
    case "unreachable":
      return `the servers of ${parent} can't be asked${said}`;
    default:
      return state satisfies never;
  }
}

function unproved(edge: Edge, { ttlSeconds }: WantedDelegation, waitedMs: number): FleetError {
  const seconds = Math.round(waitedMs / 1_000);
  const closed = edge.state === "unreachable";
  return new FleetError("DelegationUnproved", `${edge.child}: ${describeEdge(edge)}, after ${seconds} s`, {
    hint: closed
      ? "open port 53 for UDP and TCP, or run again with --skip-dns-check to believe the cloud's word"
      : "run the same command again to continue waiting; --skip-dns-check believes the cloud's word",
    details: [`records that ${edge.parent} must tell:`, ...formatRecords(edge, ttlSeconds)],
  });
}
