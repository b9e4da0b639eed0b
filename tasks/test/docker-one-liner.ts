#!/usr/bin/env bun
//MISE description="Create and delete all local clusters from a bare container; requires only Docker"
//USAGE flag "--print" help="print the command instead of running it"
//USAGE flag "--verbose" help="show the stack of every error"

import { type CommandSpec, option } from "#lib/cli/options.ts";
import { runProgram, terminal } from "#lib/cli/program.ts";

export const spec: CommandSpec = {
  options: [{ name: "print", help: "print the command instead of running it" }, option.verbose],
};

if (import.meta.main) {
  await runProgram(spec, async ({ flags }) => {
    const [{ formatOneLiner, oneLinerArguments }, { createExec }, { readEnvironment }, { projectRoot }] =
      await Promise.all([
        import("#lib/commands/docker-one-liner.ts"),
        import("#lib/exec.ts"),
        import("#lib/environment.ts"),
        import("#lib/paths.ts"),
      ]);
    if (flags.has("print")) {
      terminal.out(`${formatOneLiner()}\n`);
      return 0;
    }
    const { listenForSignals } = await import("#lib/cli/signals.ts");
    const { signal } = listenForSignals(() => undefined);
    const onLine = (line: string): void => terminal.out(`${line}\n`);
    // Four clusters on a slow machine, after a gigabyte of images over a slow line.
    const timeout = 60 * 60_000;
    const exec = createExec(readEnvironment().variables)({ onLine, timeout, signal, nothrow: true });
    const result = await exec`docker ${oneLinerArguments({ root: projectRoot })}`;
    return result.exitCode === 0 ? 0 : 1;
  });
}
