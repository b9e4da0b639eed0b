#!/usr/bin/env bun
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
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
  const copied = copyCommand(root, words, commits);
  if (copied !== undefined) return copied;
  process.stderr.write(`sandbox git: does not know git ${argv.join(" ")}\n`);
  return DOES_NOT_KNOW;
}

/** What is asked of the bare copy that is served: a folder with one file per branch. Undefined for what is not known. */
function copyCommand(root: string, [command, ...rest]: readonly string[], commits: string): number | undefined {
  const last = rest.at(-1) ?? "";
  switch (command) {
    case "init":
      mkdirSync(last, { recursive: true, mode: 0o700 });
      return 0;
    case "for-each-ref": {
      if (!existsSync(root)) return 128;
      const refs = readdirSync(root).map((name) => `refs/heads/${name} ${readFileSync(join(root, name), "utf8")}\n`);
      return say(refs.join(""));
    }
    // Commits of a folder as it is have no history.
    case "merge-base":
      return 1;
    case "push": {
      const [, commit = "", ref = ""] = /^\+([0-9a-f]{40}):refs\/heads\/(\w+)$/.exec(last) ?? [];
      if (!existsSync(join(commits, `${commit}.json`))) return 1;
      writeFileSync(join(rest.at(-2) ?? "", ref), commit, { mode: 0o600 });
      return 0;
    }
    case "upload-pack": {
      if (rest[0] !== "--stateless-rpc" || rest[1] !== "--http-backend-info-refs") return undefined;
      const refs = readdirSync(last).map((name) => `${readFileSync(join(last, name), "utf8")} refs/heads/${name}`);
      return say(
        `${refs.map((ref, index) => packetLine(`${ref}${index === 0 ? "\0agent=sandbox" : ""}\n`)).join("")}0000`,
      );
    }
    default:
      return undefined;
  }
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
