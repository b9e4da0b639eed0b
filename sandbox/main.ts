#!/usr/bin/env bun
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { asFleetError, isDiskFault } from "#lib/errors.ts";
import type { CloudAccount } from "#sandbox/cloud/cloud.ts";
import { DaemonClient, DaemonRefusal, type Entered, type EnterRequest } from "#sandbox/daemon-client.ts";
import { isUp, removeState, startDaemon, stopDaemon } from "#sandbox/daemon-process.ts";
import { type ParsedArguments, parseArguments, parsePairs, UnknownUsage } from "#sandbox/docker/argv.ts";
import { parseEffect } from "#sandbox/docker/faults.ts";
import { DockerState } from "#sandbox/docker/state.ts";
import { describe } from "#sandbox/docker/status.ts";
import { readSandboxEnvironment } from "#sandbox/environment.ts";
import { isObject } from "#sandbox/json.ts";
import { type SandboxPaths, sandboxPaths } from "#sandbox/paths.ts";
import { writeManifests, writePrograms } from "#sandbox/programs.ts";

/** Fake programs that take faults. */
const faultyPrograms: readonly string[] = ["docker", "kind", "k3d"];
/** EX_USAGE and EX_IOERR of sysexits.h. After the latter, stderr has the error in its first line and the hint in the second. */
const [exitUsage, exitDisk] = [64, 74];
/** A daemon with clusters takes some hundred megabytes. */
const defaultIdleSeconds = 3_600;

const usage = `usage: bun run sandbox/main.ts COMMAND --state DIR
  up [--speed N] [--idle SECONDS] [--domain NAME] [--account JSON]... [--repository URL] [--port N]...
                                       start the sandbox and print its environment as one line of JSON. An account is
                                       an object as in the fleet, with its provider and name; the environment uses
                                       the first one of each cloud. "ports" has the port that is used for each
                                       --port. The sandbox stops after an hour, or SECONDS, without use
  down                                 stop it; its state stays on disk
  reset                                stop it and remove its state
  status                               print what runs as JSON
  calls [--clear]                      print the call log of the clouds, one line of JSON per call; then clear it
  run CLOUD OPERATION [NAME=VALUE]...  run an operation of one cloud and print its result as JSON
  fault PROGRAM MATCH EFFECT [--once] [--nth N]
                                       EFFECT: fail:EXIT:TEXT, slow:MS or hang
  fault CLOUD SERVICE:ACTION EFFECT [--once] [--nth N]
                                       EFFECT: throttle, throttle:SECONDS, fail:CODE, slow:MS, cut or lost
  fault --clear                        remove all faults`;

/** What `up` prints: variables for the programs that use the sandbox. */
export interface SandboxUp {
  readonly env: Readonly<Record<string, string>> & {
    readonly PATH: string;
    readonly K8S_SANDBOX_STATE: string;
    readonly ARGOCD_MANIFEST: string;
  };
  /** What each wanted port is in this sandbox. */
  readonly ports: Entered["ports"];
}

async function up(paths: SandboxPaths, args: ParsedArguments): Promise<SandboxUp> {
  const speed = positive("speed", args.value("speed"));
  const idleSeconds = positive("idle time", args.value("idle")) ?? defaultIdleSeconds;
  const request: EnterRequest = {
    declared: {
      accounts: args.values("account").map(parseAccount),
      ...optional("domain", args.value("domain")),
      ...optional("repository", args.value("repository")),
    },
    ports: args.values("port").map(parsePort),
  };
  process.umask(0o077);
  const daemon = await startDaemon(paths, idleSeconds * 1_000);
  if (speed !== undefined) withState(paths, (state) => state.setSpeed(speed));
  const entering = daemon.enter(request);
  writePrograms(paths);
  writeManifests(paths);
  const { path } = readSandboxEnvironment();
  const others = path.split(":").filter((folder) => folder !== "" && folder !== paths.bin);
  const { env, ports } = await entering;
  const own = {
    PATH: [paths.bin, ...others].join(":"),
    K8S_SANDBOX_STATE: paths.state,
    ARGOCD_MANIFEST: paths.manifests,
  };
  return { env: { ...own, ...env }, ports };
}

async function status(paths: SandboxPaths): Promise<object> {
  const daemon = new DaemonClient(paths);
  const running = await isUp(daemon, paths);
  return {
    running,
    pid: running ? await daemon.ping() : null,
    state: paths.state,
    ...(existsSync(paths.database)
      ? withState(paths, describe)
      : { speed: null, containers: [], clusters: [], faults: [] }),
    ...(running ? await daemon.cloudStatus() : {}),
  };
}

