#!/usr/bin/env bun
import { existsSync } from "node:fs";
import { join } from "node:path";
import { readSandboxEnvironment } from "#sandbox/environment.ts";
import { commitFolder, takeCommit } from "#sandbox/git/commit.ts";
import { sandboxPaths } from "#sandbox/paths.ts";

/** Exit code for what the fake does not know (EX_USAGE). */
const DOES_NOT_KNOW = 64;

/**
 * The `git` of a sandbox: takes the checkout's folder as it is for its newest commit, whether it is committed or not, and
 * also where there is no Git at all. It answers what a checkout is asked before clusters read it, and names its commit to them.
 */
function git(argv: readonly string[], commits: string): number {
  const { root, words } = parse(argv);
  const [command, ...rest] = words;
  const line = rest.join(" ");
  if (command === "rev-parse" && line === "--show-prefix") return say("\n");
  const wanted = /^--verify --quiet --end-of-options (.*)\^\{commit\}$/.exec(line)?.[1];
  if (command === "rev-parse" && wanted !== undefined) {
    if (wanted === "HEAD") return say(`${takeCommit(root, commits)}\n`);
    const known = /^[0-9a-f]{40}$/.test(wanted) && existsSync(join(commits, `${wanted}.json`));
    return known ? say(`${wanted}\n`) : 1;
  }
  // Nothing is left out of a commit that is the folder as it is.
  if (command === "status" && line === `--porcelain --untracked-files=all -- ${commitFolder}`) return 0;
  if (command === "upload-pack" && line.startsWith("--stateless-rpc --http-backend-info-refs ")) {
    const commit = takeCommit(rest.at(-1) ?? root, commits);
    return say(`${packetLine(`${commit} HEAD\0agent=sandbox\n`)}0000`);
  }
  process.stderr.write(`sandbox git: does not know git ${argv.join(" ")}\n`);
  return DOES_NOT_KNOW;
}

function parse(argv: readonly string[]): { readonly root: string; readonly words: readonly string[] } {
  const words = [...argv];
  let root = process.cwd();
  for (let [flag, value] = words; flag === "-C" || flag === "-c"; [flag, value] = words) {
    if (flag === "-C" && value !== undefined) root = value;
    words.splice(0, 2);
  }
  return { root, words };
}

function packetLine(text: string): string {
  return (text.length + 4).toString(16).padStart(4, "0") + text;
}

function say(text: string): number {
  process.stdout.write(text);
  return 0;
}

if (import.meta.main) {
  const { stateDirectory } = readSandboxEnvironment();
  if (stateDirectory === undefined) {
    process.stderr.write("sandbox git: does not know its state folder: set K8S_SANDBOX_STATE\n");
    process.exitCode = DOES_NOT_KNOW;
  } else process.exitCode = git(Bun.argv.slice(2), sandboxPaths(stateDirectory).commits);
}
