#!/usr/bin/env bun
//MISE description="Show who one is in each AWS account of the fleet, step by step"
//USAGE flag "--sandbox" help="run against the embedded sandbox: no account, no Docker, nothing real is touched"
//USAGE flag "--fleet <file>" help="another fleet: a .ts file that exports it, or .yaml, .json"
//USAGE flag "--json" help="print one JSON object per line and nothing else"
//USAGE flag "--verbose" help="show the stack of every error"

import { type CommandSpec, option } from "#lib/cli/options.ts";
import { runProgram, terminal } from "#lib/cli/program.ts";

export const spec: CommandSpec = { options: [option.sandbox, option.fleet, option.json, option.verbose] };

if (import.meta.main) {
  await runProgram(spec, async ({ flags, values }) => {
    const [{ whoami }, { openSession }, { formatTable }] = await Promise.all([
      import("#lib/credentials/whoami.ts"),
      import("#lib/session.ts"),
      import("#lib/table.ts"),
    ]);
    const session = await openSession({ sandbox: flags.has("sandbox"), fleetFile: values.get("fleet")?.[0] });
    const hops = await whoami(session.environment, session.fleet);
    if (flags.has("json")) for (const hop of hops) terminal.out(`${JSON.stringify(hop)}\n`);
    else {
      const rows = hops.map(({ name, account, result }) =>
        result.kind === "ok"
          ? ["✔", name, account || "–", result.arn]
          : ["✘", name, account || "–", `${result.message} (${result.code})`],
      );
      terminal.out(formatTable(["", "step", "account", "identity"], rows));
      const hints = new Set(hops.flatMap(({ result }) => (result.kind === "failed" ? (result.hint ?? []) : [])));
      for (const hint of hints) terminal.out(`do  ${hint}\n`);
    }
    return hops.every(({ result }) => result.kind === "ok") ? 0 : 1;
  });
}
