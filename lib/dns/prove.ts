import { type DnsReply, type NameServer, normalize, type QueryOptions, queryServer } from "#lib/dns/query.ts";
import { FleetError } from "#lib/errors.ts";

/** Resolves the server names of NS records. */
export interface ServerDirectory {
  /** Empty if the name has no address. */
  addressesOf(name: string): Promise<readonly NameServer[]>;
}

/** Findings for one delegation: a zone in its parent zone. */
export interface Edge {
  readonly parent: string;
  readonly child: string;
  readonly state: EdgeState;
  /** NS set in the parent, as most of its servers return it; sorted, empty if there is none. */
  readonly delegated: readonly string[];
  /** NS set that the parent should have: the zone's own, from its host or from its servers; empty if unknown. */
  readonly wanted: readonly string[];
  /** One line for each server with a wrong answer. */
  readonly details: readonly string[];
}

export type EdgeState =
  /** Every server of the parent returns the child's servers, and all of those are authoritative for the child. */
  | "ok"
  /** The parent has no NS records for the child. */
  | "missing"
  /** The parent has NS records with other servers than the child's. */
  | "wrong"
  /** None of the delegated servers is authoritative for the child: it can be hijacked by anyone who controls one of them. */
  | "dangling"
  /** Some servers have the records and some don't: propagation is in progress. */
  | "not yet"
  /** No server of the parent can be reached. */
  | "unreachable";

export interface ProveOptions extends QueryOptions {
  /** NS set of the child, from its host's API. @default the answer of the child's servers */
  readonly expected?: readonly string[];
}

/**
 * Checks one delegation from both sides: queries every server of the parent for the child's servers, then each of
 * those for its authority over the child.
 *
 * @param parentServers every server of the parent zone; entries with the same name are addresses of one server
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
  // A server of both zones answers for the child itself; others return a referral to the child's servers.
  const records = [...reply.authorities, ...reply.answers];
  const names = records
    .filter((record) => record.type === "NS" && record.name === normalize(child))
    .map(({ value }) => value);
  return { name, names: sorted(names), why: "" };
}

interface ChildServer {
  readonly name: string;
  readonly servers: readonly NameServer[];
  /** The answer is authoritative. */
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

/** The answer of one server, from the first address that responds: not every computer has IPv6. */
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
  // If two are equally common, the longer one wins: the other may not be updated yet.
  const [first] = counted.toSorted((a, b) => b.length - a.length || (b[0]?.length ?? 0) - (a[0]?.length ?? 0));
  return first?.[0] ?? [];
}

/** The records for the parent zone, in the form in which registrars and other DNS hosts accept them. */
export function formatRecords({ child, wanted }: Edge, ttlSeconds = 86_400): readonly string[] {
  return wanted.map((server) => `${child}. ${ttlSeconds} IN NS ${server}.`);
}
