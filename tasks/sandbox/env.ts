#!/usr/bin/env bun
//MISE description="Print the variables that point other programs (aws, kubectl, dig) at the sandbox"
//USAGE flag "--fleet <file>" help="another fleet: a .ts file that exports it, or .yaml, .json"
//USAGE flag "--json" help="print one JSON object per line and nothing else"
//USAGE flag "--verbose" help="show the stack of every error"

import { type CommandSpec, option } from "#lib/cli/options.ts";
import { runProgram, terminal } from "#lib/cli/program.ts";

export const spec: CommandSpec = { options: [option.fleet, option.json, option.verbose] };

if (import.meta.main) {
  await runProgram(spec, async ({ flags, values }) => {
    const [{ formatExports, sandboxState, startSandbox }, { loadFleet }, { builtInProviders }, { readEnvironment }] =
      await Promise.all([
        import("#lib/sandbox.ts"),
        import("#lib/fleet/load.ts"),
        import("#lib/providers.ts"),
        import("#lib/environment.ts"),
      ]);
    const environment = readEnvironment();
    const { fleet } = await loadFleet(builtInProviders, values.get("fleet")?.[0] ?? environment.fleetFile);
    const { variables } = await startSandbox(environment, sandboxState(environment), fleet);
    terminal.verbatim(flags.has("json") ? `${JSON.stringify(variables)}\n` : formatExports(variables));
    return 0;
  });
}
