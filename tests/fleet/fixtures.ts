import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Fault } from "#lib/fleet/fault.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { checkFleet, readFleet } from "#tests/support/fleet.ts";

const root = join(import.meta.dir, "../fixtures/fleets");

/** Files of one folder of fixtures, sorted. */
export function fixtures(folder: "valid" | "invalid"): readonly string[] {
  return readdirSync(join(root, folder)).sort();
}

export function fixturePath(folder: "valid" | "invalid", file: string): string {
  return join(root, folder, file);
}

export async function readFixture(folder: "valid" | "invalid", file: string): Promise<unknown> {
  const path = fixturePath(folder, file);
  if (file.endsWith(".yaml")) return Bun.YAML.parse(await Bun.file(path).text());
  const exported: { readonly fleet: Fleet } = await import(path);
  return exported.fleet;
}

/** What is wrong with a fixture, shape first. */
export async function faultsOf(folder: "valid" | "invalid", file: string): Promise<readonly Fault[]> {
  const reading = await readFleet(await readFixture(folder, file));
  return reading.kind === "faults" ? reading.faults : checkFleet(reading.fleet);
}

/** `UnknownAccount` for `unknown-account.ts`, `InvalidShape` for `invalid-shape.no-name.yaml`. */
export function codeOf(file: string): string {
  const [rule = ""] = file.split(".");
  return rule.replaceAll(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
