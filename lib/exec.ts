import { setTimeout as delay } from "node:timers/promises";
import { FleetError } from "#lib/errors.ts";
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

/** Long enough for kind and docker to finish what they are at, short enough for a person who waits. */
const killAfterMs = 10_000;
const defaultTimeoutMs = 120_000;

/**
 * The child leads a process group of its own, so that Ctrl-C reaches only us and we decide when it dies. A watchdog in the
 * same group reads from a pipe that we hold: when this process dies without a word (kill -9), the pipe closes and the
 * watchdog ends the group. `done` on the pipe tells it that all is well.
 */
const watchdog =
  `exec 4<&3 3<&-; { read -r _ <&4 || { trap "" TERM; kill -TERM 0; sleep ${killAfterMs / 1000}; kill -KILL 0; }; } ` +
  "</dev/null >/dev/null 2>&1 & exec 4<&-; exec ";

export function createExec(variables: Readonly<Record<string, string>>): Exec {
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
      prefix: watchdog,
      stdio: ["ignore", "pipe", "pipe", "pipe"],
    });
    const child = shell`${[path, ...args]}`;
    const pid = child.pid;
    const lifeline = child.child?.stdio[3];
    // Nobody is left to listen when the watchdog is gone first.
    lifeline?.on("error", () => undefined);
    child.child?.once("exit", () => {
      if (lifeline && "end" in lifeline) lifeline.end("done\n");
      else lifeline?.destroy();
    });
    if (options.onLine !== undefined) {
      const { onLine } = options;
      for (const stream of ["stdout", "stderr"] as const) {
        splitLines(child[stream], (line) => onLine(line, stream));
      }
    }

    const limit = AbortSignal.timeout(options.timeoutMs ?? defaultTimeoutMs);
    const stop = options.signal === undefined ? limit : AbortSignal.any([options.signal, limit]);
    const ended = new AbortController();
    const end = (): void => void killTree(pid, ended.signal);
    stop.addEventListener("abort", end, { once: true });
    if (stop.aborted) end();
    const output = await child;
    stop.removeEventListener("abort", end);
    ended.abort();

    const result = { stdout: output.stdout, stderr: output.stderr, exitCode: output.exitCode ?? 128 };
    if (stop.aborted && output.exitCode !== 0) {
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

/** What a person would type; quoted only where needed. */
export function formatCommand(program: string, args: readonly string[]): string {
  const quote = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
  return [program, ...args].map(quote).join(" ");
}

/** The last lines of what a program said, its errors before its output. */
export function lastLines(result: ExecResult, count = 8): readonly string[] {
  const text = result.stderr.trim() === "" ? result.stdout : result.stderr;
  const lines = Bun.stripANSI(text).split(/[\r\n]+/);
  return lines.filter((line) => line.trim() !== "").slice(-count);
}

/** SIGTERM to the group, SIGKILL when it hasn't gone in time. */
async function killTree(pid: number | undefined, ended: AbortSignal): Promise<void> {
  if (pid === undefined) return;
  signalGroup(pid, "SIGTERM");
  try {
    await delay(killAfterMs, undefined, { signal: ended });
  } catch {
    return;
  }
  signalGroup(pid, "SIGKILL");
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
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
