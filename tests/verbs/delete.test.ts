import { describe, expect, test } from "bun:test";
import type { Observed } from "#lib/graph/resource.ts";
import { remove } from "#lib/verbs/delete.ts";
import { planDelete } from "#lib/verbs/plan.ts";
import { outcomesOf, runOver } from "#tests/support/engine.ts";
import { type FakeOptions, type FakeState, fakeResource } from "#tests/support/fake-resource.ts";

const present: Observed<FakeState> = { kind: "present", state: { value: 1 } };

function chain(top: FakeOptions = {}, bottom: FakeOptions = {}) {
  const base = fakeResource("base", { observed: present, ...bottom });
  const user = fakeResource("user", { observed: present, needs: [base.resource], ...top });
  return { base, user, resources: [base.resource, user.resource] };
}

describe("delete", () => {
  test("removes first what needs others", async () => {
    expect(outcomesOf(await runOver(remove, chain().resources))).toEqual(["user removed", "base removed"]);
  });

  test("of what is gone is a success, and clears up beside it", async () => {
    const gone = fakeResource("gone");
    const [ended] = await runOver(remove, [gone.resource]);
    expect([ended?.outcome, ended?.note]).toEqual(["unchanged", "already gone"]);
    expect(gone.calls).toContain("remove");
  });

  test("keeps what a later create would have to fetch again", async () => {
    const kept = fakeResource("kept", { observed: present, keptOnDelete: "it stays" });
    const [ended] = await runOver(remove, [kept.resource]);
    expect([ended?.outcome, ended?.note, kept.calls.includes("remove")]).toEqual(["kept", "it stays", false]);
  });

  test("does not care whether what it keeps can be looked at", async () => {
    const kept = fakeResource("kept", { failsOn: "observe", keptOnDelete: "it stays" });
    for (const verb of [remove, planDelete])
      expect(outcomesOf(await runOver(verb, [kept.resource]))).toEqual(["kept kept"]);
  });

  test("tells why a resource kept itself", async () => {
    const used = fakeResource("used", { observed: present, removal: { kind: "kept", why: "others use it" } });
    const [ended] = await runOver(remove, [used.resource]);
    expect([ended?.outcome, ended?.note]).toEqual(["kept", "others use it"]);
  });

  test("leaves in place what is needed by something that would not go", async () => {
    const { base, resources } = chain({ failsOn: "remove" });
    expect(outcomesOf(await runOver(remove, resources))).toEqual(["user failed", "base blocked"]);
    expect(base.calls).not.toContain("remove");
  });

  test("does not take what can't be looked at for gone", async () => {
    const { base, user, resources } = chain({ failsOn: "observe" });
    expect(outcomesOf(await runOver(remove, resources))).toEqual(["user failed", "base blocked"]);
    expect([...base.calls, ...user.calls]).not.toContain("remove");
  });

  test("looks at what is needed although that stays, and leaves it alone", async () => {
    const house = fakeResource("house", { observed: present });
    const inside = fakeResource("inside", { needs: [house.resource] });
    const resource = {
      ...inside.resource,
      observe: async (...[world, outputs]: Parameters<typeof inside.resource.observe>) =>
        outputs.find(house.resource) === undefined
          ? ({ kind: "absent" } as const)
          : await inside.resource.observe(world, outputs),
    };
    inside.becomes(present);
    expect(outcomesOf(await runOver(remove, [resource]))).toEqual(["inside removed"]);
    expect(house.calls).toEqual(["observe"]);
  });

  test("takes nothing for gone when what it is in can't be looked at", async () => {
    const house = fakeResource("house", { failsOn: "observe" });
    const inside = fakeResource("inside", { observed: present, needs: [house.resource] });
    expect(outcomesOf(await runOver(remove, [inside.resource]))).toEqual(["inside failed"]);
    expect(inside.calls).toEqual([]);
  });

  test("refuses what is somebody else's, unless it is adopted", async () => {
    const foreign = fakeResource("foreign", { observed: { kind: "foreign", why: "not ours" } });
    const [refused] = await runOver(remove, [foreign.resource]);
    expect([refused?.outcome, refused?.error?.code]).toEqual(["failed", "ForeignResource"]);
    expect(outcomesOf(await runOver(remove, [foreign.resource], { adopt: true }))).toEqual(["foreign removed"]);
  });
});

describe("what goes with another", () => {
  const within = (bottom: FakeOptions = {}) => {
    const house = fakeResource("house", { observed: present, ...bottom });
    const inside = fakeResource("inside", { failsOn: "observe", needs: [house.resource] });
    return { house, inside, resources: [house.resource, { ...inside.resource, goesWith: house.resource }] };
  };

  test("is neither looked at nor removed by itself, and is gone after it", async () => {
    const { inside, resources } = within();
    const ended = await runOver(remove, resources);
    expect(outcomesOf(ended)).toEqual(["house removed", "inside removed"]);
    expect(ended[1]?.note).toBe("with house");
    expect(inside.calls).toEqual([]);
  });

  test("is gone already when that is", async () => {
    const ended = await runOver(remove, within({ observed: { kind: "absent" } }).resources);
    expect(ended[1]).toMatchObject({ id: "inside", outcome: "unchanged", note: "already gone" });
  });

  test("is still there when that would not go", async () => {
    expect(outcomesOf(await runOver(remove, within({ failsOn: "remove" }).resources))).toEqual([
      "house failed",
      "inside blocked",
    ]);
  });

  test.each([remove, planDelete])("is kept with that: $name", async (verb) => {
    const { house, inside, resources } = within({ keptOnDelete: "others use it" });
    const ended = await runOver(verb, resources);
    expect(ended.map(({ outcome, note }) => [outcome, note])).toEqual([
      ["kept", "others use it"],
      ["kept", "others use it"],
    ]);
    expect([...house.calls, ...inside.calls]).not.toContain("remove");
  });

  test("is removed by itself when that is not selected", async () => {
    const house = fakeResource("house", { observed: present });
    const inside = fakeResource("inside", { observed: present, needs: [house.resource] });
    const resource = { ...inside.resource, goesWith: house.resource };
    expect(outcomesOf(await runOver(remove, [resource]))).toEqual(["inside removed"]);
    expect(inside.calls).toContain("remove");
  });

  test("is in the plan", async () => {
    expect(outcomesOf(await runOver(planDelete, within().resources))).toEqual(["house to remove", "inside to remove"]);
  });
});

describe("the plan of a delete", () => {
  test("changes nothing", async () => {
    const { base, user, resources } = chain();
    expect(outcomesOf(await runOver(planDelete, resources))).toEqual(["user to remove", "base to remove"]);
    expect([...base.calls, ...user.calls]).not.toContain("remove");
  });

  test("names what would be refused, kept, or is gone", async () => {
    const foreign = fakeResource("foreign", { observed: { kind: "foreign", why: "not ours" } });
    const kept = fakeResource("kept", { observed: present, keptOnDelete: "it stays" });
    const ended = await runOver(planDelete, [foreign.resource, kept.resource, fakeResource("gone").resource]);
    expect(outcomesOf(ended).toSorted()).toEqual(["foreign failed", "gone unchanged", "kept kept"]);
  });
});
