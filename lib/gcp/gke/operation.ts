import type { GcpActor, Json } from "#lib/gcp/clients.ts";
import { explainOperation } from "#lib/gcp/explain.ts";
import type { GkeCluster } from "#lib/gcp/fleet/types.ts";
import { gkeNameOf, projectPath } from "#lib/gcp/names.ts";
import { poll } from "#lib/gcp/operation.ts";
import type { GcpWorld } from "#lib/gcp/world.ts";

export interface GkeOperations {
  readonly actor: GcpActor;
  readonly cluster: GkeCluster;
  /** The subject of errors: `k01: GKE`. */
  readonly title: string;
  readonly timeoutMs: number;
}

/** Waits for an operation, and says in GKE's words why it failed: the cluster stays as it is. @throws FleetError GcpFailed, QuotaExceeded, WaitTimedOut; WorkGoesOn */
export async function waitForGke(world: GcpWorld, operation: Json, options: GkeOperations): Promise<void> {
  const { actor, title, timeoutMs } = options;
  const rest = world.gcp.rest(actor);
  const path = `v1/${locationOf(options)}/operations/${String(operation.name)}`;
  const goesOn = `GKE goes on with ${wordsOf(operation)}`;
  const hint = "GKE continues; run the same command again to continue waiting";
  const ended = await poll(world, { what: title, timeoutMs, hint, goesOn }, async () => {
    const found = (await rest.get(world, "container", path)) ?? { status: "DONE" };
    return found.status === "DONE" ? { done: found } : { waiting: describe(found) };
  });
  const { error } = ended;
  if (typeof error !== "object" || error === null) return;
  throw explainOperation(error, { account: actor.account.name, what: `${title}: ${wordsOf(operation)}` });
}

/** Joins what GKE does with the cluster, whoever started it. @returns whether there was something */
export async function joinRunning(world: GcpWorld, options: GkeOperations): Promise<boolean> {
  const running = await findRunning(world, options);
  for (const operation of running) {
    world.progress(`joining ${wordsOf(operation)}`);
    await waitForGke(world, operation, options);
  }
  return running.length > 0;
}

/** Operations that have not ended, found by their target: its link has the number of the project, and `zones` for regions. */
async function findRunning(world: GcpWorld, options: GkeOperations): Promise<readonly Json[]> {
  const path = `v1/${locationOf(options)}/operations`;
  const all = await world.gcp.rest(options.actor).list(world, "container", path, "operations");
  const end = `/clusters/${gkeNameOf(options.cluster)}`;
  const isOurs = (link: unknown): boolean => String(link).endsWith(end) || String(link).includes(`${end}/`);
  return all.filter(({ status, targetLink }) => status !== "DONE" && isOurs(targetLink));
}

function locationOf({ actor, cluster }: GkeOperations): string {
  return `${projectPath(actor.account)}/locations/${cluster.region}`;
}

/** `create cluster` */
function wordsOf({ operationType = "an operation" }: Json): string {
  return String(operationType).toLowerCase().replaceAll("_", " ");
}

function describe(operation: Json): string {
  const { detail, statusMessage } = operation;
  const [more] = [detail, statusMessage].filter((text) => typeof text === "string" && text !== "");
  return `GKE: ${wordsOf(operation)}${more === undefined ? "" : `: ${String(more)}`}`;
}
