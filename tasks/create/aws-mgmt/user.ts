#!/usr/bin/env bun
//MISE description="Show or run the commands that create the user aws-cli in the management account"
//USAGE flag "--apply" help="create the user, its permissions and an access key, with the account administrator's credentials"
//USAGE flag "--restrict" help="complete the set-up: remove AdministratorAccess from the user, who then may only assume the management roles"
//USAGE flag "--profile <name>" help="store the new key in this profile of ~/.aws/credentials instead of printing it"
//USAGE flag "--sandbox" help="run against the embedded sandbox: requires no account and no Docker"
//USAGE flag "--fleet <file>" help="another fleet: a .ts file that exports it, or .yaml, .json"
//USAGE flag "--verbose" help="show the stack of every error"

import { type CommandSpec, option } from "#lib/cli/options.ts";
import { runProgram, terminal } from "#lib/cli/program.ts";

export const spec: CommandSpec = {
  options: [
    {
      name: "apply",
      help: "create the user, its permissions and an access key, with the account administrator's credentials",
    },
    {
      name: "restrict",
      help: "complete the set-up: remove AdministratorAccess from the user, who then may only assume the management roles",
    },
    {
      name: "profile",
      value: "name",
      help: "store the new key in this profile of ~/.aws/credentials instead of printing it",
    },
    option.sandbox,
    option.fleet,
    option.verbose,
  ],
};

if (import.meta.main) {
  await runProgram(spec, async ({ flags, values }) => {
    const fleetFile = values.get("fleet")?.[0];
    if (!flags.has("apply")) {
      const [{ cliUserCommands }, { restrictCommands }, { openSession }] = await Promise.all([
        import("#lib/aws/iam/cli-user.ts"),
        import("#lib/aws/iam/restrict-cli-user.ts"),
        import("#lib/commands/session.ts"),
      ]);
      const { fleet } = await openSession({ sandbox: flags.has("sandbox"), fleetFile });
      const commands = flags.has("restrict") ? restrictCommands(fleet) : cliUserCommands();
      terminal.out(`${commands.join("\n")}\n`);
      return 0;
    }
    const [{ setUpCliUser }, { createAwsClients: createAws }, { mfaPrompt }, { openSession }] = await Promise.all([
      import("#lib/commands/set-up-cli-user.ts"),
      import("#lib/aws/create-clients.ts"),
      import("#lib/cli/mfa.ts"),
      import("#lib/commands/session.ts"),
    ]);
    const { environment, fleet, paths, sandbox } = await openSession({ sandbox: flags.has("sandbox"), fleetFile });
    // The root user may make the first user of an account.
    const aws = createAws(fleet, environment.variables, { allowRoot: true, askMfaCode: mfaPrompt(environment) });
    if (flags.has("restrict")) {
      const { restrictCliUser } = await import("#lib/aws/iam/restrict-cli-user.ts");
      await restrictCliUser({ fleet, aws, show: terminal.out });
      return 0;
    }
    await setUpCliUser({
      fleet,
      aws,
      variables: environment.variables,
      root: sandbox ? undefined : paths.root,
      signal: new AbortController().signal,
      profile: values.get("profile")?.[0],
      interactive: process.stdout.isTTY === true && !environment.ci,
      // A new key is shown once, to a person who has asked for it.
      show: terminal.verbatim,
    });
    return 0;
  });
}
