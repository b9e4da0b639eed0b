/** What the benchmarks have in common: running programs, and telling how long that took. */

export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

export interface RunSettings {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/** Runs a program to its end. @returns both of its outputs @throws when it fails, with all that it said */
export async function run(command: readonly string[], { env, cwd }: RunSettings): Promise<string> {
  const child = Bun.spawn([...command], { env, cwd, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")}\n${stdout}\n${stderr}`);
  return stdout + stderr;
}

/** Milliseconds that work took. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return ((sorted[(sorted.length - 1) >> 1] ?? 0) + (sorted[sorted.length >> 1] ?? 0)) / 2;
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
