import { beforeEach, describe, expect, test } from "bun:test";
import { builtInRoles, clustersRole, grantingCondition } from "#lib/azure/permissions.ts";
import { type Principal, roleAssignment, roleDefinition, roleIdOf } from "#lib/azure/role.ts";
import { type ArmMemory, armMemory, azureError, testSubscription } from "#tests/support/arm-memory.ts";
import { azureWorld, testAccount } from "#tests/support/azure-world.ts";
import { failureOf } from "#tests/support/failure.ts";

const row = { kind: "account", name: "az-01", group: "azure" } as const;
const subscription = `/subscriptions/${testSubscription}`;
const scope = `${subscription}/resourceGroups/g`;
const described = { id: "role", title: "az-01: role", label: "role", row, needs: [], account: testAccount };
const principal: Principal = { objectId: "ABCDEF01-0000-4000-8000-000000000000", type: "ServicePrincipal" };
const role = builtInRoles.dnsZoneContributor;

let memory: ArmMemory;
beforeEach(() => {
  memory = armMemory();
  memory.adds.set("roleassignments", () => ({ properties: { scope } }));
});
const writes = () => memory.calls.filter((call) => /^(put|remove)/.test(call)).map((call) => call.split(" ")[0]);

const assigned = (who: Principal | undefined = principal, condition?: string) => {
  const { world, outputs, changedAccess } = azureWorld(memory);
  const made = roleAssignment({
    ...described,
    scope: () => scope,
    role,
    principal: () => who,
    ...(condition === undefined ? {} : { condition }),
  });
  return {
    changedAccess,
    observe: () => made.observe(world, outputs),
    ensure: () => made.ensure(world, { kind: "absent" }, outputs),
    remove: () => made.remove(world, { kind: "absent" }, outputs),
    async diff() {
      const observed = await made.observe(world, outputs);
      if (observed.kind !== "present") throw new Error(observed.kind);
      return made.diff(observed.state, outputs).map(({ field, effect }) => [field, effect]);
    },
  };
};
const addEqual = (properties: object = {}) =>
  memory.add(`${scope}/providers/Microsoft.Authorization/roleAssignments/by-hand`, {
    properties: {
      scope: scope.toLowerCase(),
      roleDefinitionId: `/providers/Microsoft.Authorization/RoleDefinitions/${role}`,
      principalId: principal.objectId.toLowerCase(),
      principalType: "ServicePrincipal",
      ...properties,
    },
  });

describe("a role definition", () => {
  const made = roleDefinition({ ...described, permissions: clustersRole });

  test("has a name of its own in the tenant, and an id that every run finds again", async () => {
    const { world, outputs, changedAccess } = azureWorld(memory);
    const state = await made.ensure(world, { kind: "absent" }, outputs);
    expect(state.properties).toEqual({
      roleName: `k8s-multicluster-gitops clusters ${testSubscription}`,
      description: clustersRole.description,
      type: "CustomRole",
      permissions: [{ actions: clustersRole.actions, notActions: [], dataActions: [], notDataActions: [] }],
      assignableScopes: [subscription],
    });
    expect(state.name).toBe(roleIdOf(testAccount, clustersRole));
    expect(state.name).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(changedAccess).toEqual(["az-01"]);
    expect(await made.observe(world, outputs)).toEqual({ kind: "present", state });
    expect(made.diff(state, outputs)).toEqual([]);
  });

  test("is brought back to exactly its actions", async () => {
    const { world, outputs } = azureWorld(memory);
    const state = await made.ensure(world, { kind: "absent" }, outputs);
    const actions = [...clustersRole.actions.slice(1), "*"];
    const drifted = { ...state, properties: { ...state.properties, permissions: [{ actions }] } };
    expect(made.diff(drifted, outputs)).toMatchObject([
      { field: "permissions[0].actions", from: actions, effect: "in-place" },
    ]);
    const shuffled = clustersRole.actions.toReversed().map((action) => action.toUpperCase());
    expect(
      made.diff({ ...state, properties: { ...state.properties, permissions: [{ actions: shuffled }] } }, outputs),
    ).toEqual([]);
  });
});

