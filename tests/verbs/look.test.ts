import { describe, expect, test } from "bun:test";
import { FleetError } from "#lib/errors.ts";
import type { Observed } from "#lib/graph/resource.ts";
import { plan } from "#lib/verbs/plan.ts";
import { status } from "#lib/verbs/status.ts";
import { outcomesOf, runOver } from "#tests/support/engine.ts";
import { type FakeState, fakeResource } from "#tests/support/fake-resource.ts";

const present = (value: number): Observed<FakeState> => ({ kind: "present", state: { value } });

/** Can only be looked at once its need is there. */
function later(id: string) {
  const need = fakeResource("need");
  const fake = fakeResource(id, { needs: [need.resource] });
  const resource = {
    ...fake.resource,
    observe: (_world: unknown, outputs: Parameters<typeof fake.resource.observe>[1]) => {
      outputs.of(need.resource);
      return Promise.reject(new Error("unreachable"));
    },
  };
  return [need.resource, resource];
}

describe("plan", () => {
  test.each([
    ["absent", { kind: "absent" }, "to make"],
    ["as it should be", present(1), "unchanged"],
    ["different", present(2), "to update"],
    ["half-made", { kind: "broken", why: "no nodes" }, "to replace"],
    ["busy", { kind: "busy", why: "kind is at it" }, "to update"],
    ["somebody else's", { kind: "foreign", why: "not ours" }, "failed"],
  ] as const)("of what is %s", async (_what, observed, outcome) => {
    const fake = fakeResource("one", { observed });
    expect(outcomesOf(await runOver(plan, [fake.resource]))).toEqual([`one ${outcome}`]);
    expect(fake.calls).toEqual(["observe"]);
  });

  test("of what must be replaced says so", async () => {
    const fake = fakeResource("one", { observed: present(2), effect: "replace" });
    expect(await runOver(plan, [fake.resource])).toMatchObject([
      { outcome: "to replace", changes: [{ field: "value", effect: "replace" }], requires: "--allow-replacement" },
    ]);
    const [allowed] = await runOver(plan, [fake.resource], { allowReplacement: true });
    expect([allowed?.outcome, allowed?.requires]).toEqual(["to replace", undefined]);
  });

  test("fails on what create would refuse, and only then", async () => {
    const refuse = async (): Promise<never> => {
      throw new FleetError("UpgradeRefused", "one version at a time", { hint: "write the next one" });
    };
    const changed = { ...fakeResource("changed", { observed: present(2) }).resource, refuse };
    const same = { ...fakeResource("same", { observed: present(1) }).resource, refuse };
    const ended = await runOver(plan, [changed, same]);
    expect(outcomesOf(ended).toSorted()).toEqual(["changed failed", "same unchanged"]);
    expect(ended.find(({ id }) => id === "changed")?.error).toMatchObject({ code: "UpgradeRefused" });
  });

  test("says after what the rest will be known", async () => {
    const ended = await runOver(plan, later("child"));
    expect(ended[1]).toMatchObject({ id: "child", outcome: "to make", note: "known after need" });
  });

  test("fails on what can't be looked at", async () => {
    const bad = fakeResource("bad", { failsOn: "observe" });
    const child = fakeResource("child", { needs: [bad.resource] });
    expect(outcomesOf(await runOver(plan, [bad.resource, child.resource]))).toEqual(["bad failed", "child blocked"]);
  });
});

describe("status", () => {
  test.each([
    ["absent", { kind: "absent" }, "absent"],
    ["well", present(1), "healthy"],
    ["unwell", present(2), "degraded"],
    ["half-made", { kind: "broken", why: "no nodes" }, "degraded"],
    ["somebody else's", { kind: "foreign", why: "not ours" }, "degraded"],
  ] as const)("of what is %s", async (_what, observed, outcome) => {
    const fake = fakeResource("one", { observed });
    expect(outcomesOf(await runOver(status, [fake.resource]))).toEqual([`one ${outcome}`]);
    expect(fake.calls).toEqual(["observe"]);
  });

  test("tells drift of what is healthy otherwise", async () => {
    const fake = fakeResource("one", { observed: present(2) });
    const resource = { ...fake.resource, health: () => ({ kind: "healthy", summary: "well" }) as const };
    const [ended] = await runOver(status, [resource]);
    expect([ended?.outcome, ended?.health?.summary]).toEqual(["degraded", "drifted from the fleet (value: 2 → 1)"]);
  });

  test("of what is inside of something closed tells that", async () => {
    const fake = fakeResource("one");
    const closed = new FleetError("OutputMissing", "the cluster is stopped: its content can't be read");
    const [ended] = await runOver(status, [{ ...fake.resource, observe: () => Promise.reject(closed) }]);
    expect([ended?.outcome, ended?.health?.summary]).toEqual(["degraded", closed.message]);
  });
});
