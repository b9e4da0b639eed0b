import type { ProviderFacts, Providers } from "#lib/fleet/provider.ts";
import { clusterTable } from "#lib/generate/cluster-table.ts";
import { diagrams } from "#lib/generate/diagrams.ts";
import { verbTasks } from "#lib/generate/tasks.ts";
import type { Provider } from "#lib/provider.ts";
import type { Generator } from "#lib/render/generator.ts";

/** Everything that `bun run generate` writes. */
export async function generatorsOf(providers: Providers<Provider>): Promise<readonly Generator<Provider>[]> {
  const own = await Promise.all([...providers.values()].map((provider) => provider.generate?.()));
  const ofProviders = new Set<Generator<ProviderFacts>>(own.flatMap((generated) => generated?.generators ?? []));
  return [...ofProviders, verbTasks, clusterTable, diagrams];
}
