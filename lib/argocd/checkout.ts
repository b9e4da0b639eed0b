import type { GitSource } from "#lib/argocd/git-source.ts";
import type { HostAddress } from "#lib/argocd/managed-cluster.ts";
import { FleetError } from "#lib/errors.ts";
import { type Exec, lastLines } from "#lib/exec.ts";
import { lookup } from "#lib/graph/lookup.ts";
import type { Resource } from "#lib/graph/resource.ts";
import type { World } from "#lib/graph/world.ts";

export interface CheckoutOptions {
  /** Port of the checkout's server, the same in each run because it is part of the repository's URL. */
  readonly port: number;
  /** Folder with the applications of the root application. */
  readonly path: string;
  /** Address under which clusters reach this computer. */
  readonly findHost: (world: World) => Promise<HostAddress>;
  /** Branch, tag or commit of the checkout. @default HEAD */
  readonly revision?: string;
}

/** If a run has this resource, its clusters must be able to reach this computer. */
export const checkoutId = "local/git/checkout";

/** The source of local clusters: one commit of this checkout. Read-only. */
export function checkout(options: CheckoutOptions): Resource<GitSource> {
  return lookup({
    id: checkoutId,
    title: "git: this checkout",
    label: "checkout",
    row: { kind: "shared", name: "git", group: "local" },
    lane: "file",
    needs: [],
    read: (world) => readCheckout(world, options),
    health: ({ revision, checkout: seen }) => {
      const left = seen?.uncommitted.length ?? 0;
      const rest = left === 0 ? "" : `, without ${left} uncommitted ${left === 1 ? "file" : "files"}`;
      return { kind: "healthy", summary: `commit ${revision.slice(0, 7)}${rest}` };
    },
  });
}

/**
 * A commit rather than a branch: Argo CD fetches it once, and stays in sync while nothing serves
 * the checkout.
 */
async function readCheckout(
  world: World,
  { port, path, findHost, revision = "HEAD" }: CheckoutOptions,
): Promise<GitSource> {
  await requireTopLevel(world);
  const [commit, uncommitted, address] = await Promise.all([
    resolveCommit(world, revision),
    listUncommitted(world),
    findHost(world),
  ]);
  return {
    repository: `http://${address.name}:${port}/checkout.git`,
    revision: commit,
    path,
    checkout: { address: address.listen, port, uncommitted },
  };
}

/** Paths in argocd/ are relative to the repository. */
async function requireTopLevel(world: World): Promise<void> {
  const result = await attempt(world)`git ${inCheckout(world)} rev-parse --show-prefix`;
  if (result.exitCode === 0 && result.stdout.trim() !== "") {
    throw new FleetError("CheckoutUnreadable", `this folder is ${result.stdout.trim()} of another repository`, {
      hint: "make it a separate repository (git init), or set gitops.local to repository in the fleet",
    });
  }
}

/** Git options for this checkout, which may belong to another user in a container. */
function inCheckout({ paths: { root } }: World): readonly string[] {
  return ["-C", root, "-c", `safe.directory=${root}`];
}

function attempt({ exec, signal }: World): Exec {
  return exec({ signal, nothrow: true });
}

async function resolveCommit(world: World, revision: string): Promise<string> {
  const exec = attempt(world);
  const name = `${revision}^{commit}`;
  const result = await exec`git ${inCheckout(world)} rev-parse --verify --quiet --end-of-options ${name}`;
  const commit = result.stdout.trim();
  if (result.exitCode === 0 && /^[0-9a-f]{40,64}$/.test(commit)) return commit;
  if (revision !== "HEAD") {
    throw new FleetError("CheckoutUnreadable", `this checkout has no revision "${revision}"`, {
      hint: "name a branch, tag or commit that git log shows; clusters in clouds read the fleet's repository instead",
      details: lastLines(result),
    });
  }
  throw new FleetError("CheckoutUnreadable", "local clusters read this folder's commits, and it has none", {
    hint: "git init && git add . && git commit; or set gitops.local to repository in the fleet",
    details: lastLines(result),
  });
}

async function listUncommitted(world: World): Promise<readonly string[]> {
  const exec = attempt(world);
  const result = await exec`git ${inCheckout(world)} status --porcelain --untracked-files=all -- argocd`;
  return result.stdout.split("\n").flatMap((line) => (line === "" ? [] : [line.slice(3)]));
}
