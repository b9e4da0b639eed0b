import { describe, expect, test } from "bun:test";
import { resourceGroup } from "#lib/azure/resource-group.ts";
import { armMemory, testSubscription } from "#tests/support/arm-memory.ts";
import { azureWorld, testAccount } from "#tests/support/azure-world.ts";
import { failureOf } from "#tests/support/failure.ts";

const name = "k01.k8s.az.mylabs.test";
const id = `/subscriptions/${testSubscription}/resourceGroups/${name}`;
const tags = { project: "k8s-multicluster-gitops", fleet: "mylabs.test", cluster: name };
const group = resourceGroup({
  id: "azure/az-01/group",
  title: `${name}: resource group`,
  row: { kind: "cluster", name, group: "azure" },
  needs: [],
  account: testAccount,
  name,
  region: "eastus2",
  tags,
  contents: [name],
});

describe("a resource group", () => {
  test("is created in a region, and stays in the one that it is in", async () => {
    const memory = armMemory();
    const { world, outputs } = azureWorld(memory);
    expect(await group.ensure(world, { kind: "absent" }, outputs)).toMatchObject({ location: "eastus2", tags });
    const moved = memory.add(id, { location: "westus", tags });
    expect(group.diff(moved, outputs)).toEqual([]);
    const untagged = memory.add(id, { location: "westus", tags: { ...tags, cluster: "" } });
    expect(await group.ensure(world, { kind: "present", state: untagged }, outputs)).toMatchObject({
      location: "westus",
      tags,
    });
  });

  test("that is being deleted is awaited, and made again", async () => {
    const memory = armMemory();
    memory.add(id, { location: "eastus2", tags });
    memory.removal = ["Deleting", "Deleting"];
    const { world, outputs } = azureWorld(memory);
    await memory.arm.remove(world, id);
    await group.ensure(world, { kind: "absent" }, outputs);
    expect(memory.calls.filter((call) => call.startsWith("put"))).toEqual([`put ${id}`]);
  });

  test("is deleted when it is empty, also if Resource Manager still lists what is gone", async () => {
    const memory = armMemory();
    memory.add(id, { location: "eastus2", tags });
    const left = memory.add(`${id}/providers/Microsoft.Network/dnszones/${name}`, { tags });
    const { world, outputs } = azureWorld(memory);
    let listings = 0;
    memory.onCall = (call) => {
      if (call.startsWith("list") && ++listings === 3) void memory.arm.remove(world, left.id);
    };
    await group.remove(world, { kind: "absent" }, outputs);
    expect(memory.find(id)).toBeUndefined();
    expect(world.clock.now()).toBe(10_000);
  });

  test("is kept with what this fleet did not make", async () => {
    const memory = armMemory();
    memory.add(id, { location: "eastus2", tags });
    memory.add(`${id}/providers/Microsoft.Storage/storageAccounts/backups`, {});
    const { world, outputs } = azureWorld(memory);
    const error = await failureOf(group.remove(world, { kind: "absent" }, outputs));
    expect([error.code, error.details]).toEqual(["StillNeeded", ["Microsoft.Storage/storageAccounts backups"]]);
    expect(memory.find(id)).toBeDefined();
    expect(world.clock.now()).toBe(0);
  });
});
