import { checkout } from "#lib/argocd/checkout.ts";
import { type GitServer, serveCheckout } from "#lib/argocd/git-server.ts";
import { formatRevision, type GitSource } from "#lib/argocd/git-source.ts";
import { terminal } from "#lib/cli/program.ts";
import { listenForSignals } from "#lib/cli/signals.ts";
import { systemClock } from "#lib/clock.ts";
import { runVerb } from "#lib/commands/run-verb.ts";
import { createWorld, openSession } from "#lib/commands/session.ts";
import { FleetError } from "#lib/errors.ts";
import { gitPortOf, localSourceOf, pathOf } from "#lib/fleet/defaults.ts";
import { createOutputs } from "#lib/graph/outputs.ts";
import type { World } from "#lib/graph/world.ts";
import { cautious } from "#lib/graph/world.ts";
import { clustersWithKubeconfig } from "#lib/kubernetes/merged.ts";
import { findHostAddress } from "#lib/local/host-address.ts";
import { create } from "#lib/verbs/create.ts";

export interface ServeOptions {
  /** Cluster names; empty for all existing clusters. */
  readonly clusters: readonly string[];
  readonly fleetFile?: string;
  readonly verbose: boolean;
  readonly sandbox: boolean;
}

const lookEveryMs = 1_000;

/**
 * Serves the checkout until Ctrl-C, and runs `create` for the clusters at each new commit, because they are pinned to
 * commits.
 */
export async function serveCommits(options: ServeOptions): Promise<number> {
  const session = await openSession({ sandbox: options.sandbox, fleetFile: options.fleetFile });
  const { fleet } = session;
  if (fleet.gitops === undefined || localSourceOf(fleet.gitops) !== "checkout") {
    throw new FleetError("NothingSelected", "clusters of this fleet don't read this checkout", {
      hint: 'set gitops, and in it local: "checkout"',
    });
  }
  const own = checkout({ port: gitPortOf(fleet.gitops), path: pathOf(fleet.gitops), findHost: findHostAddress });
  const interrupts = listenForSignals(() => undefined);
  const world = createWorld(session, systemClock, interrupts.signal, cautious);
  const look = async (): Promise<GitSource> => await own.ensure(world, { kind: "absent" }, createOutputs());
  const serve = async ({ checkout: served, ...at }: GitSource): Promise<GitServer | undefined> =>
    served === undefined ? undefined : await serveCheckout(world, { ...at, checkout: served });
  let source = await look();
  let server = await serve(source);
  try {
    terminal.out(`serving this checkout at ${source.repository}; each commit goes to the clusters; Ctrl-C ends it\n`);
    while (!interrupts.signal.aborted) {
      await bring(source, options, await clustersWithKubeconfig(session.paths));
      source = await nextCommit(world, source.revision, look);
      // Called again, so that only the new commit and its history are served.
      await server?.stop();
      server = await serve(source);
    }
  } catch (error) {
    if (!interrupts.signal.aborted) throw error;
  } finally {
    await server?.stop();
    interrupts.close();
  }
  return 0;
}

async function nextCommit(world: World, last: string, look: () => Promise<GitSource>): Promise<GitSource> {
  for (;;) {
    await world.clock.sleep(lookEveryMs, world.signal);
    const source = await look();
    if (source.revision !== last) return source;
  }
}

async function bring(source: GitSource, options: ServeOptions, existing: readonly string[]): Promise<void> {
  const chosen = options.clusters.length === 0 ? existing : options.clusters;
  const left = source.checkout?.uncommitted ?? [];
  const rest = left.length === 0 ? "" : `, without what is not committed: ${left.join(", ")}`;
  terminal.out(`commit ${formatRevision(source.revision)}${rest}\n`);
  if (chosen.length === 0) {
    terminal.out("no cluster exists yet: create one, and it reads from here\n");
    return;
  }
  await runVerb(create, {
    selection: { clusters: chosen, accounts: [], providers: [], targets: [] },
    ...(options.fleetFile === undefined ? {} : { fleetFile: options.fleetFile }),
    json: false,
    verbose: options.verbose,
    sandbox: options.sandbox,
    dryRun: false,
    yes: false,
    ...cautious,
    gitops: {},
  });
}
