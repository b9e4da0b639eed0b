#!/usr/bin/env bun
//MISE description="Show your identity in each AWS account and audit the trust policies; exits with 1 if a step is denied or a policy is too loose"
//USAGE flag "--sandbox" help="run against the embedded sandbox: requires no account and no Docker"
//USAGE flag "--fleet <file>" help="another fleet: a .ts file that exports it, or .yaml, .json"
//USAGE flag "--json" help="print one JSON object per line and nothing else"
//USAGE flag "--verbose" help="show the stack of every error"

import { type CommandSpec, option } from "#lib/cli/options.ts";
import { runProgram, terminal } from "#lib/cli/program.ts";

export const spec: CommandSpec = { options: [option.sandbox, option.fleet, option.json, option.verbose] };

if (import.meta.main) {
  await runProgram(spec, async ({ flags, values }) => {
    const [{ whoami }, { exitCodeOf, formatHops }] = await Promise.all([
      import("#lib/commands/whoami.ts"),
      import("#lib/commands/format-hops.ts"),
    ]);
    const hops = await whoami({ sandbox: flags.has("sandbox"), fleetFile: values.get("fleet")?.[0] });
    if (flags.has("json")) for (const hop of hops) terminal.json(hop);
    else terminal.out(formatHops(hops, terminal.columns));
    return exitCodeOf(hops);
  });
}
