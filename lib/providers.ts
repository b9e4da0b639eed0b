import { aws } from "#lib/aws/provider.ts";
import { azure } from "#lib/azure/provider.ts";
import type { Providers } from "#lib/fleet/provider.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { gcp } from "#lib/gcp/provider.ts";
import { k3d, kind } from "#lib/local/providers.ts";
import type { OpenProvider, Provider, ProviderContext } from "#lib/provider.ts";

/** The built-in providers, in display order. */
export const builtInProviders: Providers<Provider> = new Map(
  [aws, azure, gcp, kind, k3d].map((provider): [string, Provider] => [provider.name, provider]),
);

/** Providers of a fleet, and opened instances of those that can create resources. */
export interface Opened {
  readonly providers: Providers<Provider>;
  readonly open: ReadonlyMap<string, OpenProvider>;
}

/** Opens the providers that the fleet uses, and the local ones: finding their orphans needs no account. */
export async function openProviders(providers: Providers<Provider>, context: ProviderContext): Promise<Opened> {
  const used = new Set(usedBy(context.fleet));
  const opening = [...providers.values()]
    .filter(({ name, place }) => used.has(name) || place === "computer")
    .map(async (provider) => [provider.name, await provider.open?.(context)] as const);
  const open = new Map<string, OpenProvider>();
  for (const [name, opened] of await Promise.all(opening)) if (opened !== undefined) open.set(name, opened);
  return { providers, open };
}

function usedBy({ accounts, clusters }: Fleet): readonly string[] {
  return [...accounts, ...clusters].map(({ provider }) => provider);
}
