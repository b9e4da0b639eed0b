import type { Providers } from "#lib/fleet/provider.ts";
import type { AnyResource } from "#lib/graph/resource.ts";
import type { World } from "#lib/graph/world.ts";
import type { LaneLimit, Preparation, PreparedRun, Provider } from "#lib/provider.ts";
import type { Opened } from "#lib/providers.ts";

export interface Limits {
  /** How many resources of this lane are processed at once. */
  readonly of: (resource: Pick<AnyResource, "lane" | "row">) => number;
  readonly notices: Preparation["notices"];
}

/** For lanes without a provider limit: API calls, files. */
const defaultLimit = 16;

/**
 * Reads are cheap; each provider limits changes after a capacity check.
 *
 * @param prepared undefined for read-only verbs
 * @throws FleetError of a provider without capacity
 */
export async function limitsOf(
  { providers, open }: Opened,
  jobs: number | undefined,
  prepared?: { readonly world: World; readonly run: PreparedRun },
): Promise<Limits> {
  const limits = limitsByGroup(providers, jobs);
  const notices: Preparation["notices"][number][] = [];
  const groups = new Set(prepared?.run.resources.map(({ row }) => row.group));
  for (const [name, provider] of open) {
    const group = providers.get(name)?.group ?? name;
    // Providers of the same group share their checks.
    if (prepared === undefined || provider.prepare === undefined || !groups.delete(group)) continue;
    const found = await provider.prepare(prepared.world, prepared.run);
    limits.set(group, { ...limits.get(group), ...found.lanes });
    notices.push(...found.notices);
  }
  return { of: ({ lane, row }) => limits.get(row.group)?.[lane] ?? defaultLimit, notices };
}

function limitsByGroup(providers: Providers<Provider>, jobs: number | undefined) {
  const limits = new Map<string, Readonly<Record<string, number>>>();
  for (const { group, lanes = {} } of providers.values()) {
    const own = Object.entries(lanes).map(([lane, limit]) => [lane, limitOf(limit, jobs)] as const);
    limits.set(group, { ...limits.get(group), ...Object.fromEntries(own) });
  }
  return limits;
}

function limitOf({ limit, jobs }: LaneLimit, asked: number | undefined): number {
  return jobs === true ? (asked ?? limit) : limit;
}
