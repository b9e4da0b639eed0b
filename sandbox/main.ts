#!/usr/bin/env bun
import { Database } from "bun:sqlite";
import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { asFleetError, isDiskFault } from "#lib/errors.ts";
import { modeOfNewFile, refuseIgnoredModes } from "#lib/file-modes.ts";
import { readInstallManifest } from "#sandbox/argocd/install-manifest.ts";
import { awsVariables, writeProfiles } from "#sandbox/aws/environment.ts";
import { parseCloudFault } from "#sandbox/cloud/faults.ts";
import { DaemonClient, DaemonUnreachable, type Entered, type EnterRequest } from "#sandbox/daemon-client.ts";
import { parseArguments, parsePairs, UnknownUsage } from "#sandbox/docker/argv.ts";
import { createBuiltinNetworks } from "#sandbox/docker/engine.ts";
import { parseEffect } from "#sandbox/docker/faults.ts";
import { DockerState } from "#sandbox/docker/state.ts";
import { readSandboxEnvironment } from "#sandbox/environment.ts";
import { type SandboxPaths, sandboxPaths } from "#sandbox/paths.ts";
import { type AwsAccountName, readSettings } from "#sandbox/settings.ts";

/** Programs that stand in for others, with the folder of their source. */
const PROGRAMS = { docker: "docker", kind: "docker", k3d: "docker", git: "git" } as const;
/** Those that a fault can be asked of. */
const FAULTY = ["docker", "kind", "k3d"] as const;
/** EX_IOERR of sysexits.h: the first line of stderr is what the disk said, the second what to do. */
const DISK_FAILED = 74;
/** A daemon that has not answered by then has died; its log says why. */
const START_DEADLINE_MS = 15_000;
const POLL_MS = 10;
/** A daemon with clusters takes some hundred megabytes. */
const IDLE_MS = 3_600_000;

const USAGE = `usage: bun run sandbox/main.ts COMMAND --state DIR
  up [--speed N] [--idle SECONDS] [--domain NAME] [--aws-account NAME=ID]... [--repository URL] [--port N]...
                                       start the sandbox, print its environment as one line of JSON; the first
                                       account of AWS is the one to come from; it stops when nobody has used it for
                                       an hour, or SECONDS; "ports" names the port that is
                                       used in place of each --port, another one where that is taken
  down                                 stop it; clusters stay on disk
  reset                                stop it and remove everything
  status                               print what runs as JSON
  calls [--clear]                      print what AWS was asked, one line of JSON each; then forget it
  github-job [CLAIM=VALUE]...          begin a job of GitHub Actions, print the variables that it gets its tokens by
  end-sessions                         end all sessions of roles of AWS, as if their time were over
  fault PROGRAM MATCH EFFECT [--once] [--nth N]
                                       EFFECT: fail:EXIT:TEXT, slow:MS or hang
  fault aws SERVICE:ACTION EFFECT [--once] [--nth N]
                                       EFFECT: throttle, fail:CODE, slow:MS, cut or lost
  fault --clear                        no more faults`;

/** What `up` prints: variables for the programs that are to see the sandbox. */
export interface SandboxUp {
  readonly env: Readonly<Record<string, string>> & {
    readonly PATH: string;
    readonly K8S_SANDBOX_STATE: string;
    readonly ARGOCD_MANIFEST: string;
  };
  /** What each wanted port is in this sandbox. */
  readonly ports: Entered["ports"];
}

interface UpOptions {
  readonly speed: number | undefined;
  readonly idleMs: number;
  readonly request: EnterRequest;
}

async function up(paths: SandboxPaths, { speed, idleMs, request }: UpOptions): Promise<void> {
  process.umask(0o077);
  mkdirSync(paths.state, { recursive: true, mode: 0o700 });
  refuseIgnoredModes(modeOfNewFile(paths.pid), paths.state);
  const daemon = new DaemonClient(paths);
  if (!(await isUp(daemon, paths))) await startOnce(paths, daemon, idleMs);
  if (speed !== undefined) withState(paths, (state) => state.setSpeed(speed));
  const entering = daemon.enter(request);
  writePrograms(paths);
  writeManifests(paths);
  const { path } = readSandboxEnvironment();
  const others = path.split(":").filter((folder) => folder !== "" && folder !== paths.bin);
  const entered = await entering;
  const env = {
    PATH: [paths.bin, ...others].join(":"),
    K8S_SANDBOX_STATE: paths.state,
    ARGOCD_MANIFEST: paths.manifests,
    ...(await awsEnvironment(paths, entered)),
  };
  print({ env, ports: entered.ports } satisfies SandboxUp);
}

/**
 * Nothing where nobody has ever named accounts: the programs then see whatever AWS their environment leads to. Later calls
 * need not name them again.
 */
