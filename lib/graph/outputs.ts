import { FleetError } from "#lib/errors.ts";
import type { AnyResource, Outputs, Resource } from "#lib/graph/resource.ts";

/** Outputs, filled in as resources are observed and created. */
export interface OutputStore extends Outputs {
  set<State>(resource: Resource<State>, state: State): void;
  clear(resource: AnyResource): void;
}

export function createOutputs(): OutputStore {
  // Keyed by the resource itself, so that the state's type follows from the reference.
  const states = new Map<AnyResource, { readonly state: unknown }>();
  return {
    set: (resource, state) => void states.set(resource, { state }),
    clear: (resource) => void states.delete(resource),
    find: <State>(need: Resource<State>) => states.get(need)?.state as State | undefined,
    of: <State>(need: Resource<State>) => {
      const entry = states.get(need);
      if (entry === undefined) {
        throw new FleetError("OutputMissing", `known after ${need.title}`, { hint: `make ${need.id} first` });
      }
      return entry.state as State;
    },
  };
}
