import type { ErrorReport } from "#lib/error-report.ts";
import { type ErrorCode, FleetError } from "#lib/errors.ts";
import type { Cluster, Fleet } from "#lib/fleet/types.ts";
import { clusterGraph, type GraphSettings } from "#lib/fleet-graph.ts";
import { createOutputs } from "#lib/graph/outputs.ts";
import type { AnyResource, Change } from "#lib/graph/resource.ts";
import type { World } from "#lib/graph/world.ts";
import type { Opened } from "#lib/providers.ts";
import { remove } from "#lib/verbs/delete.ts";
import type { Elsewhere, Engine } from "#lib/verbs/engine.ts";

/** Finds clusters of the fleet that exist in another account, region or tool than the fleet says. Looks up each once. */
export function elsewhereFinder(
  fleet: Fleet,
  opened: Opened,
  settings: GraphSettings,
  engine: Omit<Engine, "resources" | "outputs">,
): NonNullable<Engine["findElsewhere"]> {
  const entries = new Map(fleet.clusters.map((cluster): [string, Cluster] => [cluster.name, cluster]));
  const found = new Map<string, Promise<Elsewhere | undefined>>();

  async function find(entry: Cluster, world: World): Promise<Elsewhere | undefined> {
    const place = await opened.open.get(entry.provider)?.findElsewhere?.(world, entry);
    if (place === undefined) return undefined;
    const { cluster, kept = [] } = place;
    const there = clusterGraph(fleet, opened, settings, cluster).filter(({ id }) => !kept.includes(id));
    let removal: Promise<void> | undefined;
    return {
      changes: changesOf(cluster, entry),
      async remove(world) {
        removal ??= removeAll(there, world, engine);
        await removal;
      },
    };
  }

  return async ({ row }, world) => {
    const entry = row.kind === "cluster" ? entries.get(row.name) : undefined;
    if (entry === undefined) return undefined;
    const known = found.get(entry.name) ?? find(entry, world);
    found.set(entry.name, known);
    return await known;
  };
}

/** The differences between the two places of a cluster. */
function changesOf(is: Cluster, wanted: Cluster): readonly Change[] {
  return (["provider", "account", "region"] as const).flatMap((field) => {
    const [from = "", to = ""] = [is, wanted].map((cluster) => placeOf(cluster)[field]);
    return from === to ? [] : [{ field, from, to, effect: "replace" }];
  });
}

function placeOf({ provider, ...rest }: Cluster): Readonly<Partial<Record<"provider" | "account" | "region", string>>> {
  return {
    provider,
    ...("account" in rest ? { account: rest.account } : {}),
    ...("region" in rest ? { region: rest.region } : {}),
  };
}

/** A delete within a run: its progress is shown at the resource that replaces the deleted ones. */
async function removeAll(
  resources: readonly AnyResource[],
  { progress, output }: Pick<World, "progress" | "output">,
  engine: Omit<Engine, "resources" | "outputs">,
): Promise<void> {
  const titles = new Map(resources.map(({ id, title }) => [id, title]));
  const failures: { readonly id: string; readonly error: ErrorReport }[] = [];
  const tell = (id: string, message: string): void => progress(`deleting ${titles.get(id)}: ${message}`);
  await remove.run({
    ...engine,
    resources,
    outputs: createOutputs(),
    emit(event) {
      if (event.kind === "started") tell(event.id, "started");
      if (event.kind === "finished" && event.error !== undefined) failures.push({ id: event.id, error: event.error });
    },
    worldOf: (resource) => ({
      ...engine.worldOf(resource),
      progress: (message) => tell(resource.id, message),
      output,
    }),
  });
  engine.signal.throwIfAborted();
  const [first] = failures;
  if (first === undefined) return;
  const { code, message, stack: _stack, ...more } = first.error;
  throw new FleetError(code as ErrorCode, `${titles.get(first.id)}: ${message}`, more);
}
