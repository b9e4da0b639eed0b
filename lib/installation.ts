import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { FleetError } from "#lib/errors.ts";
import { projectRoot } from "#lib/paths.ts";
import { taskName } from "#lib/task-name.ts";

interface Manifest {
  readonly version?: string;
  readonly packageManager?: string;
  readonly engines?: { readonly bun?: string };
  readonly dependencies?: Readonly<Record<string, string>>;
}

/**
 * Compares the running Bun and the installed packages with package.json, which pins exact versions: they are outdated after a pull
 * that raised a version. Without node_modules Bun fetches the pinned versions. Takes about a millisecond.
 *
 * @throws FleetError BunTooOld, PackagesOutdated
 */
export function checkInstallation(root: string = projectRoot, running: string = Bun.version): void {
  const { packageManager = "", engines, dependencies = {} } = readManifest(root) ?? {};
  if (engines?.bun !== undefined && !Bun.semver.satisfies(running, engines.bun)) {
    throw new FleetError("BunTooOld", `this is Bun ${running}, and package.json requires ${engines.bun}`, {
      hint: `npx --yes ${packageManager} run tasks/${taskName().replaceAll(":", "/")}.ts, or: mise install`,
    });
  }
  const modules = join(root, "node_modules");
  if (!existsSync(modules)) return;
  const stale = Object.entries(dependencies).flatMap(([name, wanted]) => {
    const installed = readManifest(join(modules, name))?.version;
    if (installed === wanted) return [];
    return [installed === undefined ? `${name} is not installed` : `${name} is ${installed}, not ${wanted}`];
  });
  const [first, ...others] = stale;
  if (first === undefined) return;
  const more = others.length === 0 ? "" : ` (and ${others.length} more)`;
  throw new FleetError("PackagesOutdated", `node_modules does not match package.json: ${first}${more}`, {
    hint: "bun install --frozen-lockfile",
  });
}

function readManifest(folder: string): Manifest | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
  } catch {
    // Missing, or truncated by an interrupted install.
    return undefined;
  }
}
