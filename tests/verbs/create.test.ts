import { describe, expect, test } from "bun:test";
import { FleetError, WorkGoesOn } from "#lib/errors.ts";
import type { Observed } from "#lib/graph/resource.ts";
import { create } from "#lib/verbs/create.ts";
import { outcomesOf, runOver } from "#tests/support/engine.ts";
import { type FakeState, fakeResource } from "#tests/support/fake-resource.ts";

const present = (value: number): Observed<FakeState> => ({ kind: "present", state: { value } });

describe("create", () => {
  test("makes what is absent, and leaves alone what is as it should be", async () => {
    const there = fakeResource("there", { observed: present(1) });
    const missing = fakeResource("missing", { needs: [there.resource] });
    expect(outcomesOf(await runOver(create, [missing.resource, there.resource]))).toEqual([
      "there unchanged",
      "missing made",
    ]);
    expect(there.calls).toEqual(["observe"]);
    expect(missing.calls).toEqual(["observe", "observe", "ensure"]);
  });

  test("changes nothing when it runs again", async () => {
    const fake = fakeResource("one");
    await runOver(create, [fake.resource]);
    expect(outcomesOf(await runOver(create, [fake.resource]))).toEqual(["one unchanged"]);
    expect(fake.calls.filter((call) => call === "ensure")).toEqual(["ensure"]);
  });

  test("updates what differs, and says in what", async () => {
    const [ended] = await runOver(create, [fakeResource("one", { observed: present(7) }).resource]);
    expect(ended?.outcome).toBe("updated");
    expect(ended?.changes).toEqual([{ field: "value", from: "7", to: "1", effect: "in-place" }]);
  });

  test("replaces only what it may", async () => {
    const fake = fakeResource("one", { observed: present(7), effect: "replace" });
    const [refused] = await runOver(create, [fake.resource]);
    expect([refused?.outcome, refused?.error?.code]).toEqual(["failed", "ReplacementRequired"]);
    expect(refused?.error?.details).toEqual(["value: 7 → 1"]);
    expect(fake.calls).not.toContain("ensure");
    expect(outcomesOf(await runOver(create, [fake.resource], { allowReplacement: true }))).toEqual(["one replaced"]);
  });

  test("refuses what is somebody else's, unless it is adopted", async () => {
    const fake = fakeResource("one", { observed: { kind: "foreign", why: "it is of another fleet" } });
    const [refused] = await runOver(create, [fake.resource]);
    expect([refused?.error?.code, refused?.error?.message]).toEqual(["ForeignResource", "it is of another fleet"]);
    expect(outcomesOf(await runOver(create, [fake.resource], { adopt: true }))).toEqual(["one adopted"]);
  });

  test("makes anew what is half-made, and says why", async () => {
    const [ended] = await runOver(create, [
      fakeResource("one", { observed: { kind: "broken", why: "no nodes" } }).resource,
    ]);
    expect([ended?.outcome, ended?.note]).toEqual(["made", "what was left of it was removed first: no nodes"]);
  });

  test("waits for whoever is at work on it", async () => {
    const fake = fakeResource("one", { observed: { kind: "busy", why: "kind is at it" } });
    let looks = 0;
    const resource = {
      ...fake.resource,
      observe: async (...given: Parameters<typeof fake.resource.observe>) => {
        if (++looks === 3) fake.becomes(present(1));
        return await fake.resource.observe(...given);
      },
    };
    expect(outcomesOf(await runOver(create, [resource]))).toEqual(["one unchanged"]);
    expect(fake.calls).not.toContain("ensure");
  });

  test("gives up on what stays busy", async () => {
    const [ended] = await runOver(create, [
      fakeResource("one", { observed: { kind: "busy", why: "it hangs" } }).resource,
    ]);
    expect(ended?.error?.code).toBe("StillBusy");
    expect(ended?.error?.message).toContain("it hangs");
  });

  test("a failure stops what needs it, and nothing else", async () => {
    const bad = fakeResource("bad", { failsOn: "ensure" });
    const child = fakeResource("child", { needs: [bad.resource] });
    const grandchild = fakeResource("grandchild", { needs: [child.resource] });
    const other = fakeResource("other");
    const ended = await runOver(
      create,
      [bad, child, grandchild, other].map(({ resource }) => resource),
    );
    expect(new Map(ended.map(({ id, outcome, cause }) => [id, [outcome, cause]]))).toEqual(
      new Map([
        ["bad", ["failed", undefined]],
        ["child", ["blocked", "bad"]],
        ["grandchild", ["blocked", "bad"]],
        ["other", ["made", undefined]],
      ]),
    );
    expect(child.calls).toEqual([]);
  });

  test("an interrupt says of what a cloud is at work on that it goes on", async () => {
    const interrupted = new FleetError("Interrupted", "interrupted");
    const joined = new AbortController();
    const busy = fakeResource("busy", {
      observed: { kind: "busy", why: "CloudFormation is at work on it", inCloud: true },
    });
    const progress = (): void => joined.abort(interrupted);
    const [waited] = await runOver(create, [busy.resource], { signal: joined.signal, progress });
    expect(waited).toMatchObject({ outcome: "cancelled", goesOn: "CloudFormation is at work on it" });

    const controller = new AbortController();
    const making = {
      ...fakeResource("making").resource,
      ensure: () => {
        controller.abort(interrupted);
        return Promise.reject(new WorkGoesOn("CloudFormation goes on creating it"));
      },
    };
    const [ended] = await runOver(create, [making], { signal: controller.signal });
    expect(ended).toMatchObject({
      outcome: "cancelled",
      goesOn: "CloudFormation goes on creating it",
      note: "CloudFormation goes on creating it; run the same command again to join it",
    });
  });

  test("an interrupt cancels what runs and what waits", async () => {
    const controller = new AbortController();
    const first = fakeResource("first");
    const resource = {
      ...first.resource,
      ensure: () => {
        controller.abort(new FleetError("Interrupted", "interrupted"));
        return Promise.reject(controller.signal.reason);
      },
    };
    const second = fakeResource("second", { needs: [resource] });
    const ended = await runOver(create, [resource, second.resource], { signal: controller.signal });
    expect(outcomesOf(ended).toSorted()).toEqual(["first cancelled", "second cancelled"]);
    expect(second.calls).toEqual([]);
  });
});
