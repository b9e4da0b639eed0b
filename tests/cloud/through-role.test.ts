import { describe, expect, test } from "bun:test";
import { throughRole } from "#lib/cloud/through-role.ts";
import { createOutputs } from "#lib/graph/outputs.ts";
import type { Observed } from "#lib/graph/resource.ts";
import { failureOf } from "#tests/support/failure.ts";
import { type FakeState, fakeResource } from "#tests/support/fake-resource.ts";
import { emptyMachine, localWorld } from "#tests/support/local-world.ts";

describe("a resource that is reached by a role", () => {
  const { resource: role } = fakeResource("role");
  const { resource: thing } = fakeResource("thing", { observed: present(1) });
  const asAdministrator = (found: Observed<FakeState>) => ({ observe: () => Promise.resolve(found) });
  const { world } = localWorld(emptyMachine());

  test("is looked at by the role where that is there", async () => {
    const outputs = createOutputs();
    outputs.set(role, { value: 1 });
    const reached = throughRole(role, thing, asAdministrator({ kind: "absent" }));
    expect(await reached.observe(world, outputs)).toEqual(present(1));
  });

  test("is absent without the role where the owner finds nothing", async () => {
    const reached = throughRole(role, thing, asAdministrator({ kind: "absent" }));
    expect(await reached.observe(world, createOutputs())).toEqual({ kind: "absent" });
  });

  test("is neither absent nor touched without the role where the owner finds it", async () => {
    const reached = throughRole(role, thing, asAdministrator(present(2)));
    const error = await failureOf(reached.observe(world, createOutputs()));
    expect([error.code, error.message]).toEqual(["OutputMissing", expect.stringContaining("is there, but")]);
  });
});

function present(value: number): Observed<FakeState> {
  return { kind: "present", state: { value } };
}
