#!/usr/bin/env bun
//MISE description="Print a token for a cluster in a cloud; kubeconfigs call it"
//USAGE flag "--provider <name>" help="the cluster's cloud: aws, azure or gcp"
//USAGE flag "--cluster <name>" help="the cluster's name in its cloud"
//USAGE flag "--region <name>" help="aws: the cluster's region"
//USAGE flag "--server <url>" help="the cluster's API server; no other server gets a token"
//USAGE flag "--account <name>" help="the account's name in the fleet"
//USAGE flag "--account-id <digits>" help="aws: the account's id; credentials for another account are rejected"
//USAGE flag "--role <arn>" help="aws: the role with access to the cluster; credentials of another role are rejected"
//USAGE flag "--tenant <id>" help="azure: the account's tenant; credentials for another tenant are rejected"
//USAGE flag "--service-account <email>" help="gcp: the service account with access to the cluster; tokens of another one are rejected"
//USAGE flag "--management-account <name>" help="gcp: the management account's name in the fleet"
//USAGE flag "--management-service-account <email>" help="gcp: its service account, which may act as the one of --service-account"
//USAGE flag "--state <folder>" help="folder for state files; default: clusters/"
//USAGE flag "--fleet <file>" help="another fleet: a .ts file that exports it, or .yaml, .json"

import { writeFileSync } from "node:fs";
import type { CommandSpec } from "#lib/cli/options.ts";
import { type KubeTokenOptions, kubeToken } from "#lib/commands/kube-token.ts";
import { readEnvironment } from "#lib/environment.ts";

export const spec: CommandSpec = {
  options: [
    { name: "provider", value: "name", help: "the cluster's cloud: aws, azure or gcp" },
    { name: "cluster", value: "name", help: "the cluster's name in its cloud" },
    { name: "region", value: "name", help: "aws: the cluster's region" },
    { name: "server", value: "url", help: "the cluster's API server; no other server gets a token" },
    { name: "account", value: "name", help: "the account's name in the fleet" },
    {
      name: "account-id",
      value: "digits",
      help: "aws: the account's id; credentials for another account are rejected",
    },
    {
      name: "role",
      value: "arn",
      help: "aws: the role with access to the cluster; credentials of another role are rejected",
    },
    {
      name: "tenant",
      value: "id",
      help: "azure: the account's tenant; credentials for another tenant are rejected",
    },
    {
      name: "service-account",
      value: "email",
      help: "gcp: the service account with access to the cluster; tokens of another one are rejected",
    },
    { name: "management-account", value: "name", help: "gcp: the management account's name in the fleet" },
    {
      name: "management-service-account",
      value: "email",
      help: "gcp: its service account, which may act as the one of --service-account",
    },
    { name: "state", value: "folder", help: "folder for state files; default: clusters/" },
    { name: "fleet", value: "file", help: "another fleet: a .ts file that exports it, or .yaml, .json" },
  ],
};

async function print(options: KubeTokenOptions): Promise<number> {
  const credential = await kubeToken(options, readEnvironment(), Date.now());
  // Not process.stdout: it takes twice as long to set up as all the rest together.
  writeFileSync(1, credential);
  return 0;
}

/** Options as kubeconfigs have them: `--name value`, each once. Undefined for all else, also for what is wrong. */
function tryReadOptions(argv: readonly string[]): KubeTokenOptions | undefined {
  const options = new Map<string, string>();
  for (let index = 0; index < argv.length; index += 2) {
    const [flag = "", value = ""] = argv.slice(index, index + 2);
    const name = flag.slice(2);
    const isKnown = flag.startsWith("--") && spec.options.some((option) => option.name === name);
    if (!isKnown || options.has(name) || value === "" || value.startsWith("-")) return undefined;
    options.set(name, value);
  }
  return options;
}

/** Help, other ways to write options, and errors, for which nobody minds to wait. */
async function printSlowly(error?: unknown): Promise<void> {
  const { runProgram } = await import("#lib/cli/program.ts");
  await runProgram(spec, async ({ values }) => {
    if (error !== undefined) throw error;
    return await print(new Map([...values].map(([name, [value = ""]]) => [name, value])));
  });
}

if (import.meta.main) {
  const options = tryReadOptions(process.argv.slice(2));
  if (options === undefined) await printSlowly();
  else await print(options).catch(printSlowly);
}
