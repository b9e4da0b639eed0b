/** What the benchmarks have in common: running programs, and telling how long that took. */

export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

export interface RunSettings {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/** Runs a program to its end. @returns both of its outputs @throws when it fails, with all that it said */
export async function run(command: readonly string[], settings: RunSettings): Promise<string> {
  const { stdout, stderr } = await watch(command, settings);
  return stdout + stderr;
}

export interface Watched {
  readonly stdout: string;
  readonly stderr: string;
  readonly wholeMs: number;
  /** Of the program, and of all that it has run and waited for. */
  readonly processorMs: number;
}

/** As `run`, with what it took. */
export async function watch(command: readonly string[], { env, cwd }: RunSettings): Promise<Watched> {
  const begin = performance.now();
  const child = Bun.spawn([...command], { env, cwd, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  const exitCode = await child.exited;
  const wholeMs = performance.now() - begin;
  if (exitCode !== 0) throw new Error(`${command.join(" ")}\n${stdout}\n${stderr}`);
  return { stdout, stderr, wholeMs, processorMs: Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1_000 };
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** @param part 0.5 for the median */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * part;
  return ((sorted[Math.floor(at)] ?? 0) + (sorted[Math.ceil(at)] ?? 0)) / 2;
}

export function formatSeconds(ms: number): string {
  return `${(ms / 1_000).toFixed(3)} s`;
}

/** @throws when a program is neither named by a variable nor in PATH */
export function findProgram(variable: string, name: string): string {
  const path = Bun.env[variable] ?? Bun.which(name);
  if (path !== null) return path;
  throw new Error(`${name} is not here: ${variable} names it`);
}

/** As `findProgram`, for one that can be left out: says so. */
export function tryFindProgram(variable: string, name: string): string | undefined {
  const path = Bun.env[variable] ?? Bun.which(name);
  if (path === null) say(`${name} is not here: ${variable} names it`);
  return path ?? undefined;
}
