import { describe, expect, test } from "bun:test";
import { elsewhereFinder } from "#lib/commands/find-elsewhere.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import type { AnyResource, Observed } from "#lib/graph/resource.ts";
import type { OpenProvider } from "#lib/provider.ts";
import { create } from "#lib/verbs/create.ts";
import { remove } from "#lib/verbs/delete.ts";
import { plan, planDelete } from "#lib/verbs/plan.ts";
import { status } from "#lib/verbs/status.ts";
import { outcomesOf, type RunOptions, runOver } from "#tests/support/engine.ts";
import { type FakeOptions, type FakeState, fakeResource } from "#tests/support/fake-resource.ts";

const name = "one.internal";
const present: Observed<FakeState> = { kind: "present", state: { value: 1 } };
const fleet: Fleet = {
  domain: "mylabs.dev",
  zones: [],
  accounts: [],
  clusters: [{ provider: "kind", name, apiPort: 6443 }],
};

function ofCluster(id: string, options: FakeOptions = {}) {
  const fake = fakeResource(id, options);
  return { ...fake, resource: { ...fake.resource, row: { kind: "cluster", name, group: "local" } as const } };
}

/** A cluster of the fleet in kind, which is a cluster of k3d: two resources there, one of which stays. */
function scene({ there = {}, here = [ofCluster("cluster"), ofCluster("kubeconfig")] } = {}) {
  const old = ofCluster("old", { observed: present, ...there });
  const shared = ofCluster("shared", { observed: present });
  let asked = 0;
  const k3d = {
    graph: () => ({
      accounts: [],
      cluster: () => ({ resources: [old.resource, shared.resource] as readonly AnyResource[], managed: {} as never }),
    }),
  } satisfies OpenProvider;
  const kind: OpenProvider = {
    ...k3d,
    async findElsewhere() {
      asked++;
      return { cluster: { provider: "k3d", name, apiPort: 6443 }, kept: ["shared"] };
    },
  };
  const opened = {
    providers: new Map(),
    open: new Map<string, OpenProvider>([
      ["kind", kind],
      ["k3d", k3d],
    ]),
  };
  const elsewhere: RunOptions["elsewhere"] = (engine) => elsewhereFinder(fleet, opened, {}, engine);
  const resources = here.map(({ resource }) => resource);
  return { old, shared, here, resources, elsewhere, asked: () => asked };
}

describe("a cluster that is not where the fleet has it", () => {
  test("is to be replaced, and has drifted until then", async () => {
    const { resources, elsewhere } = scene();
    const planned = await runOver(plan, resources, { elsewhere });
    expect(planned.map(({ outcome, changes, requires }) => ({ outcome, changes, requires }))[0]).toEqual({
      outcome: "to replace",
      changes: [{ field: "provider", from: "k3d", to: "kind", effect: "replace" }],
      requires: "--allow-replacement",
    });
    const [seen] = await runOver(status, resources, { elsewhere });
    expect([seen?.outcome, seen?.health?.summary]).toEqual([
      "degraded",
      "drifted from the fleet (provider: k3d → kind)",
    ]);
  });

  test("is left alone until its replacement is allowed, then deleted once and created here", async () => {
    const { old, shared, here, resources, elsewhere, asked } = scene();
    const refused = await runOver(create, resources, { elsewhere });
    expect(refused.map(({ error }) => error?.code)).toEqual(["ReplacementRequired", "ReplacementRequired"]);
    expect([...old.calls, ...here.flatMap(({ calls }) => calls)]).not.toContain("ensure");
    const ended = await runOver(create, resources, { elsewhere, allowReplacement: true });
    expect(outcomesOf(ended).toSorted()).toEqual(["cluster replaced", "kubeconfig replaced"]);
    expect(old.calls.filter((call) => call === "remove")).toEqual(["remove"]);
    expect(shared.calls).not.toContain("remove");
    // Once per run.
    expect(asked()).toBe(2);
  });

  test("stands in the way when it can't be deleted", async () => {
    const { here, resources, elsewhere } = scene({ there: { failsOn: "remove" } });
    const ended = await runOver(create, resources, { elsewhere, allowReplacement: true });
    expect(ended.map(({ error }) => error?.message)).toEqual(["old: old can't remove", "old: old can't remove"]);
    expect(here.flatMap(({ calls }) => calls)).not.toContain("ensure");
  });

  test("goes with a delete of its name", async () => {
    const { old, resources, elsewhere } = scene();
    const planned = await runOver(planDelete, resources, { elsewhere });
    expect(planned.map(({ outcome, note }) => [outcome, note])[0]).toEqual(["to remove", "in provider k3d"]);
    expect(outcomesOf(await runOver(remove, resources, { elsewhere }))[0]).toBe("cluster removed");
    expect(old.calls).toContain("remove");
  });

  test("is not looked for while all of it is here", async () => {
    const here = [ofCluster("cluster", { observed: present }), ofCluster("kubeconfig", { observed: present })];
    const { resources, elsewhere, asked } = scene({ here });
    for (const verb of [plan, create, status, remove]) await runOver(verb, resources, { elsewhere });
    expect(asked()).toBe(0);
  });
});
