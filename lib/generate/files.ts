import type { Fleet } from "#lib/fleet/types.ts";
import type { GeneratedFile } from "#lib/generate/generator.ts";
import { generators } from "#lib/generate/generators.ts";
import { projectRoot } from "#lib/paths.ts";

/** Every file that follows from the fleet. Writes nothing. `root` is where README.md is read. @default this checkout */
export async function files(fleet: Fleet, root: string = projectRoot): Promise<readonly GeneratedFile[]> {
  const made = await Promise.all(generators.map(async (generator) => await generator.files(fleet, root)));
  return made.flat();
}
