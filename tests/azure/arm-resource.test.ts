import { beforeEach, describe, expect, test } from "bun:test";
import { type ArmResourceOptions, armResource } from "#lib/azure/arm-resource.ts";
import type { ArmResource, Json } from "#lib/azure/clients.ts";
import { FleetError, WorkGoesOn } from "#lib/errors.ts";
import type { Observed } from "#lib/graph/resource.ts";
import { type ArmMemory, armMemory, azureError, testSubscription } from "#tests/support/arm-memory.ts";
import { azureWorld, testAccount } from "#tests/support/azure-world.ts";
import { failureOf } from "#tests/support/failure.ts";

const id = `/subscriptions/${testSubscription}/resourceGroups/g/providers/Microsoft.Test/things/t`;
const ours = { project: "k8s-multicluster-gitops", fleet: "mylabs.test", cluster: "k01" };
const wanted = { location: "eastus2", properties: { size: 2, ranges: ["a", "b"] } };

let memory: ArmMemory;
let options: ArmResourceOptions;
beforeEach(() => {
  memory = armMemory();
  options = {
    id: "azure/az-01/thing",
    title: "k01: thing",
    label: "thing",
    row: { kind: "cluster", name: "k01", group: "azure" },
    needs: [],
    account: testAccount,
    azureId: () => id,
    body: () => wanted,
    rules: { immutable: ["location"], sets: ["properties.ranges"] },
    tags: ours,
    etags: true,
    timeoutMs: 60 * 60_000,
  };
});

type Flags = NonNullable<Parameters<typeof azureWorld>[1]>;
const at = (flags: Flags = {}) => {
  const { world, outputs, said } = azureWorld(memory, flags);
  const thing = armResource(options);
  return {
    world,
    said,
    observe: (): Promise<Observed<ArmResource>> => thing.observe(world, outputs),
    diff: async () => {
      const observed = await thing.observe(world, outputs);
      if (observed.kind !== "present") throw new Error(observed.kind);
      return thing.diff(observed.state, outputs).map(({ field, from, to, effect }) => [field, from, to, effect]);
    },
    ensure: async () => thing.ensure(world, { kind: "absent" }, outputs),
    remove: async () => await thing.remove(world, { kind: "absent" }, outputs),
    health: (state: ArmResource) => thing.health(state),
  };
};
const add = (body: Json = {}, tags: Readonly<Record<string, string>> = ours): ArmResource => {
  const { properties, ...rest } = body;
  return memory.add(id, { ...wanted, ...rest, tags, properties: { ...wanted.properties, ...(properties as Json) } });
};
const writes = () => memory.calls.filter((call) => /^(put|remove)/.test(call)).map((call) => call.split(" ")[0]);

describe("a thing in Azure", () => {
  test("that is absent is created with our tags, and then has no changes", async () => {
    expect(await at().observe()).toEqual({ kind: "absent" });
    memory.course = ["Creating", "ProvisionControlPlane", "Succeeded"];
    const state = await at().ensure();
    expect(state).toMatchObject({ tags: ours, location: "eastus2", properties: { provisioningState: "Succeeded" } });
    expect(await at().diff()).toEqual([]);
    await at().ensure();
    expect(writes()).toEqual(["put"]);
  });

  test.each(["Creating", "Updating", "Deleting", "ProvisionControlPlane", "Accepted"])(
    "is busy in the cloud while Azure calls it %s",
    async (provisioningState) => {
      add({ properties: { provisioningState } });
      expect(await at().observe()).toEqual({
        kind: "busy",
        why: `Azure is at work on it: ${provisioningState}`,
        inCloud: true,
      });
    },
  );

  test.each(["Failed", "Canceled"])(
    "that Azure calls %s is written again, and not deleted",
    async (provisioningState) => {
      add({ properties: { provisioningState } });
      expect(await at().diff()).toEqual([["provisioningState", provisioningState, "Succeeded", "in-place"]]);
      memory.course = ["Updating", "Succeeded"];
      await at().ensure();
      expect(writes()).toEqual(["put"]);
      expect(await at().diff()).toEqual([]);
    },
  );

  test("shows what differs, and what would replace it", async () => {
    add(
      { location: "westus", properties: { size: 1, ranges: ["b", "a"], more: true } },
      { ...ours, cluster: "k02", team: "x" },
    );
    expect(await at().diff()).toEqual([
      ["location", "westus", "eastus2", "replace"],
      ["size", "1", "2", "in-place"],
      ["tags.cluster", "k02", "k01", "in-place"],
    ]);
  });

  test("keeps other tools' tags, and drops passing ones", async () => {
    options = { ...options, passingTags: ["until"] };
    add({ properties: { size: 1 } }, { ...ours, team: "x", until: "noon" });
    const { tags } = await at().ensure();
    expect(tags).toEqual({ ...ours, team: "x" });
  });

  test("is written with fields of others only if the type resets them", async () => {
    add({ properties: { size: 1, more: true } });
    const bodies: Json[] = [];
    const { put } = memory.arm;
    const spy = {
      ...memory,
      arm: { ...memory.arm, put: (...all: Parameters<typeof put>) => put(...all).finally(() => bodies.push(all[2])) },
    };
    memory = spy;
    await at().ensure();
    add({ properties: { size: 1, more: true } });
    options = { ...options, writesAll: true };
    await at().ensure();
    expect(bodies).toEqual([
      { ...wanted, tags: ours },
      { ...wanted, properties: { ...wanted.properties, more: true }, tags: ours },
    ]);
  });

  test("of another fleet is foreign, and taken over only by --adopt", async () => {
    add({}, { project: "k8s-multicluster-gitops", fleet: "other.test" });
    const observed = await at().observe();
    expect(observed).toEqual({ kind: "foreign", why: `${id} in az-01 is of the fleet other.test` });
    expect((await failureOf(at().ensure())).code).toBe("ForeignResource");
    expect((await failureOf(at().remove())).code).toBe("ForeignResource");
    expect(writes()).toEqual([]);
    expect((await at({ adopt: true }).ensure()).tags).toEqual(ours);
  });

  test("is known by its id where the type has no tags", async () => {
    const { tags: _, ...untagged } = options;
    options = { ...untagged, etags: false };
    memory.add(id, wanted);
    expect(await at().diff()).toEqual([]);
  });
});

