import { FleetError } from "#lib/errors.ts";
import type { AnyResource, ResourceId } from "#lib/graph/resource.ts";

/** Resources in topological order: each after its needs. */
export interface Graph {
  readonly resources: readonly AnyResource[];
  readonly byId: ReadonlyMap<ResourceId, AnyResource>;
}

/** The given resources and their transitive needs, each once. @throws FleetError CyclicGraph */
export function buildGraph(roots: Iterable<AnyResource>): Graph {
  const resources: AnyResource[] = [];
  const byId = new Map<ResourceId, AnyResource>();
  const state = new Map<AnyResource, "open" | "done">();
  for (const root of roots) {
    // An explicit stack: a chain of ten thousand needs must not overflow the call stack.
    const stack: { readonly resource: AnyResource; next: number }[] = [{ resource: root, next: 0 }];
    while (stack.length > 0) {
      const top = stack.at(-1);
      if (top === undefined) break;
      const { resource } = top;
      if (top.next === 0) {
        if (state.get(resource) === "done") {
          stack.pop();
          continue;
        }
        state.set(resource, "open");
      }
      const need = resource.needs[top.next++];
      if (need === undefined) {
        stack.pop();
        if (state.get(resource) === "done") continue;
        state.set(resource, "done");
        if (byId.has(resource.id)) throw new FleetError("CyclicGraph", `two resources have the id ${resource.id}`);
        byId.set(resource.id, resource);
        resources.push(resource);
      } else if (state.get(need) === "open") {
        throw new FleetError("CyclicGraph", `${resource.id} and ${need.id} need each other`);
      } else if (state.get(need) === undefined) {
        stack.push({ resource: need, next: 0 });
      }
    }
  }
  return { resources, byId };
}

/** The reverse edges: from a need to its dependents. */
export function dependents(graph: Graph): ReadonlyMap<AnyResource, readonly AnyResource[]> {
  const result = new Map<AnyResource, AnyResource[]>(graph.resources.map((resource) => [resource, []]));
  for (const resource of graph.resources) for (const need of resource.needs) result.get(need)?.push(resource);
  return result;
}
