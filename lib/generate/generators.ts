import { clusterTable } from "#lib/generate/cluster-table.ts";
import { diagrams } from "#lib/generate/diagrams.ts";
import type { Generator } from "#lib/generate/generator.ts";
import { k3dConfigs, kindConfigs } from "#lib/generate/local-configs.ts";
import { verbTasks } from "#lib/generate/tasks.ts";

/** Everything that `bun run generate` writes. */
export const generators: readonly Generator[] = [kindConfigs, k3dConfigs, verbTasks, clusterTable, diagrams];