async function addFault(paths: SandboxPaths, args: ParsedArguments): Promise<void> {
  const [, target = "", match, effect = "", ...more] = args.positional;
  if (match === undefined || more.length > 0) throw new UnknownUsage("other than TARGET MATCH EFFECT");
  const nth = Number(args.value("nth") ?? 1);
  const times = args.is("once") || args.value("nth") !== undefined ? 1 : 0;
  if (!faultyPrograms.includes(target)) {
    await new DaemonClient(paths).addCloudFault({ cloud: target, target: match, effect, nth, times });
    return;
  }
  if (parseEffect(effect) === undefined) throw new UnknownUsage(`the effect "${effect}"`);
  withState(paths, (state) => state.addFault({ program: target, match, effect, nth, times }));
}

async function clearFaults(paths: SandboxPaths): Promise<void> {
  withState(paths, (state) => state.clearFaults());
  const daemon = new DaemonClient(paths);
  if (await isUp(daemon, paths)) await daemon.clearCloudFaults();
}

function withState<Result>(paths: SandboxPaths, work: (state: DockerState) => Result): Result {
  const state = new DockerState(paths.database, { create: false });
  try {
    return work(state);
  } finally {
    state.close();
  }
}

function parseAccount(text: string): CloudAccount {
  let account: unknown;
  try {
    account = JSON.parse(text);
  } catch {
    // Reported below.
  }
  if (isObject(account) && typeof account.provider === "string" && typeof account.name === "string") {
    return { ...account, provider: account.provider, name: account.name };
  }
  throw new UnknownUsage(`the account ${text}: it is a JSON object with provider and name`);
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!(Number.isInteger(port) && port > 0 && port < 65_536)) throw new UnknownUsage(`the port "${text}"`);
  return port;
}

function parseInput(words: readonly string[]): Readonly<Record<string, string>> {
  const malformed = words.find((word) => !/^\w+=/.test(word));
  if (malformed !== undefined) throw new UnknownUsage(`the input "${malformed}": it is NAME=VALUE`);
  return parsePairs(words);
}

function positive(name: string, text: string | undefined): number | undefined {
  if (text === undefined || Number(text) > 0) return text === undefined ? undefined : Number(text);
  throw new UnknownUsage(`the ${name} ${text}`);
}

function optional<Key extends string>(key: Key, value: string | undefined): { readonly [key in Key]?: string } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [key in Key]: string });
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

async function main(argv: readonly string[]): Promise<void> {
  const args = parseArguments(argv, {
    flags: {
      state: "string",
      speed: "string",
      idle: "string",
      domain: "string",
      account: "list",
      repository: "string",
      port: "list",
      once: "boolean",
      nth: "string",
      clear: "boolean",
    },
  });
  const [command, ...words] = args.positional;
  const directory = args.value("state");
  if (directory === undefined) throw new UnknownUsage("a call without --state");
  const paths = sandboxPaths(resolve(directory));
  if (command !== "fault" && command !== "run" && words.length > 0) throw new UnknownUsage(`the argument ${words[0]}`);
  switch (command) {
    case "up":
      return print(await up(paths, args));
    case "down":
      return stopDaemon(paths);
    case "reset":
      await stopDaemon(paths);
      return removeState(paths);
    case "status":
      return print(await status(paths));
    case "calls":
      for (const call of await new DaemonClient(paths).cloudCalls({ clear: args.is("clear") })) print(call);
      return;
    case "run": {
      const [cloud = "", operation = "", ...input] = words;
      return print(await new DaemonClient(paths).operate(cloud, operation, parseInput(input)));
    }
    case "fault":
      return args.is("clear") ? clearFaults(paths) : addFault(paths, args);
    default:
      throw new UnknownUsage(`the command "${command ?? ""}"`);
  }
}

if (import.meta.main) {
  try {
    await main(Bun.argv.slice(2));
  } catch (error) {
    const { message, hint } = asFleetError(error);
    if (isDiskFault(error)) {
      process.stderr.write(`${message}\n${hint}\n`);
      process.exit(exitDisk);
    }
    if (error instanceof UnknownUsage) {
      process.stderr.write(`sandbox: does not know ${error.message}\n${usage}\n`);
      process.exitCode = exitUsage;
    } else if (error instanceof DaemonRefusal) {
      process.stderr.write(`sandbox: ${error.message}\n`);
      process.exitCode = 1;
    } else throw error;
  }
}
