#!/usr/bin/env bun
//MISE description="Print the fleet: its clusters, accounts and zones"
//USAGE flag "--names" help="print the names of the clusters only, one per line"
//USAGE flag "--accounts" help="print the names of the accounts only, one per line"
//USAGE flag "--fleet <file>" help="another fleet: a .ts file that exports it, or .yaml, .json"
//USAGE flag "--json" help="print the fleet as one JSON object"
//USAGE flag "--verbose" help="show the stack of every error"

import { type CommandSpec, option } from "#lib/cli/options.ts";
import { runProgram, terminal } from "#lib/cli/program.ts";

export const spec: CommandSpec = {
  options: [
    { name: "names", help: "print the names of the clusters only, one per line" },
    { name: "accounts", help: "print the names of the accounts only, one per line" },
    option.fleet,
    { name: "json", help: "print the fleet as one JSON object" },
    option.verbose,
  ],
};

if (import.meta.main) {
  await runProgram(spec, async ({ flags, values }) => {
    const [{ loadFleet }, { builtInProviders }, { formatFleet }, { readEnvironment }] = await Promise.all([
      import("#lib/fleet/load.ts"),
      import("#lib/providers.ts"),
      import("#lib/fleet/format.ts"),
      import("#lib/environment.ts"),
    ]);
    const { fleet, providers } = await loadFleet(
      builtInProviders,
      values.get("fleet")?.[0] ?? readEnvironment().fleetFile,
    );
    if (flags.has("names")) terminal.out(fleet.clusters.map((cluster) => `${cluster.name}\n`).join(""));
    else if (flags.has("accounts")) terminal.out(fleet.accounts.map((account) => `${account.name}\n`).join(""));
    else if (flags.has("json")) terminal.json(fleet, 2);
    else terminal.out(formatFleet(fleet, providers));
    return 0;
  });
}
