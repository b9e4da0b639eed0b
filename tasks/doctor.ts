#!/usr/bin/env bun
//MISE description="Check this computer: programs, Docker, kernel limits, memory, disk, ports"
//USAGE flag "--sandbox" help="run against the embedded sandbox: requires no account and no Docker"
//USAGE flag "--fleet <file>" help="another fleet: a .ts file that exports it, or .yaml, .json"
//USAGE flag "--json" help="print one JSON object per line and nothing else"
//USAGE flag "--verbose" help="show the stack of every error"

import { type CommandSpec, option } from "#lib/cli/options.ts";
import { runProgram, terminal } from "#lib/cli/program.ts";

export const spec: CommandSpec = { options: [option.sandbox, option.fleet, option.json, option.verbose] };

if (import.meta.main) {
  await runProgram(spec, async ({ flags, values }) => {
    const [{ examineMachine }, { createWorld, openSession }, { cautious }, { systemClock }, { formatTable }] =
      await Promise.all([
        import("#lib/commands/doctor.ts"),
        import("#lib/commands/session.ts"),
        import("#lib/graph/world.ts"),
        import("#lib/clock.ts"),
        import("#lib/table.ts"),
      ]);
    const session = await openSession({ sandbox: flags.has("sandbox"), fleetFile: values.get("fleet")?.[0] });
    const world = createWorld(session, systemClock, new AbortController().signal, cautious);
    const checks = await examineMachine(world, session);
    if (flags.has("json")) {
      for (const check of checks) terminal.json(check);
    } else {
      const marks = { ok: "✔", warning: "!", failure: "✘" } as const;
      terminal.out(
        formatTable(
          ["", "check", "found"],
          checks.map((check) => [marks[check.level], check.name, check.found]),
          terminal.columns,
        ),
      );
      const remedies = checks.flatMap(({ name, remedy }) => (remedy === undefined ? [] : [[`do  ${name}`, remedy]]));
      if (remedies.length > 0) terminal.out(`\n${remedies.map(([what, remedy]) => `${what}: ${remedy}\n`).join("")}`);
    }
    return checks.some((check) => check.level === "failure") ? 1 : 0;
  });
}
