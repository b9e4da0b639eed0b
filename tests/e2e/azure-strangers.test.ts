import { expect, setDefaultTimeout, test } from "bun:test";
import { aks, fleetOf, idIn, inAzure } from "#tests/support/azure-story.ts";
import { isChanging } from "#tests/support/cloud-sandbox.ts";
import { endedAs, errorsOf, well } from "#tests/support/story.ts";

// Some wait until others are done.
setDefaultTimeout(240_000);

const name = "k01.k8s.az.mylabs.dev";
const k01 = `azure/azure-01/${name}`;
const group = idIn("azure-01", name);
const aksOfK01 = idIn("azure-01", name, "Microsoft.ContainerService/managedClusters/k01-k8s-az-mylabs-dev");
const zoneOfK01 = idIn("azure-01", name, `Microsoft.Network/dnszones/${name}`);
const fleet = fleetOf(aks(1));

test.concurrent("a resource group of a cluster's name that somebody else made is left alone, until it is adopted", async () => {
  await inAzure(async (azure) => {
    await azure.openFor(fleet);
    const neighbour = await azure.neighbour();
    const theirs = idIn("azure-01", name, "Microsoft.ManagedIdentity/userAssignedIdentities/somebody");
    await neighbour.put(group, { location: "westus2", tags: { owner: "somebody" } });
    await neighbour.put(theirs, { location: "westus2" });
    const before = await neighbour.get(group);
    for (const [task, args] of [
      ["create-aks-all", []],
      ["delete-aks-all", ["--yes"]],
    ] as const) {
      const run = await azure.run(task, args, { fleet });
      expect(run.exitCode).toBe(1);
      const { [`${k01}/group`]: error = "", ...others } = errorsOf(run);
      expect(others).toEqual({});
      expect(error).toContain(
        "is without the tags of a fleet (ForeignResource)\nhint: rename or remove it, or take it",
      );
    }
    expect(await neighbour.get(group)).toEqual(before);

    const adopted = await well(azure.run("create-aks-all", ["--adopt"], { fleet }));
    expect(endedAs(adopted, "adopted")).toEqual([`${k01}/group`]);
    expect((await neighbour.get(group))?.tags).toMatchObject({ owner: "somebody", fleet: "mylabs.dev" });
    const again = await well(azure.run("create-aks-all", [], { fleet }));
    expect(endedAs(again, "unchanged").length).toBe(Object.keys(again.results).length);
    // It goes only when it is empty.
    const deleted = await azure.run("delete-aks-all", ["--yes"], { fleet });
    expect(errorsOf(deleted)[`${k01}/group`]).toContain("userAssignedIdentities somebody");
    expect(endedAs(deleted, "failed")).toEqual([`${k01}/group`]);
    expect(await neighbour.get(theirs)).toBeDefined();
    await neighbour.remove(theirs);
    await well(azure.run("delete-aks-all", ["--yes"], { fleet }));
    expect(await neighbour.get(group)).toBeUndefined();
  });
});

test.concurrent("a cluster that lost the tags of the fleet is neither changed nor deleted, until it is adopted", async () => {
  await inAzure(async (azure) => {
    await well(azure.run("create-aks-all", [], { fleet }));
    const neighbour = await azure.neighbour();
    const found = await neighbour.get(aksOfK01);
    await neighbour.put(aksOfK01, { ...found, tags: { owner: "somebody" } });
    while ((await neighbour.get(aksOfK01))?.properties.provisioningState !== "Succeeded") await Bun.sleep(50);
    await azure.calls();
    expect(Object.keys(errorsOf(await azure.run("create-aks-all", [], { fleet })))).toEqual([`${k01}/cluster`]);
    expect((await azure.calls()).filter(isChanging)).toEqual([]);
    const deleted = await azure.run("delete-aks-all", ["--yes"], { fleet });
    expect(errorsOf(deleted)[`${k01}/cluster`]).toContain("(ForeignResource)");
    // What it is in stays with it.
    expect([await neighbour.get(aksOfK01), await neighbour.get(group)]).not.toContain(undefined);
    const adopted = await well(azure.run("create-aks-all", ["--adopt"], { fleet }));
    expect(endedAs(adopted, "adopted")).toEqual([`${k01}/cluster`]);
    expect((await neighbour.get(aksOfK01))?.tags).toEqual({ ...found?.tags, owner: "somebody" });
  });
});

test.concurrent("a first zone in another resource group is not doubled", async () => {
  await inAzure(async (azure) => {
    await azure.openFor(fleet);
    const neighbour = await azure.neighbour();
    await neighbour.put(idIn("azure-mgmt", "dns"), { location: "eastus2" });
    const theirs = await neighbour.put(idIn("azure-mgmt", "dns", "Microsoft.Network/dnszones/az.mylabs.dev"), {
      location: "global",
    });
    const run = await azure.run("create-aks-all", [], { fleet });
    const { "azure/azure-mgmt/zone/az.mylabs.dev": error = "", ...others } = errorsOf(run);
    expect(others).toEqual({});
    expect(error).toContain("azure-mgmt has the zone az.mylabs.dev in the resource group dns (ZoneAmbiguous)");
    expect(error).toContain(`az resource move --destination-group k8s-multicluster-gitops --ids ${theirs.id}`);
  });
});

test.concurrent("a lock and somebody's records stop a delete, which goes on once they are gone", async () => {
  await inAzure(async (azure) => {
    await well(azure.run("create-aks-all", [], { fleet }));
    const neighbour = await azure.neighbour();
    const lock = `${group}/providers/Microsoft.Authorization/locks/keep`;
    await neighbour.put(lock, { properties: { level: "CanNotDelete", notes: "somebody" } });
    const locked = await azure.run("delete-aks-all", ["--yes"], { fleet });
    expect(locked.exitCode).toBe(1);
    expect(Object.values(errorsOf(locked)).join("\n")).toContain("(AzureLocked)");
    expect(await neighbour.get(aksOfK01)).toBeDefined();
    await neighbour.remove(lock);

    await neighbour.put(`${zoneOfK01}/TXT/somebody`, { properties: { TTL: 60, TXTRecords: [{ value: ["hers"] }] } });
    const full = await azure.run("delete-aks-all", ["--yes"], { fleet });
    expect(errorsOf(full)[`${k01}/zone`]).toContain(`TXT somebody.${name}`);
    expect(errorsOf(full)[`${k01}/zone`]).toContain("(ZoneNotEmpty)");
    expect(await neighbour.get(aksOfK01)).toBeUndefined();
    await neighbour.remove(`${zoneOfK01}/TXT/somebody`);
    await well(azure.run("delete-aks-all", ["--yes"], { fleet }));
    expect(await neighbour.get(group)).toBeUndefined();
  });
});