describe("an operation of somebody else", () => {
  test("is joined: a cluster whose creation this program did not survive is not written again", async () => {
    memory.course = ["Creating", "Creating", "Succeeded"];
    add();
    await at().ensure();
    expect(writes()).toEqual([]);
  });

  test("is awaited before a change, and ends by a delete too", async () => {
    memory.course = ["Updating", "Updating", "Succeeded"];
    add({ properties: { size: 1 } });
    expect((await at().ensure()).properties).toMatchObject({ size: 2 });
    expect(memory.calls.filter((call) => call.startsWith("get")).length).toBeGreaterThan(2);

    memory.removal = ["Deleting", "Deleting"];
    await memory.arm.remove(at().world, id);
    memory.calls.length = 0;
    await at().ensure();
    expect(writes()).toEqual(["put"]);
  });

  test("that only Azure's refusal shows is awaited", async () => {
    add({ properties: { size: 1 } });
    let refusals = 3;
    memory.onCall = (call) => {
      if (call.startsWith("put") && refusals-- > 0) {
        throw azureError("OperationNotAllowed", "there's an in progress update agent pool operation");
      }
    };
    const { ensure, world, said } = at();
    await ensure();
    expect(writes()).toEqual(["put", "put", "put", "put"]);
    expect(world.clock.now()).toBe(30_000);
    expect(said).toContain("reading it again: another operation is in progress");
  });

  test("is awaited no longer than the time of one operation", async () => {
    options = { ...options, timeoutMs: 60_000 };
    add({ properties: { provisioningState: "Updating" } });
    const error = await failureOf(at().ensure());
    expect([error.code, error.message]).toEqual([
      "WaitTimedOut",
      "k01: thing: not done after 61 seconds; last seen: Azure: Updating",
    ]);
  });

  test("goes on when the run is interrupted", async () => {
    memory.course = ["Creating"];
    const controller = new AbortController();
    const { ensure, world } = at({ signal: controller.signal });
    memory.onCall = () => world.clock.now() > 10_000 && controller.abort(new FleetError("Interrupted", "interrupted"));
    expect(await failureOf(ensure())).toBeInstanceOf(WorkGoesOn);
  });
});

