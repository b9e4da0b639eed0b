#!/usr/bin/env bun
//MISE description="Merge the kubeconfigs of all clusters, or of some, into one file"
//USAGE flag "--sandbox" help="run against the embedded sandbox: requires no account and no Docker"
//USAGE flag "--fleet <file>" help="another fleet: a .ts file that exports it, or .yaml, .json"
//USAGE flag "--json" help="print one JSON object per line and nothing else"
//USAGE flag "--verbose" help="show the stack of every error"
//USAGE arg "[cluster]" help="clusters by name; all by default" var=#true
//USAGE complete "cluster" run="bun run tasks/fleet.ts --names"

import { type CommandSpec, clusterArgument, option } from "#lib/cli/options.ts";
import { runProgram, terminal } from "#lib/cli/program.ts";

export const spec: CommandSpec = {
  options: [option.sandbox, option.fleet, option.json, option.verbose],
  argument: clusterArgument,
};

if (import.meta.main) {
  await runProgram(spec, async ({ flags, values, positionals }) => {
    const [{ openSession }, merged, { FleetError }, { suggest }, { formatWord }] = await Promise.all([
      import("#lib/commands/session.ts"),
      import("#lib/kubernetes/merged.ts"),
      import("#lib/errors.ts"),
      import("#lib/nearest.ts"),
      import("#lib/shell-words.ts"),
    ]);
    const session = await openSession({ sandbox: flags.has("sandbox"), fleetFile: values.get("fleet")?.[0] });
    const known = session.fleet.clusters.map((cluster): string => cluster.name);
    for (const name of positionals) {
      if (!known.includes(name)) {
        throw new FleetError("UnknownCluster", `unknown cluster "${name}"`, { hint: suggest(name, known) });
      }
    }
    const clusters = positionals.length > 0 ? positionals : await merged.clustersWithKubeconfig(session.paths);
    if (clusters.length === 0) {
      throw new FleetError("NothingSelected", "no cluster has a kubeconfig yet", { hint: "create a cluster first" });
    }
    const path = await merged.writeMergedKubeconfig(session.paths, clusters);
    if (flags.has("json")) terminal.json({ path, clusters });
    else terminal.out(`export KUBECONFIG=${formatWord(path)}\n`);
    return 0;
  });
}
