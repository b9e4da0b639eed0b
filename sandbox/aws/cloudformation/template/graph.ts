import { invalid } from "#sandbox/aws/cloudformation/template/parse.ts";
import { referencesOf, unresolved } from "#sandbox/aws/cloudformation/template/references.ts";
import type { ResourceDeclaration, Template } from "#sandbox/aws/cloudformation/template/template.ts";

/** The resources whose conditions hold, each with those that it needs. */
export type Graph = ReadonlyMap<string, GraphNode>;
export interface GraphNode {
  readonly declaration: ResourceDeclaration;
  readonly needs: readonly string[];
}

/** @throws AwsFault for references to resources that the conditions leave out, and for circles */
export function graphOf(template: Template, holds: (condition: string) => boolean): Graph {
  const isLive = (name: string): boolean => {
    const resource = template.resources.get(name);
    return resource !== undefined && (resource.condition === undefined || holds(resource.condition));
  };
  const graph = new Map<string, GraphNode>();
  for (const [name, declaration] of template.resources) {
    if (!isLive(name)) continue;
    const references = referencesOf(declaration.properties, holds)
      .filter(({ kind }) => kind === "ref" || kind === "attribute")
      .map((reference) => reference.name)
      .filter((other) => template.resources.has(other));
    const dead = references.filter((other) => !isLive(other));
    if (dead.length > 0) throw unresolved(dead, "Resources");
    // DependsOn on what a condition leaves out does not count.
    const needs = [...new Set([...references, ...declaration.dependsOn.filter(isLive)])];
    graph.set(name, { declaration, needs });
  }
  for (const output of template.outputs.values()) {
    if (output.condition !== undefined && !holds(output.condition)) continue;
    const dead = referencesOf(output.value, holds)
      .filter(({ kind, name }) => (kind === "ref" || kind === "attribute") && template.resources.has(name))
      .map(({ name }) => name)
      .filter((name) => !isLive(name));
    if (dead.length > 0) throw unresolved(dead, "Outputs");
  }
  checkCircles(graph);
  return graph;
}

function checkCircles(graph: Graph): void {
  const left = new Map([...graph].map(([name, { needs }]) => [name, new Set(needs)]));
  for (let found = true; found; ) {
    found = false;
    for (const [name, needs] of left) {
      if ([...needs].some((need) => left.has(need))) continue;
      left.delete(name);
      found = true;
    }
  }
  // What only leans on a circle is left too; AWS names just the circle.
  const circle = [...left.keys()].filter((name) => reaches(left, name, name));
  if (circle.length > 0) throw invalid(`Circular dependency between resources: [${circle.join(", ")}]`);
}

function reaches(graph: ReadonlyMap<string, ReadonlySet<string>>, from: string, to: string): boolean {
  const seen = new Set<string>();
  const todo = [...(graph.get(from) ?? [])];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    if (next === to) return true;
    if (seen.has(next)) continue;
    seen.add(next);
    todo.push(...(graph.get(next) ?? []));
  }
  return false;
}
