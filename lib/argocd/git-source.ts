import type { Outputs, Resource } from "#lib/graph/resource.ts";

/** The source that a cluster's Argo CD reads. */
export interface GitSource {
  readonly repository: string;
  /** Branch, tag or commit. */
  readonly revision: string;
  /** Folder with the applications of the root application. */
  readonly path: string;
  /** Set if the repository is this checkout, which is served only when needed. */
  readonly checkout?: Checkout;
}

/** This checkout as a Git repository. */
export interface Checkout {
  /** Address that its server listens on, and the host name that containers use. */
  readonly address: string;
  readonly port: number;
  /** Uncommitted files below argocd/: clusters don't get them. */
  readonly uncommitted: readonly string[];
}

/** A remote repository is known from the fleet; the checkout must be read. */
export type GitSourceOf =
  | { readonly kind: "remote"; readonly source: GitSource }
  | { readonly kind: "checkout"; readonly resource: Resource<GitSource> };

export function findSource(of: GitSourceOf, outputs: Outputs): GitSource | undefined {
  return of.kind === "remote" ? of.source : outputs.find(of.resource);
}

export function sourceOf(of: GitSourceOf, outputs: Outputs): GitSource {
  return of.kind === "remote" ? of.source : outputs.of(of.resource);
}

/** Seven digits of a commit, like Git; other revisions in full. */
export function formatRevision(revision: string): string {
  return /^[0-9a-f]{40}$/.test(revision) ? revision.slice(0, 7) : revision;
}
