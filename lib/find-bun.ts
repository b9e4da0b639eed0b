import { tmpdir } from "node:os";
import { isAbsolute } from "node:path";
import type { Exec } from "#lib/exec.ts";

/** Where npx, bunx and pnpm dlx put what they run once: it goes with the next cleaning. */
const passing = /\/_npx\/|\/bunx-|\/dlx-|\/\.cache\/pnpm\//;

/**
 * A Bun to be named in files that stay: the running one, or the same version from PATH where the running one may go any day.
 *
 * @param running the running one
 * @param temporary folder that is emptied now and then
 */
export async function findBun(
  { exec, variables }: { readonly exec: Exec; readonly variables: Readonly<Record<string, string>> },
  running: string = process.execPath,
  temporary: string = tmpdir(),
): Promise<string> {
  const isPassing = (path: string): boolean => passing.test(path) || path.startsWith(`${temporary}/`);
  if (!isPassing(running)) return running;
  for (const folder of (variables.PATH ?? "").split(":")) {
    const candidate = isAbsolute(folder) ? Bun.which("bun", { PATH: folder }) : null;
    if (candidate === null || isPassing(candidate)) continue;
    const { stdout, exitCode } = await exec({ nothrow: true, timeout: 10_000 })`${candidate} --version`;
    if (exitCode === 0 && stdout.trim() === Bun.version) return candidate;
  }
  return running;
}
