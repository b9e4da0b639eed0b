import type { AnyResource, Change, Observed, Removal, Resource } from "#lib/graph/resource.ts";

export interface FakeState {
  readonly value: number;
}

export interface FakeOptions {
  readonly needs?: readonly AnyResource[];
  readonly observed?: Observed<FakeState>;
  /** What the fleet wants. @default 1 */
  readonly wanted?: number;
  readonly effect?: Change["effect"];
  readonly failsOn?: "observe" | "ensure" | "remove";
  readonly keptOnDelete?: string;
  readonly removal?: Removal;
}

/** A resource of the simplest kind: it is there or not, and has a number. It writes down what is done to it. */
export function fakeResource(id: string, options: FakeOptions = {}) {
  const calls: string[] = [];
  let observed: Observed<FakeState> = options.observed ?? { kind: "absent" };
  const wanted = options.wanted ?? 1;
  const fail = (where: FakeOptions["failsOn"]): void => {
    if (options.failsOn === where) throw new Error(`${id} can't ${where}`);
  };
  const resource: Resource<FakeState> = {
    id,
    title: id,
    label: "fake",
    row: { kind: "cluster", name: id, group: "local" },
    lane: "api",
    needs: options.needs ?? [],
    ...(options.keptOnDelete === undefined ? {} : { keptOnDelete: options.keptOnDelete }),
    async observe() {
      calls.push("observe");
      fail("observe");
      return observed;
    },
    diff: (state) =>
      state.value === wanted
        ? []
        : [{ field: "value", from: String(state.value), to: String(wanted), effect: options.effect ?? "in-place" }],
    async ensure() {
      calls.push("ensure");
      fail("ensure");
      const state = { value: wanted };
      observed = { kind: "present", state };
      return state;
    },
    async remove() {
      calls.push("remove");
      fail("remove");
      observed = { kind: "absent" };
      return options.removal ?? { kind: "removed" };
    },
    health: (state) =>
      state.value === wanted ? { kind: "healthy", summary: "well" } : { kind: "degraded", summary: "unwell" },
  };
  const becomes = (next: Observed<FakeState>): void => {
    observed = next;
  };
  return { resource, calls, becomes };
}
