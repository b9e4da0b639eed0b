import { tmpdir } from "node:os";
import { isAbsolute } from "node:path";
import type { Exec } from "#lib/exec.ts";

/** Caches of npx, bunx and pnpm dlx: the next cleanup removes them. */
const passing = /\/_npx\/|\/bunx-|\/dlx-|\/\.cache\/pnpm\//;

/**
 * The path of Bun for generated files: the running one, or the same version from PATH if the running one is in a cache.
 *
 * @param running path of the running Bun
 * @param temporary folder that the system empties
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
