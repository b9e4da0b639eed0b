import { existsSync } from "node:fs";
import type { Outcome } from "#lib/events.ts";
import { formatWord } from "#lib/exec.ts";
import type { Cluster } from "#lib/fleet/types.ts";
import { kubeconfigPath, type Paths } from "#lib/paths.ts";
import { taskCommand } from "#lib/printed-command.ts";
import type { RunOptions } from "#lib/task.ts";
import type { Verb } from "#lib/verbs/engine.ts";

export interface Ended {
  readonly exitCode: number;
  readonly totals: Readonly<Partial<Record<Outcome, number>>>;
  readonly clusters: readonly Cluster[];
  readonly paths: Paths;
  readonly options: RunOptions;
}

/** Commands worth typing next, about the same part of the fleet. None of them deletes anything. */
export function suggestNext(verb: Verb, { exitCode, totals, clusters, paths, options }: Ended): readonly string[] {
  const task = (name: string): string => taskCommand(name, ...selectionOf(options));
  switch (verb.name) {
    case "create": {
      if (options.aws !== undefined) return [taskCommand("whoami")];
      const files = clusters.map((cluster) => kubeconfigPath(paths, cluster.name)).filter((path) => existsSync(path));
      const [only] = files;
      return [
        ...(files.length > 1
          ? [taskCommand("kubeconfig")]
          : only === undefined
            ? []
            : [`export KUBECONFIG=${formatWord(only)}`]),
        task("status"),
      ];
    }
    case "plan":
      return [options.dryRun ? "the same without --dry-run" : task("create-all")];
    case "status": {
      if (exitCode === 0) return [];
      const isAbsent = (totals.absent ?? 0) > 0 && options.allowAbsent !== true;
      // What is degraded has its hint. A plan says whether a create would change anything.
      return [task(isAbsent ? "create-all" : "plan")];
    }
    case "delete":
      return [];
    default:
      return verb.name satisfies never;
  }
}

/** What chose the part of the fleet that the command was about. */
function selectionOf({ selection }: RunOptions): readonly string[] {
  const each = (name: string, values: readonly string[] = []): readonly string[] =>
    values.flatMap((value) => [`--${name}`, value]);
  return [
    ...selection.clusters,
    ...each("provider", [...(selection.within ?? []), ...selection.providers]),
    ...each("account", selection.accounts),
    ...each("target", selection.targets),
  ];
}
