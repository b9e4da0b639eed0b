import type { ProviderFacts, Providers } from "#lib/fleet/provider.ts";
import type { Fleet } from "#lib/fleet/types.ts";

/** A file generated from the fleet. */
export interface GeneratedFile {
  /** Relative to the checkout, with slashes. */
  readonly path: string;
  readonly content: string;
  /** Permission bits: 0o755 for executables, 0o644 for the rest. */
  readonly mode: number;
}

/** The input of generators. */
export interface Described<P extends ProviderFacts = ProviderFacts> {
  readonly fleet: Fleet;
  readonly providers: Providers<P>;
}

/** Generates some of the files. */
export interface Generator<P extends ProviderFacts = ProviderFacts> {
  /**
   * Folders that belong to this generator: files with the generated mark that it no longer generates are removed.
   * @default none
   */
  readonly folders?: readonly string[];
  /** `root` is the checkout, for partially generated files. */
  readonly files: (
    described: Described<P>,
    root: string,
  ) => readonly GeneratedFile[] | Promise<readonly GeneratedFile[]>;
}

/** In the header of every fully generated file. Files without it are hand-written and never removed. */
export const generatedMark = "ritten by `bun run generate`";
