import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { FleetError } from "#lib/errors.ts";
import { isErrno } from "#lib/files.ts";
import { installHint } from "#lib/programs.ts";
import { formatWord } from "#lib/shell-words.ts";

/** Named like the options of zx. */
export interface ExecOptions {
  readonly cwd?: string;
  /** Added to the environment of each command. */
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds; after that the process group is killed and ProgramTimedOut is thrown. @default 120,000 */
  readonly timeout?: number;
  /** Kills the process group when aborted; the signal's reason is thrown once the group has ended. */
  readonly signal?: AbortSignal;
  /** Return a non-zero exit code as a result instead of throwing. @default false */
  readonly nothrow?: boolean;
  /** Called for each line of both streams, without colour. */
  readonly onLine?: (line: string, stream: "stdout" | "stderr") => void;
}

export interface ExecResult {
  /** The command as typed in a shell. */
  readonly command: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** One word, or one word for each element. */
export type Argument = string | number | readonly string[];

/**
 * zx's `$`: exec`docker rm ${names}` runs a command, exec({ cwd }) is an Exec with these options. zx quotes each argument;
 * literal parts may contain plain words only. No child process outlives this process.
 *
 * @throws FleetError ProgramMissing, ProgramFailed, ProgramTimedOut
 */
export interface Exec {
  (pieces: TemplateStringsArray, ...args: readonly Argument[]): Promise<ExecResult>;
  (options: ExecOptions): Exec;
}

export type Run = (
  options: ExecOptions,
  pieces: TemplateStringsArray,
  args: readonly Argument[],
) => Promise<ExecResult>;

export interface ExecSettings {
  /**
   * Milliseconds from SIGTERM to SIGKILL: long enough for kind and docker to finish the current step, short enough for an
   * interactive user.
   * @default 10,000
   */
  readonly killAfterMs?: number;
}

const defaultTimeoutMs = 120_000;
/** Time from the end of the first process of a group to SIGKILL for the others. */
const orphansTimeoutMs = 500;
/** Time for killed processes to disappear. */
const killedTimeoutMs = 100;

/**
 * The child leads its own process group, so that Ctrl-C reaches only this process, which decides when the child ends. A
 * watchdog in the same group reads from a pipe whose other end this process holds: when this process is killed (kill -9), the
 * pipe closes and the watchdog ends the group. `done` on the pipe ends the watchdog alone. It ignores SIGTERM to the group: this
 * process may be killed before a program that ignores SIGTERM too has ended.
 */
function formatWatchdog(killAfterMs: number): string {
  // `$$` is the program itself. A zombie counts as ended. The rest of the group gets as much time as in endOrphans.
  const dead = `case "$(cat /proc/$$/stat)" in *") Z "*) ;; *) false; esac`;
  const rounds = Math.ceil(killAfterMs / 100);
  const patience = `i=0; while kill -0 $$ && ! ${dead} && [ $i -lt ${rounds} ]; do sleep 0.1; i=$((i + 1)); done`;
  const end = `kill -TERM 0; ${patience}; sleep ${orphansTimeoutMs / 1000}; kill -KILL 0`;
  const wait = `{ read -r _ <&4 || { ${end}; }; } </dev/null >/dev/null 2>&1`;
  // Ignored before the watchdog starts, which inherits this; reset before the program starts.
  return `exec 4<&3 3<&-; trap "" TERM; ${wait} & trap - TERM; exec 4<&-; exec `;
}

/** An Exec that runs its commands with `run`. */
export function toExec(run: Run, preset: ExecOptions = {}): Exec {
  function exec(pieces: TemplateStringsArray, ...args: readonly Argument[]): Promise<ExecResult>;
  function exec(options: ExecOptions): Exec;
  function exec(first: TemplateStringsArray | ExecOptions, ...args: readonly Argument[]): Promise<ExecResult> | Exec {
    return "raw" in first ? run(preset, first, args) : toExec(run, { ...preset, ...first });
  }
  return exec;
}

export function createExec(
  variables: Readonly<Record<string, string>>,
  { killAfterMs = 10_000 }: ExecSettings = {},
): Exec {
  return toExec(async ({ timeout = defaultTimeoutMs, signal, onLine, ...options }, pieces, args) => {
    signal?.throwIfAborted();
    const env = { ...variables, ...options.env };
    requireProgram(programOf(pieces, args), env.PATH);
    // Imported here because loading it takes longer than a whole `--help`.
    const { $ } = await import("zx/core");
    // zx's own text decodes each chunk separately and breaks characters that are split between two.
    const store: Record<"stdout" | "stderr" | "stdall", Buffer[]> = { stdout: [], stderr: [], stdall: [] };
    const child = $({
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env,
      store,
      detached: true,
      quiet: true,
      nothrow: true,
      // zx looks for bash, which small images don't have.
      shell: "/bin/sh",
      quote: formatWord,
      prefix: formatWatchdog(killAfterMs),
      postfix: "",
      stdio: ["ignore", "pipe", "pipe", "pipe"],
    })(pieces, ...args);
    const { pid, cmd: command } = child;
    const lifeline = child.child?.stdio[3];
    // Writing fails if the watchdog has already ended.
    lifeline?.on("error", () => undefined);
    child.child?.once("exit", () => {
      // The watchdog stays until the rest of the group has ended, because this process may be killed earlier.
      if (stop.aborted) void endOrphans(pid);
      else if (lifeline && "end" in lifeline) lifeline.end("done\n");
      else lifeline?.destroy();
    });
    if (onLine !== undefined) {
      for (const stream of ["stdout", "stderr"] as const) splitLines(child[stream], (line) => onLine(line, stream));
    }

    // zx's `signal` and `timeout` send SIGTERM and don't wait until the group has ended.
    const limit = AbortSignal.timeout(timeout);
    const stop = signal === undefined ? limit : AbortSignal.any([signal, limit]);
    const ended = new AbortController();
    const end = (): void => void killTree(pid, killAfterMs, ended.signal);
    stop.addEventListener("abort", end, { once: true });
    if (stop.aborted) end();
    const { exitCode } = await child;
    stop.removeEventListener("abort", end);
    ended.abort();
    if (stop.aborted) await endOrphans(pid);

    const textOf = (stream: "stdout" | "stderr"): string => Buffer.concat(store[stream]).toString("utf8");
    const result = { command, stdout: textOf("stdout"), stderr: textOf("stderr"), exitCode: exitCode ?? 128 };
    if (stop.aborted) {
      signal?.throwIfAborted();
      const message = `${command} took longer than ${Math.round(timeout / 1000)} s and was ended`;
      throw new FleetError("ProgramTimedOut", message, { details: lastLines(result) });
    }
    if (result.exitCode === 0 || options.nothrow) return result;
    const message = `${command} ended with exit code ${result.exitCode}`;
    throw new FleetError("ProgramFailed", message, { details: lastLines(result) });
  });
}

/** @throws Error if a literal part of a command contains characters special to a shell: pass it as an argument */
function programOf(pieces: TemplateStringsArray, args: readonly Argument[]): string {
  const risky = pieces.find((piece) => !/^[\w@%+=:,./ -]*$/.test(piece));
  if (risky !== undefined) throw new Error(`write this part of a command as an argument, \${…}: ${risky}`);
  const [literal = ""] = (pieces[0] ?? "").trimStart().split(" ");
  return literal === "" ? String([args[0]].flat()[0]) : literal;
}

function requireProgram(program: string, path: string | undefined): void {
  if (Bun.which(program, path === undefined ? {} : { PATH: path }) !== null) return;
  throw new FleetError("ProgramMissing", `${program} is not installed, or not in PATH`, { hint: installHint(program) });
}

/** The last lines of stderr, or of stdout if stderr is empty. */
export function lastLines(result: Pick<ExecResult, "stdout" | "stderr">, count = 8): readonly string[] {
  const text = result.stderr.trim() === "" ? result.stdout : result.stderr;
  const lines = Bun.stripANSI(text).split(/[\r\n]+/);
  return lines.filter((line) => line.trim() !== "").slice(-count);
}

/** Sends SIGTERM to the group, and SIGKILL if its first process has not ended in time. */
async function killTree(pid: number | undefined, killAfterMs: number, ended: AbortSignal): Promise<void> {
  if (pid === undefined) return;
  signalGroup(pid, "SIGTERM");
  try {
    await delay(killAfterMs, undefined, { signal: ended });
  } catch {
    return;
  }
  signalGroup(pid, "SIGKILL");
}

/** Ends the rest of a group whose first process has ended: programs that ignore SIGTERM, and the watchdog. */
async function endOrphans(pid: number | undefined): Promise<void> {
  if (pid === undefined || (await isGroupGone(pid, orphansTimeoutMs))) return;
  signalGroup(pid, "SIGKILL");
  // Limited: in a container whose init collects no zombies, dead processes stay visible.
  await isGroupGone(pid, killedTimeoutMs);
}

async function isGroupGone(pid: number, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (signalGroup(pid, 0)) {
    if (performance.now() >= deadline) return false;
    await delay(10);
  }
  return true;
}

/** False if the group has no process. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch (error) {
    // macOS reports EPERM for a group of zombies.
    if (!isErrno(error, "ESRCH", "EPERM")) throw error;
    return false;
  }
}

/** Carriage returns end a line too: progress bars use them. */
function splitLines(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on("line", (text) => {
    const line = Bun.stripANSI(text).trimEnd();
    if (line !== "") onLine(line);
  });
}
