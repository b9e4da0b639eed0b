#!/usr/bin/env bun
//MISE description="Open the Argo CD of one cluster on a port of this computer"
//USAGE flag "--password" help="print the initial password too"
//USAGE flag "--sandbox" help="run against the embedded sandbox: requires no account and no Docker"
//USAGE flag "--verbose" help="show the stack of every error"
//USAGE arg "[cluster]" help="the cluster, by name" var=#true
//USAGE complete "cluster" run="bun run tasks/fleet.ts --names"

import { type CommandSpec, option } from "#lib/cli/options.ts";
import { runProgram } from "#lib/cli/program.ts";

export const spec: CommandSpec = {
  options: [{ name: "password", help: "print the initial password too" }, option.sandbox, option.verbose],
  argument: { name: "cluster", help: "the cluster, by name", complete: "bun run tasks/fleet.ts --names" },
};

if (import.meta.main) {
  await runProgram(spec, async ({ flags, positionals }) => {
    const { openArgocd } = await import("#lib/commands/open-argocd.ts");
    return await openArgocd({ clusters: positionals, password: flags.has("password"), sandbox: flags.has("sandbox") });
  });
}
