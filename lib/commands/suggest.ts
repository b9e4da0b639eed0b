import { existsSync } from "node:fs";
import type { RunOptions } from "#lib/commands/run-options.ts";
import type { Cluster } from "#lib/fleet/types.ts";
import type { Outcome } from "#lib/graph/events.ts";
import { kubeconfigPath, type Paths } from "#lib/paths.ts";
import { repeatWithout, taskCommand } from "#lib/printed-command.ts";
import { formatWord } from "#lib/shell-words.ts";
import type { Verb } from "#lib/verbs/engine.ts";

export interface Ended {
  readonly exitCode: number;
  readonly totals: Readonly<Partial<Record<Outcome, number>>>;
  readonly clusters: readonly Cluster[];
  readonly paths: Paths;
  readonly options: RunOptions;
  /** Commands that the resources ask for. */
  readonly asked: readonly string[];
}

/**
 * Suggested next commands for the same part of the fleet. None deletes anything, except that an interrupted or previewed
 * (`--dry-run`) delete is repeated without `--yes`, and so asks for confirmation.
 */
export function suggestNext(
  verb: Verb,
  { exitCode, totals, clusters, paths, options, asked }: Ended,
): readonly string[] {
  const task = (name: string): string => taskCommand(name, ...selectionOf(options), ...gitopsOf(name, options));
  switch (verb.name) {
    case "create": {
      if (isInterrupted(exitCode)) return [repeatWithout()];
      if (options.accounts !== undefined) return [...asked, taskCommand("whoami")];
      const files = clusters.map((cluster) => kubeconfigPath(paths, cluster.name)).filter((path) => existsSync(path));
      const [only] = files;
      return [
        ...asked,
        ...(files.length > 1
          ? [taskCommand("kubeconfig")]
          : only === undefined
            ? []
            : [`export KUBECONFIG=${formatWord(only)}`]),
        task("status"),
      ];
    }
    case "plan":
      // A create would refuse what the plan refuses.
      if (exitCode === 1) return [];
      return [options.dryRun ? repeatWithout("--dry-run", "--yes") : task("create-all"), ...orphansOf(totals)];
    case "status": {
      if (exitCode === 0) return [];
      const isAbsent = (totals.absent ?? 0) > 0 && (totals.degraded ?? 0) === 0 && options.allowAbsent !== true;
      // Degraded resources have their own hint. A plan shows whether a create would change anything.
      return [task(isAbsent ? "create-all" : "plan"), ...orphansOf(totals)];
    }
    case "delete":
      return isInterrupted(exitCode) ? [repeatWithout("--yes")] : [];
    default:
      return verb.name satisfies never;
  }
}

/** A preview of deleting the orphans; the user removes the last option. */
function orphansOf({ orphan = 0 }: Ended["totals"]): readonly string[] {
  return orphan === 0 ? [] : [taskCommand("delete-all", "--orphans", "--dry-run")];
}

/** By SIGINT or SIGTERM: the same command continues. */
function isInterrupted(exitCode: number): boolean {
  return exitCode === 130 || exitCode === 143;
}

/** The options that selected this part of the fleet. */
function selectionOf({ selection }: RunOptions): readonly string[] {
  const each = (name: string, values: readonly string[] = []): readonly string[] =>
    values.flatMap((value) => [`--${name}`, value]);
  const chosen = [
    ...selection.clusters,
    ...each("provider", selection.providers),
    ...each("account", selection.accounts),
    ...each("target", selection.targets),
  ];
  // Selection options are combined with "or": adding a provider to names would select all of its clusters.
  return chosen.length === 0 ? each("provider", selection.within) : chosen;
}

/** The command's Argo CD options; `status` supports only on and off. */
function gitopsOf(task: string, { gitops }: RunOptions): readonly string[] {
  if (gitops === undefined) return ["--no-gitops"];
  if (task === "status") return [];
  const { revision, manifest } = gitops;
  return [
    ...(revision === undefined ? [] : ["--revision", revision]),
    ...(manifest === undefined ? [] : ["--argocd-manifest", manifest]),
  ];
}
