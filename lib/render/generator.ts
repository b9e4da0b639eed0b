import type { ProviderFacts, Providers } from "#lib/fleet/provider.ts";
import type { Fleet } from "#lib/fleet/types.ts";

/** A file that follows from the fleet. */
export interface GeneratedFile {
  /** Relative to the checkout, with slashes. */
  readonly path: string;
  readonly content: string;
  /** Permission bits: 0o755 for what people run, 0o644 for the rest. */
  readonly mode: number;
}

/** What files follow from. */
export interface Described<P extends ProviderFacts = ProviderFacts> {
  readonly fleet: Fleet;
  readonly providers: Providers<P>;
}

/** Makes some of the files that follow from a fleet. */
export interface Generator<P extends ProviderFacts = ProviderFacts> {
  /**
   * Folders whose marked files are all this generator's: what it no longer makes there is of a cluster that is gone, and removed.
   * @default none
   */
  readonly folders?: readonly string[];
  /** `root` is the checkout, for files of which only a part is generated. */
  readonly files: (
    described: Described<P>,
    root: string,
  ) => readonly GeneratedFile[] | Promise<readonly GeneratedFile[]>;
}

/** Stands in the head of every file that is generated as a whole. A file without it is somebody's own and never removed. */
export const generatedMark = "ritten by `bun run generate`";
