import type { Outputs, Resource } from "#lib/graph/resource.ts";

/** Where the Argo CD of a cluster reads from. */
export interface GitSource {
  readonly repository: string;
  /** Branch, tag or commit. */
  readonly revision: string;
  /** Folder of the root application's children. */
  readonly path: string;
  /** Set when the repository is this checkout, which is served only while somebody needs it. */
  readonly checkout?: Checkout;
}

/** This checkout as a Git repository. */
export interface Checkout {
  /** Address that its server listens on; where the clusters' containers find this computer. */
  readonly address: string;
  readonly port: number;
  /** Files below argocd/ that no commit has yet, so that clusters don't get them. */
  readonly uncommitted: readonly string[];
}

/** A remote repository is known from the fleet alone; the checkout has to be looked at. */
export type GitSourceOf =
  | { readonly kind: "remote"; readonly source: GitSource }
  | { readonly kind: "checkout"; readonly resource: Resource<GitSource> };

export function findSource(of: GitSourceOf, outputs: Outputs): GitSource | undefined {
  return of.kind === "remote" ? of.source : outputs.find(of.resource);
}

export function sourceOf(of: GitSourceOf, outputs: Outputs): GitSource {
  return of.kind === "remote" ? of.source : outputs.of(of.resource);
}

/** Seven digits of a commit, as Git shows it; another revision whole. */
export function formatRevision(revision: string): string {
  return /^[0-9a-f]{40}$/.test(revision) ? revision.slice(0, 7) : revision;
}
