#!/usr/bin/env bun
//MISE description="Show or run the commands that make the user aws-cli in the management account"
//USAGE flag "--apply" help="make the user, its permissions and an access key, by the credentials of the account's owners"
//USAGE flag "--profile <name>" help="keep the new key in this profile of ~/.aws/credentials instead of showing it"
//USAGE flag "--fleet <file>" help="another fleet: a .ts file that exports it, or .yaml, .json"
//USAGE flag "--verbose" help="show the stack of every error"

import { type CommandSpec, option } from "#lib/cli/options.ts";
import { runProgram, terminal } from "#lib/cli/program.ts";

export const spec: CommandSpec = {
  options: [
    {
      name: "apply",
      help: "make the user, its permissions and an access key, by the credentials of the account's owners",
    },
    {
      name: "profile",
      value: "name",
      help: "keep the new key in this profile of ~/.aws/credentials instead of showing it",
    },
    option.fleet,
    option.verbose,
  ],
};

if (import.meta.main) {
  await runProgram(spec, async ({ flags, values }) => {
    if (!flags.has("apply")) {
      const { cliUserCommands } = await import("#lib/aws/cli-user.ts");
      terminal.out(`${cliUserCommands().join("\n")}\n`);
      return 0;
    }
    const [{ setUpCliUser }, { createAws }, { openSession }] = await Promise.all([
      import("#lib/aws/set-up-cli-user.ts"),
      import("#lib/aws/create.ts"),
      import("#lib/session.ts"),
    ]);
    const { environment, fleet, paths } = await openSession({ sandbox: false, fleetFile: values.get("fleet")?.[0] });
    await setUpCliUser({
      fleet,
      aws: createAws(fleet, environment.variables),
      variables: environment.variables,
      root: paths.root,
      signal: new AbortController().signal,
      profile: values.get("profile")?.[0],
      interactive: process.stdout.isTTY === true && !environment.ci,
      // A new key is shown once, to a person who has asked for it.
      show: terminal.verbatim,
    });
    return 0;
  });
}
