import { generatorsOf } from "#lib/generate/generators.ts";
import { projectRoot } from "#lib/paths.ts";
import type { Provider } from "#lib/provider.ts";
import type { Described, GeneratedFile } from "#lib/render/generator.ts";

/** All files generated from a fleet. */
export interface GeneratedFiles {
  readonly files: readonly GeneratedFile[];
  /** Folders in which other generated files are outdated. */
  readonly folders: readonly string[];
}

/** Writes nothing. `root` contains docs/fleet.md. @default this checkout */
export async function generate(described: Described<Provider>, root: string = projectRoot): Promise<GeneratedFiles> {
  const generators = await generatorsOf(described.providers);
  const files = await Promise.all(generators.map(async (generator) => await generator.files(described, root)));
  return { files: files.flat(), folders: generators.flatMap(({ folders = [] }) => folders) };
}
