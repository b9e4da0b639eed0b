#!/usr/bin/env bun
//MISE description="Write the files generated from the fleet: tasks, kind and k3d configuration, tables, diagrams"
//USAGE flag "--check" help="change nothing; fail when a file is stale"

import type { CommandSpec } from "#lib/cli/options.ts";
import { runProgram, terminal } from "#lib/cli/program.ts";
import { FleetError } from "#lib/errors.ts";
import { command } from "#lib/hint.ts";

export const spec: CommandSpec = {
  options: [{ name: "check", help: "change nothing; fail when a file is stale" }],
};

if (import.meta.main) {
  await runProgram(spec, async ({ flags }) => {
    const [{ loadFleet }, { builtInProviders }, { generate }, { writeFiles }, { projectRoot }] = await Promise.all([
      import("#lib/fleet/load.ts"),
      import("#lib/providers.ts"),
      import("#lib/generate/files.ts"),
      import("#lib/generate/write.ts"),
      import("#lib/paths.ts"),
    ]);
    const check = flags.has("check");
    const stale = await writeFiles(projectRoot, await generate(await loadFleet(builtInProviders)), { check });
    if (check && stale.length > 0) {
      throw new FleetError("StaleFiles", `stale: ${stale.join(", ")}`, { hint: [command("generate")] });
    }
    for (const path of stale) terminal.out(`${path}\n`);
    terminal.out(stale.length === 0 ? "everything is up to date\n" : `${stale.length} files written\n`);
    return 0;
  });
}