async function awsEnvironment(
  paths: SandboxPaths,
  { awsEndpoint }: Entered,
): Promise<Readonly<Record<string, string>>> {
  const { accounts } = readSettings(paths.settings);
  const [management] = accounts;
  if (management === undefined || awsEndpoint === null) return {};
  await writeProfiles(paths, accounts);
  // Nobody asks these name servers but who is in here, and nobody remembers what they said.
  const dns = { DNS_DIRECTORY: paths.aws.dnsDirectory, DNS_UNCACHED: "1" };
  return { ...awsVariables(awsEndpoint, paths, management), ...dns };
}

/** Two calls at the same time start one daemon: the second waits for the first and finds it running. */
async function startOnce(paths: SandboxPaths, daemon: DaemonClient, idleMs: number): Promise<void> {
  const lock = new Database(paths.startLock, { create: true });
  lock.run(`PRAGMA busy_timeout = ${START_DEADLINE_MS}`);
  lock.run("BEGIN EXCLUSIVE");
  try {
    if (await isUp(daemon, paths)) return;
    const state = new DockerState(paths.database, { create: true });
    createBuiltinNetworks(state);
    state.close();
    const log = openSync(paths.log, "a", 0o600);
    const child = spawn(process.execPath, [join(import.meta.dir, "daemon.ts"), paths.state, String(idleMs)], {
      detached: true,
      stdio: ["ignore", log, log],
      cwd: paths.state,
    });
    child.unref();
    closeSync(log);
    const deadline = Date.now() + START_DEADLINE_MS;
    while (!(await isUp(daemon, paths))) {
      if (Date.now() > deadline)
        throw new Error(`the sandbox did not start within ${START_DEADLINE_MS} ms: see ${paths.log}`);
      await Bun.sleep(POLL_MS);
    }
  } finally {
    lock.close();
  }
}

async function down(paths: SandboxPaths): Promise<void> {
  const daemon = new DaemonClient(paths);
  try {
    await daemon.shutdown();
  } catch (error) {
    if (!(error instanceof DaemonUnreachable)) throw error;
  }
  awaitExit(paths);
  rmSync(paths.pid, { force: true });
  rmSync(paths.socket, { force: true });
}

/** A daemon that answers no more can still write: its lock is released when its process ends. */
function awaitExit(paths: SandboxPaths): void {
  if (!existsSync(paths.daemonLock)) return;
  const lock = new Database(paths.daemonLock, { create: true });
  try {
    lock.run(`PRAGMA busy_timeout = ${START_DEADLINE_MS}`);
    lock.run("BEGIN EXCLUSIVE");
  } finally {
    lock.close();
  }
}

/** With `force`, Bun's rmSync may return early and without an error while another process adds or removes files. */
async function removeState({ state }: SandboxPaths): Promise<void> {
  const deadline = Date.now() + START_DEADLINE_MS;
  for (;;) {
    rmSync(state, { recursive: true, force: true });
    if (!existsSync(state)) return;
    if (Date.now() > deadline) throw new Error(`${state} is still there: another process writes to it`);
    await Bun.sleep(POLL_MS);
  }
}

async function status(paths: SandboxPaths): Promise<void> {
  const daemon = new DaemonClient(paths);
  const running = await isUp(daemon, paths);
  const hasState = existsSync(paths.database);
  const aws = running ? await daemon.awsStatus() : undefined;
  print({
    running,
    pid: running ? await daemon.ping() : null,
    state: paths.state,
    ...(hasState ? withState(paths, describe) : { speed: null, containers: [], clusters: [], faults: [] }),
    ...(aws === undefined ? {} : { aws }),
  });
}

function describe(state: DockerState) {
  const containers = state.containers();
  return {
    speed: state.speed(),
    containers: containers.map(({ name, image, state: { status } }) => ({ name, image, status })),
    clusters: state.controlPlanes().map(({ name, distribution, version, publisher }) => ({
      name,
      distribution,
      version,
      port: containers.find(({ id }) => id === publisher)?.port?.hostPort ?? null,
    })),
    faults: state.faults(),
  };
}

function withState<Result>(paths: SandboxPaths, work: (state: DockerState) => Result): Result {
  const state = new DockerState(paths.database, { create: false });
  try {
    return work(state);
  } finally {
    state.close();
  }
}

async function isUp(daemon: DaemonClient, paths: SandboxPaths): Promise<boolean> {
  if (!existsSync(paths.socket)) return false;
  try {
    await daemon.ping();
    return existsSync(paths.database);
  } catch (error) {
    if (error instanceof DaemonUnreachable) return false;
    throw error;
  }
}

/** A program in the state folder always means that folder, whatever else is in the environment. */
function writePrograms(paths: SandboxPaths): void {
  mkdirSync(paths.bin, { recursive: true, mode: 0o700 });
  for (const [program, folder] of Object.entries(PROGRAMS)) {
    const file = join(paths.bin, program);
    const script = join(import.meta.dir, folder, `${program}.ts`);
    const text = [
      "#!/bin/sh",
      `K8S_SANDBOX_STATE=${quote(paths.state)} exec ${quote(process.execPath)} ${quote(script)} "$@"`,
      "",
    ].join("\n");
    writeWhole(file, text, 0o755);
  }
}

