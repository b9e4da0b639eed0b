import { setTimeout as delay } from "node:timers/promises";
import { FleetError } from "#lib/errors.ts";
import { isErrno } from "#lib/files.ts";
import { installHint } from "#lib/programs.ts";

export interface ExecOptions {
  readonly cwd?: string;
  /** Added to the environment of the run. */
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds; then the whole process tree is ended and ProgramTimedOut is thrown. @default 120,000 */
  readonly timeoutMs?: number;
  /** Ends the whole process tree when aborted; the signal's reason is thrown once the tree is gone. */
  readonly signal?: AbortSignal;
  /** Every line as it comes, of both streams, without colour. */
  readonly onLine?: (line: string, stream: "stdout" | "stderr") => void;
}

export interface ExecResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** Runs programs: argument arrays, never a command line; no child outlives this process. */
export interface Exec {
  /** @throws FleetError ProgramMissing, ProgramFailed, ProgramTimedOut */
  run(program: string, args: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  /** Like run, but a non-zero exit code is a result. */
  attempt(program: string, args: readonly string[], options?: ExecOptions): Promise<ExecResult>;
}

export interface ExecSettings {
  /**
   * Milliseconds from SIGTERM to SIGKILL: long enough for kind and docker to finish what they are at, short enough for a
   * person who waits.
   * @default 10,000
   */
  readonly killAfterMs?: number;
}

const defaultTimeoutMs = 120_000;
/** What is left of a tree whose root has gone has nobody to report to: it gets a moment, no more. */
const orphansTimeoutMs = 500;

/**
 * The child leads a process group of its own, so that Ctrl-C reaches only us and we decide when it dies. A watchdog in the
 * same group reads from a pipe that we hold: when this process dies without a word (kill -9), the pipe closes and the
 * watchdog ends the group. `done` on the pipe tells it that all is well. It outlives our own SIGTERM to the group, in case
 * that we die before what ignores it.
 */
function formatWatchdog(killAfterMs: number): string {
  // `$$` is the program itself; a dead one that nobody collects counts as gone. The rest of the group gets what orphans get.
  const dead = `case "$(cat /proc/$$/stat)" in *") Z "*) ;; *) false; esac`;
  const rounds = Math.ceil(killAfterMs / 100);
  const patience = `i=0; while kill -0 $$ && ! ${dead} && [ $i -lt ${rounds} ]; do sleep 0.1; i=$((i + 1)); done`;
  const end = `kill -TERM 0; ${patience}; sleep ${orphansTimeoutMs / 1000}; kill -KILL 0`;
  const wait = `{ read -r _ <&4 || { ${end}; }; } </dev/null >/dev/null 2>&1`;
  // SIGTERM is ignored from before the watchdog's first moment: it inherits that, the program does not.
  return `exec 4<&3 3<&-; trap "" TERM; ${wait} & trap - TERM; exec 4<&-; exec `;
}

/** As every shell reads it; zx's own way is bash's. */
export function quoteForShell(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

export function createExec(
  variables: Readonly<Record<string, string>>,
  { killAfterMs = 10_000 }: ExecSettings = {},
): Exec {
  async function attempt(program: string, args: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    options.signal?.throwIfAborted();
    const env = { ...variables, ...options.env };
    const path = Bun.which(program, env.PATH === undefined ? {} : { PATH: env.PATH });
    if (path === null) {
      throw new FleetError("ProgramMissing", `${program} is not installed, or not in PATH`, {
        hint: installHint(program),
      });
    }
    // Imported here because it costs more than a whole `--help`.
    const { $ } = await import("zx/core");
    const shell = $({
      env,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      detached: true,
      quiet: true,
      nothrow: true,
      // Not bash, which zx looks for: there is none where there is nothing but Node.js.
      shell: "/bin/sh",
      quote: quoteForShell,
      prefix: formatWatchdog(killAfterMs),
      stdio: ["ignore", "pipe", "pipe", "pipe"],
    });
    const child = shell`${[path, ...args]}`;
    const pid = child.pid;
    const lifeline = child.child?.stdio[3];
    // Nobody is left to listen when the watchdog is gone first.
    lifeline?.on("error", () => undefined);
    child.child?.once("exit", () => {
      // While the rest of a tree is being ended, the watchdog must stay: this process may die before it is through.
      if (stop.aborted) void endOrphans(pid);
      else if (lifeline && "end" in lifeline) lifeline.end("done\n");
      else lifeline?.destroy();
    });
    // Not zx's own texts: it decodes each chunk by itself, and a character may be split between two.
    const texts = { stdout: collect(child.stdout), stderr: collect(child.stderr) };
    if (options.onLine !== undefined) {
      const { onLine } = options;
      for (const stream of ["stdout", "stderr"] as const) {
        splitLines(child[stream], (line) => onLine(line, stream));
      }
    }

    const limit = AbortSignal.timeout(options.timeoutMs ?? defaultTimeoutMs);
    const stop = options.signal === undefined ? limit : AbortSignal.any([options.signal, limit]);
    const ended = new AbortController();
    const end = (): void => void killTree(pid, killAfterMs, ended.signal);
    stop.addEventListener("abort", end, { once: true });
    if (stop.aborted) end();
    const output = await child;
    stop.removeEventListener("abort", end);
    ended.abort();
    if (stop.aborted) await endOrphans(pid);

    const result = { stdout: texts.stdout(), stderr: texts.stderr(), exitCode: output.exitCode ?? 128 };
    if (stop.aborted) {
      options.signal?.throwIfAborted();
      const seconds = Math.round((options.timeoutMs ?? defaultTimeoutMs) / 1000);
      throw new FleetError(
        "ProgramTimedOut",
        `${formatCommand(program, args)} took longer than ${seconds} s and was ended`,
        {
          details: lastLines(result),
        },
      );
    }
    return result;
  }

  return {
    attempt,
    async run(program, args, options) {
      const result = await attempt(program, args, options);
      if (result.exitCode === 0) return result;
      throw new FleetError("ProgramFailed", `${formatCommand(program, args)} ended with exit code ${result.exitCode}`, {
        details: lastLines(result),
      });
    },
  };
}

/** What a person would type. */
export function formatCommand(program: string, args: readonly string[]): string {
  return [program, ...args].map(formatWord).join(" ");
}

/** One word of a command that is printed for a person; quoted only where needed. */
export function formatWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : quoteForShell(word);
}

/** The last lines of what a program said, its errors before its output. */
export function lastLines(result: ExecResult, count = 8): readonly string[] {
  const text = result.stderr.trim() === "" ? result.stdout : result.stderr;
  const lines = Bun.stripANSI(text).split(/[\r\n]+/);
  return lines.filter((line) => line.trim() !== "").slice(-count);
}

/** SIGTERM to the group, SIGKILL when it hasn't gone in time. */
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

/** What ignored SIGTERM, or is at its last breath, when the root of its tree was gone. */
async function endOrphans(pid: number | undefined): Promise<void> {
  if (pid === undefined) return;
  const deadline = performance.now() + orphansTimeoutMs;
  while (signalGroup(pid, 0)) {
    if (performance.now() >= deadline) {
      signalGroup(pid, "SIGKILL");
      return;
    }
    await delay(10);
  }
}

/** False when nobody is left in the group. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch (error) {
    // EPERM is what macOS says of a group in which only dead processes are left.
    if (!isErrno(error, "ESRCH", "EPERM")) throw error;
    return false;
  }
}

/** All that comes out of a stream, once it has ended. */
function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Uint8Array[] = [];
  stream.on("data", (chunk: Uint8Array) => void chunks.push(chunk));
  return () => Buffer.concat(chunks).toString("utf8");
}

/** Carriage returns count as line ends: progress meters use them. */
function splitLines(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  const decoder = new TextDecoder();
  let rest = "";
  const emit = (text: string): void => {
    const line = Bun.stripANSI(text).trimEnd();
    if (line !== "") onLine(line);
  };
  stream.on("data", (chunk: Uint8Array) => {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split(/\r\n|[\r\n]/);
    rest = parts.pop() ?? "";
    for (const part of parts) emit(part);
  });
  stream.on("end", () => emit(rest));
}
