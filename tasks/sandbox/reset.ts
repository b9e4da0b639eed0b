#!/usr/bin/env bun
//MISE description="Stop the sandbox and delete its state"
//USAGE flag "--verbose" help="show the stack of every error"

import { type CommandSpec, option } from "#lib/cli/options.ts";
import { runProgram, terminal } from "#lib/cli/program.ts";

export const spec: CommandSpec = { options: [option.verbose] };

if (import.meta.main) {
  await runProgram(spec, async () => {
    const { endSandbox } = await import("#lib/sandbox.ts");
    await endSandbox("reset");
    terminal.out("the sandbox is empty\n");
    return 0;
  });
}
