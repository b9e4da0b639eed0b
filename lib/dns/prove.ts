import { type DnsReply, type NameServer, normalize, type QueryOptions, queryServer } from "#lib/dns/query.ts";
import { FleetError } from "#lib/errors.ts";

/** Finds servers by the names that NS records give. */
export interface ServerDirectory {
  /** Empty when the name has no address. */
  addressesOf(name: string): Promise<readonly NameServer[]>;
}

/** What was found of one delegation: a zone in the zone above it. */
export interface Edge {
  readonly parent: string;
  readonly child: string;
  readonly state: EdgeState;
  /** NS set in the parent, as most of its servers give it; sorted, empty while there is none. */
  readonly delegated: readonly string[];
  /** NS set that the parent should have: the zone's own, from whoever hosts it or from its servers; empty while nobody knows. */
  readonly wanted: readonly string[];
  /** What each server that isn't as it should be said. */
  readonly details: readonly string[];
}

export type EdgeState =
  /** Every server of the parent names the child's servers, and every one of those speaks for the child. */
  | "ok"
  /** The parent names no servers for the child. */
  | "missing"
  /** The parent names other servers than the child's own. */
  | "wrong"
  /** None of the named servers speaks for the child: whoever gets hold of one could. */
  | "dangling"
  /** Some servers have it and some don't: it is on its way. */
  | "not yet"
  /** The parent has no servers that could be asked. */
  | "unreachable";

export interface ProveOptions extends QueryOptions {
  /** NS set of the child as whoever hosts it tells it. @default what the child's servers say */
  readonly expected?: readonly string[];
}

/**
 * Looks at one delegation from both sides: asks every server of the parent for the child's servers, then every one of those
 * whether it speaks for the child.
 *
 * @param parentServers every server of the parent zone; those of one name are addresses of one server
 */
export async function proveEdge(
  directory: ServerDirectory,
  parent: string,
  parentServers: readonly NameServer[],
  child: string,
  options: ProveOptions = {},
): Promise<{ readonly edge: Edge; readonly servers: readonly NameServer[] }> {
  const grouped = [...Map.groupBy(parentServers, ({ name }) => name).values()];
  const above = await Promise.all(grouped.map((addresses) => askParent(addresses, child, options)));
  const heard = above.filter((one) => one.names !== undefined);
  const delegated = mostCommon(heard.map(({ names = [] }) => names));
  const below = await askChildren(directory, delegated, child, options);
  const speaking = below.filter(({ speaks }) => speaks);
  const told = speaking.map(({ names }) => names).filter((names) => names.length > 0);
  const wanted = options.expected === undefined ? mostCommon(told) : sorted(options.expected);
  const details = [
    ...above.flatMap((one) => {
      if (one.names === undefined) return [`${one.name} ${one.why}`];
      if (same(one.names, delegated)) return [];
      return [`${one.name} says ${one.names.join(", ") || "that there is no delegation"}`];
    }),
    ...below.flatMap(({ name, speaks, why }) => (speaks ? [] : [`${name} ${why}`])),
  ];
  const state = judge();
  return {
    edge: { parent, child, state, delegated, wanted, details },
    servers: speaking.flatMap(({ servers }) => servers),
  };

  function judge(): EdgeState {
    if (heard.length === 0) return "unreachable";
    if (delegated.length === 0) return heard.every(({ names = [] }) => names.length === 0) ? "missing" : "not yet";
    if (!heard.every(({ names = [] }) => same(names, delegated)) || heard.length < above.length) return "not yet";
    if (wanted.length > 0 && !same(delegated, wanted)) return "wrong";
    if (speaking.length === 0) return "dangling";
    return speaking.length === below.length ? "ok" : "not yet";
  }
}

async function askParent(addresses: readonly NameServer[], child: string, options: QueryOptions) {
  const name = addresses[0]?.name ?? "";
  const reply = await queryAny(addresses, child, "NS", options);
  if (reply === undefined) return { name, names: undefined, why: "does not answer" };
  if (reply.code !== "NOERROR" && reply.code !== "NXDOMAIN")
    return { name, names: undefined, why: `answers ${reply.code}` };
  // A server of both zones answers for the child itself; another one refers to the child's servers.
  const records = [...reply.authorities, ...reply.answers];
  const names = records
    .filter((record) => record.type === "NS" && record.name === normalize(child))
    .map(({ value }) => value);
  return { name, names: sorted(names), why: "" };
}

interface ChildServer {
  readonly name: string;
  readonly servers: readonly NameServer[];
  /** It says, with authority, that the zone is its own. */
  readonly speaks: boolean;
  readonly names: readonly string[];
  readonly why: string;
}

async function askChildren(
  directory: ServerDirectory,
  names: readonly string[],
  child: string,
  options: QueryOptions,
): Promise<readonly ChildServer[]> {
  return await Promise.all(
    names.map(async (name): Promise<ChildServer> => {
      const servers = await directory.addressesOf(name);
      const silent = (why: string): ChildServer => ({ name, servers, speaks: false, names: [], why });
      if (servers.length === 0) return silent("has no address");
      const [soa, ns] = await Promise.all([
        queryAny(servers, child, "SOA", options),
        queryAny(servers, child, "NS", options),
      ]);
      if (soa === undefined) return silent("does not answer");
      if (soa.code !== "NOERROR") return silent(`answers ${soa.code}`);
      if (!soa.authoritative || !soa.answers.some(({ type }) => type === "SOA"))
        return silent("does not speak for the zone");
      const own = (ns?.answers ?? []).filter(({ type }) => type === "NS").map(({ value }) => value);
      return { name, servers, speaks: true, names: sorted(own), why: "" };
    }),
  );
}

/** What one server says, by the first of its addresses that answers: not every computer has a way to those of IPv6. */
async function queryAny(
  addresses: readonly NameServer[],
  name: string,
  type: "NS" | "SOA",
  options: QueryOptions,
): Promise<DnsReply | undefined> {
  for (const server of addresses) {
    try {
      return await queryServer(server, name, type, options);
    } catch (error) {
      if (!(error instanceof FleetError) || error.code !== "DnsUnanswered") throw error;
    }
  }
  return undefined;
}

function sorted(names: readonly string[]): readonly string[] {
  return [...new Set(names.map(normalize))].sort();
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.join() === b.join();
}

function mostCommon(sets: readonly (readonly string[])[]): readonly string[] {
  const counted = [...Map.groupBy(sets, (names) => names.join()).values()];
  // Of two that are as common, the one that says more: the other may just not have it yet.
  const [first] = counted.toSorted((a, b) => b.length - a.length || (b[0]?.length ?? 0) - (a[0]?.length ?? 0));
  return first?.[0] ?? [];
}

/** Records as a registrar or another DNS host takes them, to make the parent right. */
export function formatRecords({ child, wanted }: Edge, ttlSeconds = 86_400): readonly string[] {
  return wanted.map((server) => `${child}. ${ttlSeconds} IN NS ${server}.`);
}
