import { existsSync } from "node:fs";
import { readEnvironment } from "#lib/environment.ts";
import { formatWord } from "#lib/exec.ts";
import type { Cluster } from "#lib/fleet/types.ts";
import { kubeconfigPath, type Paths } from "#lib/paths.ts";
import type { RunOptions } from "#lib/task.ts";
import type { Verb } from "#lib/verbs/engine.ts";

export interface Ended {
  readonly exitCode: number;
  readonly clusters: readonly Cluster[];
  readonly paths: Paths;
  readonly options: RunOptions;
}

/** Commands worth typing next, in the form in which this one was typed. */
export function suggestNext(verb: Verb, { exitCode, clusters, paths, options }: Ended): readonly string[] {
  const task = (name: string, ...args: readonly string[]): string => formatTask(name, [...args, ...sticky(options)]);
  switch (verb.name) {
    case "create": {
      const files = clusters.map((cluster) => kubeconfigPath(paths, cluster.name)).filter((path) => existsSync(path));
      const [only] = files;
      return [
        ...(files.length > 1
          ? [task("kubeconfig")]
          : only === undefined
            ? []
            : [`export KUBECONFIG=${formatWord(only)}`]),
        task("status"),
        ...(exitCode === 0 && options.sandbox ? [task("delete-all")] : []),
      ];
    }
    case "plan":
      return [options.dryRun ? "the same without --dry-run" : task("create-all")];
    case "status":
      return exitCode === 0 ? [] : [task("create-all")];
    case "delete":
      return [];
    default:
      return verb.name satisfies never;
  }
}

/** Options that the next command needs too, to be about the same fleet. */
function sticky(options: RunOptions): readonly string[] {
  return [
    ...(options.sandbox ? ["--sandbox"] : []),
    ...(options.fleetFile === undefined ? [] : ["--fleet", options.fleetFile]),
  ];
}

/** How to call a task in the way in which this one was called. */
function formatTask(name: string, args: readonly string[]): string {
  const tail = args.length === 0 ? "" : ` ${args.map(formatWord).join(" ")}`;
  const { runner } = readEnvironment();
  if (runner === "mise") return `mise run ${name}${tail}`;
  const bun = runner === "npx" ? `npx --yes bun@${Bun.version}` : "bun";
  return `${bun} run tasks/${name.replaceAll(":", "/")}.ts${tail}`;
}