describe("the delete of a role definition", () => {
  const made = roleDefinition({ ...described, permissions: clustersRole });
  const ofClusters = (name: string, who: string) =>
    memory.add(`${subscription}/providers/Microsoft.Authorization/roleAssignments/${name}`, {
      properties: {
        scope: subscription,
        roleDefinitionId: `${subscription}/providers/Microsoft.Authorization/roleDefinitions/${roleIdOf(testAccount, clustersRole)}`,
        principalId: who,
      },
    });

  test("takes our assignments to principals that are gone", async () => {
    const { world, outputs } = azureWorld(memory);
    await made.ensure(world, { kind: "absent" }, outputs);
    const ours = roleAssignment({
      ...described,
      scope: () => subscription,
      role: roleIdOf(testAccount, clustersRole),
      principal: () => principal,
    });
    memory.adds.set("roleassignments", () => ({ properties: { scope: subscription } }));
    await ours.ensure(world, { kind: "absent" }, outputs);
    memory.calls.length = 0;
    await made.remove(world, { kind: "absent" }, outputs);
    expect(writes()).toEqual(["remove", "remove"]);
  });

  test("is refused while others have assigned it", async () => {
    const { world, outputs } = azureWorld(memory);
    await made.ensure(world, { kind: "absent" }, outputs);
    const { id } = ofClusters("by-hand", principal.objectId);
    memory.calls.length = 0;
    const error = await failureOf(made.remove(world, { kind: "absent" }, outputs));
    expect([error.code, error.details]).toEqual(["StillNeeded", [id]]);
    expect(writes()).toEqual([]);
  });
});

describe("a role assignment", () => {
  test("is made with the type of its principal, announced, and found again", async () => {
    const { observe, ensure, diff, changedAccess } = assigned();
    expect(await observe()).toEqual({ kind: "absent" });
    const state = await ensure();
    expect(state.properties).toMatchObject({
      roleDefinitionId: `${subscription}/providers/Microsoft.Authorization/roleDefinitions/${role}`,
      principalId: principal.objectId,
      principalType: "ServicePrincipal",
    });
    expect(changedAccess).toEqual(["az-01"]);
    expect(await diff()).toEqual([]);
    await assigned({ ...principal, objectId: principal.objectId.toLowerCase() }).ensure();
    expect(writes()).toEqual(["put"]);
  });

  test("with another id is as good, and is not deleted", async () => {
    addEqual();
    const { diff, ensure, remove, changedAccess } = assigned();
    expect(await diff()).toEqual([]);
    await ensure();
    expect(writes()).toEqual([]);
    expect(changedAccess).toEqual([]);
    expect(await remove()).toEqual({ kind: "kept", why: "this fleet did not make the assignment by-hand" });
  });

  test("at another scope, of another role or of another principal is none", async () => {
    addEqual({ scope: subscription });
    expect(await assigned().observe()).toEqual({ kind: "absent" });
    addEqual({ roleDefinitionId: `/providers/Microsoft.Authorization/roleDefinitions/${builtInRoles.reader}` });
    expect(await assigned().observe()).toEqual({ kind: "absent" });
    addEqual({ principalId: "somebody" });
    expect(await assigned().observe()).toEqual({ kind: "absent" });
  });

  test("that somebody else makes at the same time is a success; another refusal is not", async () => {
    memory.onCall = (call) => {
      if (!call.startsWith("put")) return;
      addEqual();
      throw azureError("RoleAssignmentExists", "The role assignment already exists.");
    };
    expect((await assigned().ensure()).name).toBe("by-hand");

    memory = armMemory();
    memory.onCall = (call) => {
      if (call.startsWith("put")) throw azureError("RoleAssignmentLimitExceeded", "too many", 400);
    };
    expect((await failureOf(assigned().ensure())).code).toBe("QuotaExceeded");
  });

  test("gets another condition in its place, whatever its id is", async () => {
    addEqual();
    const { diff, ensure } = assigned(principal, grantingCondition);
    expect(await diff()).toEqual([
      ["condition", "in-place"],
      ["conditionVersion", "in-place"],
    ]);
    expect((await ensure()).name).toBe("by-hand");
    expect(await diff()).toEqual([]);
  });

  test("is absent while its principal is, and its delete is one of nothing", async () => {
    const { world, outputs } = azureWorld(memory);
    const made = roleAssignment({ ...described, scope: () => scope, role, principal: () => undefined });
    expect(await made.observe(world, outputs)).toEqual({ kind: "absent" });
    expect(await made.remove(world, { kind: "absent" }, outputs)).toEqual({ kind: "removed" });
    expect((await failureOf(made.ensure(world, { kind: "absent" }, outputs))).code).toBe("OutputMissing");
    expect(memory.calls).toEqual([]);
  });

  test("is deleted, twice", async () => {
    const { ensure, remove, observe } = assigned();
    await ensure();
    expect(await remove()).toEqual({ kind: "removed" });
    expect(await remove()).toEqual({ kind: "removed" });
    expect(await observe()).toEqual({ kind: "absent" });
  });
});
