#!/usr/bin/env bun
//MISE description="Serve this checkout to the local clusters, and update them with each new commit"
//USAGE flag "--sandbox" help="run against the embedded sandbox: requires no account and no Docker"
//USAGE flag "--fleet <file>" help="another fleet: a .ts file that exports it, or .yaml, .json"
//USAGE flag "--verbose" help="show the stack of every error"
//USAGE arg "[cluster]" help="clusters by name; all by default" var=#true
//USAGE complete "cluster" run="bun run tasks/fleet.ts --names"

import { type CommandSpec, clusterArgument, option } from "#lib/cli/options.ts";
import { runProgram } from "#lib/cli/program.ts";

export const spec: CommandSpec = { options: [option.sandbox, option.fleet, option.verbose], argument: clusterArgument };

if (import.meta.main) {
  await runProgram(spec, async ({ flags, values, positionals }) => {
    const { serveCommits } = await import("#lib/commands/serve-commits.ts");
    const [fleetFile] = values.get("fleet") ?? [];
    const [sandbox, verbose] = [flags.has("sandbox"), flags.has("verbose")];
    return await serveCommits({
      clusters: positionals,
      sandbox,
      verbose,
      ...(fleetFile === undefined ? {} : { fleetFile }),
    });
  });
}
