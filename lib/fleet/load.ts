import { relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { FleetError } from "#lib/errors.ts";
import { checkFleet } from "#lib/fleet/check.ts";
import type { Fault } from "#lib/fleet/fault.ts";
import { formatFault } from "#lib/fleet/fault.ts";
import { hasUnknownKeys } from "#lib/fleet/keys.ts";
import type { ProviderFacts, Providers } from "#lib/fleet/provider.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { projectRoot } from "#lib/paths.ts";

export interface LoadedFleet<P extends ProviderFacts = ProviderFacts> {
  readonly fleet: Fleet;
  /** The built-in providers and those of the fleet's file. */
  readonly providers: Providers<P>;
}

/** The content of a file: unvalidated data and its own providers. */
interface FleetFile<P> {
  readonly data: unknown;
  readonly own: readonly P[];
}

/**
 * Loads and validates the fleet. `file` is a .ts or .js module that exports `fleet` and optionally `providers`, or a .yaml or .json document;
 * relative to the working directory of the command. @default clusters/fleet.ts
 */
export async function loadFleet<P extends ProviderFacts>(
  builtIn: Providers<P>,
  file?: string,
): Promise<LoadedFleet<P>> {
  return file === undefined ? { fleet: await loadDefault(builtIn), providers: builtIn } : await loadFile(file, builtIn);
}

async function loadDefault(providers: Providers): Promise<Fleet> {
  const exported = await importing("clusters/fleet.ts", () => import("#clusters/fleet.ts"));
  const { fleet } = exported;
  // It is typed, so the schema (and the 50 ms to load zod) is used only to explain faults of a fleet that was not compiled.
  const faults = tryCheck(fleet, providers);
  if (faults?.length === 0 && !hasUnknownKeys(fleet, providers)) return fleet;
  const { readFleet } = await import("#lib/fleet/schema.ts");
  const reading = await readFleet(fleet, providers);
  throw invalid(reading.kind === "faults" ? reading.faults : checkFleet(fleet, providers), defaultPlace);
}

async function loadFile<P extends ProviderFacts>(file: string, builtIn: Providers<P>): Promise<LoadedFleet<P>> {
  if (!(await Bun.file(resolve(file)).exists())) {
    throw new FleetError("FleetUnreadable", `${file}: no such file`, {
      hint: "name a .ts, .js, .yaml or .json file with --fleet",
    });
  }
  const { data, own } = await readData<P>(file);
  const providers = new Map([...builtIn, ...own.map((provider) => [provider.name, provider] as const)]);
  const { readFleet } = await import("#lib/fleet/schema.ts");
  const reading = await readFleet(data, providers);
  if (reading.kind === "faults") throw invalid(reading.faults, () => file);
  const faults = checkFleet(reading.fleet, providers);
  if (faults.length > 0) throw invalid(faults, () => file);
  return { fleet: reading.fleet, providers };
}

async function readData<P>(file: string): Promise<FleetFile<P>> {
  const url = pathToFileURL(resolve(file)).href;
  switch (/\.[^.]*$/.exec(file)?.[0]) {
    case ".ts":
    case ".js": {
      const exported: { readonly fleet?: unknown; readonly providers?: readonly P[] } = await importing(
        file,
        () => import(url),
      );
      if (exported.fleet !== undefined) return { data: exported.fleet, own: exported.providers ?? [] };
      throw new FleetError("FleetUnreadable", `${file}: no export named "fleet"`, {
        hint: "write `export const fleet: Fleet = { … }`",
      });
    }
    case ".json":
    case ".yaml":
    case ".yml": {
      // JSON is YAML, and Bun's YAML parser, unlike its JSON parser, reports the position of an error
      const exported: { readonly default: unknown } = await importing(
        file,
        () => import(url, { with: { type: "yaml" } }),
      );
      await refuseDuplicateKeys(file);
      return { data: exported.default, own: [] };
    }
    default:
      throw new FleetError("FleetUnreadable", `${file}: not a .ts, .js, .yaml or .json file`, {
        hint: "name a file of one of these kinds with --fleet",
      });
  }
}

/** Bun's parser keeps the last of two equal keys, which could silently drop half of a fleet. */
async function refuseDuplicateKeys(file: string): Promise<void> {
  const { parseDocument } = await import("yaml");
  const { errors } = parseDocument(await Bun.file(resolve(file)).text(), { strict: false });
  const found = errors.find(({ code }) => code === "DUPLICATE_KEY");
  if (found === undefined) return;
  const { line = 0, col = 0 } = found.linePos?.[0] ?? {};
  throw new FleetError("FleetUnreadable", `${file}:${line}:${col}: a key is given twice`, {
    hint: `remove one of them in ${file}:${line}:${col}`,
  });
}

async function importing<Module>(file: string, load: () => Promise<Module>): Promise<Module> {
  try {
    return await load();
  } catch (cause) {
    const [first, ...others] = buildErrors(cause);
    if (first === undefined) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new FleetError("FleetUnreadable", `${file}: ${lowerFirst(why)}`, { hint: `fix ${file}`, cause });
    }
    throw new FleetError("FleetUnreadable", formatBuildError(first, file), {
      hint: `fix ${placeOf(first, file)}`,
      details: others.map((other) => formatBuildError(other, file)),
      cause,
    });
  }
}

/** Bun's errors for an unreadable file: one message, or several in an AggregateError. */
interface BuildError {
  readonly message: string;
  readonly position: { readonly file: string; readonly line: number; readonly column: number };
}

function buildErrors(thrown: unknown): readonly BuildError[] {
  const errors: readonly unknown[] = thrown instanceof AggregateError ? thrown.errors : [thrown];
  return errors.filter(isBuildError);
}

function isBuildError(error: unknown): error is BuildError {
  if (typeof error !== "object" || error === null || !("position" in error)) return false;
  return typeof error.position === "object" && error.position !== null && "message" in error;
}

function formatBuildError(error: BuildError, file: string): string {
  return `${placeOf(error, file)}: ${lowerFirst(error.message)}`;
}

/** The error may be in a file that the fleet's file imports. */
function placeOf({ position }: BuildError, file: string): string {
  const below = relative(projectRoot, position.file);
  const own = position.file === resolve(file) ? file : below.startsWith("..") ? position.file : below;
  return `${own}:${position.line}:${position.column}`;
}

function tryCheck(fleet: Fleet, providers: Providers): readonly Fault[] | undefined {
  try {
    return checkFleet(fleet, providers);
  } catch (error) {
    // a field of the wrong type; the schema explains which
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

function defaultPlace(fault: Fault): string {
  return `clusters/${fault.provider ?? "fleet"}.ts`;
}

function invalid(faults: readonly Fault[], place: (fault: Fault) => string): FleetError {
  const [first] = faults;
  if (first === undefined)
    return new FleetError("InvalidFleet", "the fleet can't be checked", { hint: "run `tsc --noEmit`" });
  return new FleetError("InvalidFleet", formatFault(first, place(first)), {
    hint: first.hint,
    details: faults.map((fault) => `${formatFault(fault, place(fault))}: ${fault.hint}`),
  });
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
