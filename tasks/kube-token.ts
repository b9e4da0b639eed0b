#!/usr/bin/env bun
//MISE description="Print a token for an EKS cluster; kubeconfigs call it"
//USAGE flag "--cluster <name>" help="the cluster as EKS knows it"
//USAGE flag "--region <name>" help="the cluster's region"
//USAGE flag "--server <url>" help="the cluster's API server; another one gets no token"
//USAGE flag "--account <name>" help="the account, as the fleet calls it"
//USAGE flag "--account-id <digits>" help="the account's id; credentials of another one are refused"
//USAGE flag "--role <arn>" help="the role that the cluster lets in; credentials of another one are refused"
//USAGE flag "--state <folder>" help="where runs write; clusters/ by default"
//USAGE flag "--fleet <file>" help="another fleet: a .ts file that exports it, or .yaml, .json"

import { writeFileSync } from "node:fs";
import type { CommandSpec } from "#lib/cli/options.ts";
import { type KubeTokenOptions, kubeToken } from "#lib/commands/kube-token.ts";
import { readEnvironment } from "#lib/environment.ts";

export const spec: CommandSpec = {
  options: [
    { name: "cluster", value: "name", help: "the cluster as EKS knows it" },
    { name: "region", value: "name", help: "the cluster's region" },
    { name: "server", value: "url", help: "the cluster's API server; another one gets no token" },
    { name: "account", value: "name", help: "the account, as the fleet calls it" },
    { name: "account-id", value: "digits", help: "the account's id; credentials of another one are refused" },
    { name: "role", value: "arn", help: "the role that the cluster lets in; credentials of another one are refused" },
    { name: "state", value: "folder", help: "where runs write; clusters/ by default" },
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
