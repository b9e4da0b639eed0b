import type { Finished } from "#lib/graph/events.ts";
import { createOutputs } from "#lib/graph/outputs.ts";
import type { AnyResource } from "#lib/graph/resource.ts";
import { cautious, type World, type WorldOptions } from "#lib/graph/world.ts";
import type { Engine, Verb } from "#lib/verbs/engine.ts";
import { virtualClock } from "#tests/support/virtual-clock.ts";

export interface RunOptions extends Partial<WorldOptions> {
  readonly signal?: AbortSignal;
  readonly progress?: World["progress"];
  /** Finds the clusters of resources elsewhere. @default none is elsewhere */
  readonly elsewhere?: (engine: Omit<Engine, "resources" | "outputs">) => NonNullable<Engine["findElsewhere"]>;
}

/** Runs a verb over resources of a test, and gives how each ended, in the order of their ends. */
export async function runOver(
  verb: Verb,
  resources: readonly AnyResource[],
  { signal = new AbortController().signal, progress = () => undefined, elsewhere, ...options }: RunOptions = {},
): Promise<readonly Finished[]> {
  const clock = virtualClock();
  const finished: Finished[] = [];
  const refuse = (): never => {
    throw new Error("a fake resource touches nothing");
  };
  const world: World = {
    exec: refuse,
    variables: {},
    clock,
    paths: { root: "", kubeconfigs: "", runs: "", locks: "", cache: "", unfinished: "" },
    kubernetes: refuse,
    dns: { addressesOf: refuse, serversOf: refuse },
    download: refuse,
    locks: { hold: (_name, _waiting, work) => work() },
    signal,
    progress,
    output: () => undefined,
    options: { ...cautious, ...options },
  };
  const engine: Omit<Engine, "resources" | "outputs"> = {
    clock,
    signal,
    verbose: false,
    limit: () => 8,
    emit(event) {
      if (event.kind === "finished") finished.push({ ...event, at: "" });
    },
    worldOf: () => world,
  };
  const found = elsewhere === undefined ? {} : { findElsewhere: elsewhere(engine) };
  await verb.run({ ...engine, ...found, resources, outputs: createOutputs() });
  return finished;
}

/** `id outcome`, in the order of their ends. */
export function outcomesOf(finished: readonly Finished[]): readonly string[] {
  return finished.map(({ id, outcome }) => `${id} ${outcome}`);
}