describe("a write", () => {
  test("on a state that somebody has changed is repeated once, on the new state", async () => {
    add({ properties: { size: 1 } });
    let changes = 0;
    memory.onCall = (call) => {
      if (call.startsWith("put") && changes++ === 0) add({ properties: { size: 1 } }, { ...ours, team: "late" });
    };
    expect((await at().ensure()).tags).toEqual({ ...ours, team: "late" });
    expect(writes()).toEqual(["put", "put"]);

    memory.calls.length = 0;
    memory.onCall = (call) => call.startsWith("put") && add({ properties: { size: 10 + changes++ } });
    add({ properties: { size: 1 } });
    expect((await failureOf(at().ensure())).message).toContain("changed by others meanwhile");
    expect(writes()).toEqual(["put", "put"]);
  });

  test("of what somebody else has just created joins theirs, or names its owner", async () => {
    memory.onCall = (call) => call.startsWith("put") && memory.find(id) === undefined && add();
    await at().ensure();
    expect(writes()).toEqual(["put"]);

    memory = armMemory();
    memory.onCall = (call) => call.startsWith("put") && memory.find(id) === undefined && add({}, { fleet: "x" });
    expect((await failureOf(at().ensure())).code).toBe("ForeignResource");
  });

  test("whose answer is lost is looked for before it is repeated, once", async () => {
    const lose = (): never => {
      throw new FleetError("AzureUnreachable", "no answer");
    };
    memory.onCall = (call) => {
      if (!call.startsWith("put") || memory.find(id) !== undefined) return;
      add();
      lose();
    };
    await at().ensure();
    expect(writes()).toEqual(["put"]);

    memory.calls.length = 0;
    memory.onCall = (call) => call.startsWith("put") && lose();
    add({ properties: { size: 1 } });
    expect((await failureOf(at().ensure())).code).toBe("AzureUnreachable");
    expect(writes()).toEqual(["put", "put"]);
  });

  test("that fails ends with the operation's own error", async () => {
    memory.adds.set("things", () => ({
      properties: { status: { provisioningError: { code: "QuotaExceeded", message: "no cores left" } } },
    }));
    memory.course = ["Creating", "Failed"];
    const error = await failureOf(at().ensure());
    expect(error.code).toBe("QuotaExceeded");
    expect(error.message).toContain("no cores left");
    const observed = await at().observe();
    if (observed.kind !== "present") throw new Error(observed.kind);
    expect(at().health(observed.state)).toEqual({ kind: "degraded", summary: "Failed: no cores left" });
  });

  test.each(["ScopeLocked", "AuthorizationFailed", "BadRequest"])("refused with %s is not repeated", async (code) => {
    memory.onCall = (call) => {
      if (call.startsWith("put")) throw azureError(code, "no", 403);
    };
    expect((await failureOf(at().ensure())).details[0]).toBe(`${code}: no`);
    expect(writes()).toEqual(["put"]);
  });

  test("is refused before it by the kind's own rules, and by what can't be changed", async () => {
    add({ location: "westus" });
    expect((await failureOf(at().ensure())).code).toBe("ReplacementRequired");
    options = { ...options, refuse: () => Promise.reject(new FleetError("UpgradeRefused", "no")) };
    expect((await failureOf(at().ensure())).code).toBe("UpgradeRefused");
    expect(writes()).toEqual([]);
  });

  test("replaces what can't be changed, if that is allowed", async () => {
    add({ location: "westus" });
    memory.removal = ["Deleting"];
    expect((await at({ allowReplacement: true }).ensure()).location).toBe("eastus2");
    expect(writes()).toEqual(["remove", "put"]);
  });
});

describe("a delete", () => {
  test("is awaited until the thing is gone, from its old state on", async () => {
    add();
    memory.removal = ["Succeeded", "Deleting", "Deleting"];
    expect(await at().remove()).toEqual({ kind: "removed" });
    expect(memory.find(id)).toBeUndefined();
    expect(writes()).toEqual(["remove"]);
  });

  test("of what is gone, or going, asks Azure for nothing", async () => {
    expect(await at().remove()).toEqual({ kind: "removed" });
    add();
    memory.removal = ["Deleting", "Deleting"];
    await memory.arm.remove(at().world, id);
    await memory.arm.get(at().world, id);
    memory.calls.length = 0;
    await at().remove();
    expect(writes()).toEqual([]);
  });

  test("of a broken thing is no failure, one that Azure gives up is", async () => {
    add({ properties: { provisioningState: "Failed" } });
    memory.removal = ["Failed", "Deleting"];
    await at().remove();

    add();
    memory.removal = ["Deleting", "Failed", "Failed"];
    const error = await failureOf(at().remove());
    expect([error.code, error.message]).toEqual([
      "AzureFailed",
      "az-01: OperationFailed: Azure gives no reason (k01: thing ended as Failed)",
    ]);
  });

  test("waits for an operation in progress, asks the kind, and is repeated while Azure is busy", async () => {
    memory.course = ["Creating", "Creating", "Succeeded"];
    add();
    const asked: unknown[] = [];
    options = {
      ...options,
      beforeDelete: async (_world, found) => void asked.push(found.properties?.provisioningState),
    };
    let refusals = 1;
    memory.onCall = (call) => {
      if (call.startsWith("remove") && refusals-- > 0) throw azureError("AnotherOperationInProgress");
    };
    await at().remove();
    expect(asked).toEqual(["Succeeded"]);
    expect(writes()).toEqual(["remove", "remove"]);
  });

  test("that is refused leaves the thing alone", async () => {
    add();
    options = { ...options, beforeDelete: () => Promise.reject(new FleetError("StillNeeded", "no")) };
    expect((await failureOf(at().remove())).code).toBe("StillNeeded");
    expect(writes()).toEqual([]);
  });
});