/** Both variants, each in one file as Argo CD has them. */
function writeManifests(paths: SandboxPaths): void {
  for (const [file, variant] of [
    ["install.yaml", "standard"],
    ["ha/install.yaml", "high-availability"],
  ] as const) {
    const path = join(paths.manifests, file);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeWhole(path, readInstallManifest(variant), 0o600);
  }
}

/** A reader sees the old text or the new one. */
function writeWhole(path: string, text: string, mode: number): void {
  if (existsSync(path) && readFileSync(path, "utf8") === text) return;
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, text, { mode });
  renameSync(temporary, path);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

async function addFault(paths: SandboxPaths, words: readonly string[], once: boolean, nth: number): Promise<void> {
  const [program = "", match, effect = "", ...more] = words;
  if (program === "aws" && match !== undefined && more.length === 0) {
    const times = once ? 1 : 0;
    if (parseCloudFault(match, effect) === undefined) throw new UnknownUsage(`the fault "${match} ${effect}"`);
    return await new DaemonClient(paths).addAwsFault({ target: match, effect, nth, times });
  }
  if (!FAULTY.some((one) => one === program)) throw new UnknownUsage(`the program "${program}"`);
  if (match === undefined || more.length > 0) throw new UnknownUsage("other than PROGRAM MATCH EFFECT");
  if (parseEffect(effect) === undefined) throw new UnknownUsage(`the effect "${effect}"`);
  withState(paths, (state) => state.addFault({ program, match, effect, nth, times: once ? 1 : 0 }));
}

async function clearFaults(paths: SandboxPaths): Promise<void> {
  withState(paths, (state) => state.clearFaults());
  const daemon = new DaemonClient(paths);
  if (await isUp(daemon, paths)) await daemon.clearAwsFaults();
}

function parseAccount(text: string): AwsAccountName {
  const [, name, id] = /^([\w.-]+)=(\d{12})$/.exec(text) ?? [];
  if (name === undefined || id === undefined) throw new UnknownUsage(`the account "${text}": it is NAME=ID`);
  return { name, id };
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!(Number.isInteger(port) && port > 0 && port < 65_536)) throw new UnknownUsage(`the port "${text}"`);
  return port;
}

function parseClaims(words: readonly string[]): Readonly<Record<string, string>> {
  const malformed = words.find((word) => !/^\w+=/.test(word));
  if (malformed !== undefined) throw new UnknownUsage(`the claim "${malformed}": it is CLAIM=VALUE`);
  return parsePairs(words);
}

function optional<Key extends string>(key: Key, value: string | undefined): { readonly [key in Key]?: string } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [key in Key]: string });
}

async function main(argv: readonly string[]): Promise<void> {
  const args = parseArguments(argv, {
    flags: {
      state: "string",
      speed: "string",
      idle: "string",
      domain: "string",
      "aws-account": "list",
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
  const speed = args.value("speed") === undefined ? undefined : Number(args.value("speed"));
  const idleMs = args.value("idle") === undefined ? IDLE_MS : Number(args.value("idle")) * 1_000;
  if (!(idleMs > 0)) throw new UnknownUsage(`the idle time ${args.value("idle")}`);
  if (speed !== undefined && !(speed > 0)) throw new UnknownUsage(`the speed ${args.value("speed")}`);
  const nth = Number(args.value("nth") ?? 1);
  if (command !== "fault" && command !== "github-job" && words.length > 0)
    throw new UnknownUsage(`the argument ${words[0]}`);
  switch (command) {
    case "up":
      return up(paths, {
        speed,
        idleMs,
        request: {
          world: {
            accounts: args.values("aws-account").map(parseAccount),
            ...optional("domain", args.value("domain")),
            ...optional("repository", args.value("repository")),
          },
          ports: args.values("port").map(parsePort),
        },
      });
    case "down":
      return down(paths);
    case "reset":
      await down(paths);
      return removeState(paths);
    case "status":
      return status(paths);
    case "calls":
      for (const call of await new DaemonClient(paths).awsCalls({ clear: args.is("clear") })) print(call);
      return;
    case "github-job":
      print({ env: await new DaemonClient(paths).openGithubJob(parseClaims(words)) });
      return;
    case "end-sessions":
      return new DaemonClient(paths).endAwsSessions();
    case "fault":
      if (args.is("clear")) await clearFaults(paths);
      else await addFault(paths, words, args.is("once") || args.value("nth") !== undefined, nth);
      return;
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
      process.exit(DISK_FAILED);
    }
    if (!(error instanceof UnknownUsage)) throw error;
    process.stderr.write(`sandbox: does not know ${error.message}\n${USAGE}\n`);
    process.exitCode = 64;
  }
}
