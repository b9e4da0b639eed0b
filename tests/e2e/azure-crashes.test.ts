import { expect, setDefaultTimeout, test } from "bun:test";
import { type AzureStory, aks, fleetOf, idIn, inAzure, subscriptions } from "#tests/support/azure-story.ts";
import { type CloudCall, isChanging, type Started } from "#tests/support/cloud-sandbox.ts";
import { endedAs, errorsOf, well } from "#tests/support/story.ts";

// Some wait until others are done.
setDefaultTimeout(240_000);

const k01 = "azure/azure-01/k01.k8s.az.mylabs.dev";
const aksOfK01 = idIn(
  "azure-01",
  "k01.k8s.az.mylabs.dev",
  "Microsoft.ContainerService/managedClusters/k01-k8s-az-mylabs-dev",
);
/** Slower than elsewhere, so that something is under way whenever a run ends. */
const speed = 10;

/** Waits until a run has made Azure that many calls, or has ended. @returns those that change something */
async function untilCalls(azure: AzureStory, { ended }: Started, count: number): Promise<readonly CloudCall[]> {
  let isOver = false;
  void ended.finally(() => {
    isOver = true;
  });
  const changing: CloudCall[] = [];
  for (let seen = 0; seen < count && !isOver; await Bun.sleep(10)) {
    const calls = await azure.daemon.cloudCalls({ clear: true });
    seen += calls.length;
    changing.push(...calls.filter(isChanging));
  }
  return changing;
}

/** The same numbers for the same seed. @returns whole numbers from 0 to below `limit` */
function randomNumbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * limit);
  };
}

/** What of a cluster is in its account, as the last parts of ids, sorted; twice the same are two of them. */
async function thingsIn(azure: AzureStory): Promise<readonly string[]> {
  const { resources } = JSON.parse(await azure.sandbox("status")).azure as { readonly resources: readonly string[] };
  return (
    resources
      .filter((id) => id.includes(subscriptions["azure-01"]))
      .map((id) => id.split("/").slice(3).join("/"))
      .filter((id) => !/\/(NS|SOA)\/@$/.test(id))
      // Names that follow from what Azure has chosen: principals and issuers.
      .map((id) => id.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$|(?<=-)[0-9a-f]{8}$/, "…"))
      .sort()
  );
}

test.concurrent("creates that are killed at any moment are finished by the next one, and deletes as well", async () => {
  const seed = Number(Bun.env.AZURE_CRASH_SEED ?? Date.now() % 100_000);
  const random = randomNumbers(seed);
  try {
    await inAzure(async (azure) => {
      const fleet = fleetOf(aks(1), aks(2));
      await well(azure.run("create-aks-all", [], { fleet }));
      const whole = await thingsIn(azure);
      await well(azure.run("delete-aks-all", ["--yes"], { fleet }));
      const empty = await thingsIn(azure);
      await azure.calls();

      const writes: CloudCall[] = [];
      for (let round = 0; round < 12; round++) {
        const started = azure.start("create-aks-all", [], { fleet });
        writes.push(...(await untilCalls(azure, started, 10 + random(70))));
        started.kill("SIGKILL");
        await started.ended;
        writes.push(...(await azure.calls()).filter(isChanging));
      }
      await well(azure.run("create-aks-all", [], { fleet }));
      writes.push(...(await azure.calls()).filter(isChanging));
      expect(await thingsIn(azure)).toEqual(whole);
      const puts = writes.filter(({ service, action }) => service === "managedClusters" && action === "write");
      expect(puts.map(({ error }) => error)).toEqual([undefined, undefined]);
      await well(azure.run("status", [], { fleet }));

      for (let round = 0; round < 8; round++) {
        const started = azure.start("delete-aks-all", ["--yes"], { fleet });
        await untilCalls(azure, started, 40 + random(60));
        started.kill("SIGKILL");
        await started.ended;
      }
      await well(azure.run("delete-aks-all", ["--yes"], { fleet }));
      expect(await thingsIn(azure)).toEqual(empty);
    }, speed);
  } catch (error) {
    throw new Error(`with AZURE_CRASH_SEED=${seed}`, { cause: error });
  }
});

test.concurrent("an interrupted create ends at once, and the next one joins what Azure has gone on with", async () => {
  await inAzure(async (azure) => {
    const fleet = fleetOf(aks(1));
    await azure.openFor(fleet);
    const started = azure.start("create-aks-all", [], { fleet });
    for (let isMade = false; !isMade; await Bun.sleep(10)) {
      const calls = await azure.daemon.cloudCalls({ clear: true });
      isMade = calls.some(({ service, action }) => service === "managedClusters" && action === "write");
    }
    const interruptedAt = performance.now();
    started.kill("SIGINT");
    const interrupted = await started.ended;
    expect(performance.now() - interruptedAt).toBeLessThan(5_000);
    expect(interrupted.exitCode).toBe(130);
    expect(endedAs(interrupted, "failed")).toEqual([]);
    expect(endedAs(interrupted, "cancelled")).toContain(`${k01}/cluster`);
    expect(interrupted.results[`${k01}/cluster`]?.goesOn).toBe("Azure goes on with it");

    await azure.calls();
    const second = azure.start("create-aks-all", [], { fleet });
    await second.printed("Azure is at work on it: Creating");
    // What it has seen under way may go on now.
    await azure.sandbox("up", "--speed", "20");
    await well(second.ended);
    const written = (await azure.calls()).filter(isChanging).map(({ service }) => service);
    expect(written).not.toContain("managedClusters");
    // So slow that the cluster is still being created when the second one comes.
  }, 0.2);
});

test.concurrent("an interrupted delete goes on in Azure: another one joins it, a create waits for its end", async () => {
  await inAzure(async (azure) => {
    const fleet = fleetOf(aks(1));
    await well(azure.run("create-aks-all", [], { fleet }));
    for (const task of ["delete-aks-all", "create-aks-all"]) {
      await azure.sandbox("up", "--speed", "0.2");
      await azure.calls();
      const started = azure.start("delete-aks-all", ["--yes"], { fleet });
      for (let isBegun = false; !isBegun; await Bun.sleep(10)) {
        const calls = await azure.daemon.cloudCalls({ clear: true });
        isBegun = calls.some(({ service, action }) => service === "managedClusters" && action === "delete");
      }
      started.kill("SIGINT");
      const interrupted = await started.ended;
      expect([interrupted.exitCode, endedAs(interrupted, "failed")]).toEqual([130, []]);
      expect(interrupted.results[`${k01}/cluster`]?.goesOn).toBe("Azure goes on deleting it");
      const next = azure.start(task, task === "delete-aks-all" ? ["--yes"] : [], { fleet });
      await next.printed("Deleting");
      await azure.sandbox("up", "--speed", "20");
      await well(next.ended);
      const writes = (await azure.calls()).filter(isChanging).filter(({ service }) => service === "managedClusters");
      expect(writes.map(({ action }) => action)).toEqual(task === "delete-aks-all" ? [] : ["write"]);
      // What the second round deletes.
      if (task === "delete-aks-all") await well(azure.run("create-aks-all", [], { fleet }));
    }
    await well(azure.run("status", [], { fleet }));
  });
});

test.concurrent("two commands at once make everything once", async () => {
  await inAzure(async (azure) => {
    const fleet = fleetOf(aks(1), aks(2));
    await azure.openFor(fleet);
    const runs = await Promise.all([
      well(azure.run("create-aks-all", [], { fleet })),
      well(azure.run("create-aks-all", [], { fleet })),
      well(azure.run("create/aks/k02-k8s-az-mylabs-dev", [], { fleet })),
    ]);
    for (const one of [`${k01}/cluster`, `${k01}/zone`, `${k01}/group`, `${k01}/delegation`]) {
      expect(runs.flatMap((run) => endedAs(run, "made")).filter((id) => id === one)).toEqual([one]);
    }
    const writes = (await azure.calls()).filter(
      ({ service, action }) => `${service}:${action}` === "managedClusters:write",
    );
    expect(writes.map(({ error }) => error)).toEqual([undefined, undefined]);
    await well(azure.run("status", [], { fleet }));
  });
});

test.concurrent("somebody else's operation on a cluster is waited for, then what is missing is changed", async () => {
  await inAzure(async (azure) => {
    const fleet = fleetOf(aks(1));
    await well(azure.run("create-aks-all", [], { fleet }));
    const neighbour = await azure.neighbour();
    await azure.sandbox("up", "--speed", "0.2");
    const found = await neighbour.get(aksOfK01);
    await neighbour.put(aksOfK01, { ...found, tags: { ...found?.tags, owner: "somebody" } });
    await azure.calls();
    const changed = fleetOf(aks(1, "azure-01", { publicAccessCidrs: ["198.51.100.0/24"] }));
    const run = azure.start("create-aks-all", [], { fleet: changed });
    await run.printed("Azure is at work on it: Updating");
    expect((await azure.calls()).filter(isChanging)).toEqual([]);
    await azure.sandbox("up", "--speed", "20");
    const joined = await well(run.ended);
    expect(joined.results[`${k01}/cluster`]?.changes.map(({ field }) => field)).toEqual([
      "apiServerAccessProfile.authorizedIPRanges",
    ]);
    const after = await neighbour.get(aksOfK01);
    expect([after?.tags?.owner, after?.properties.apiServerAccessProfile.authorizedIPRanges]).toEqual([
      "somebody",
      ["198.51.100.0/24"],
    ]);
  });
});

test.concurrent("a cluster whose creation failed is shown, and repaired by writing it again", async () => {
  await inAzure(async (azure) => {
    const fleet = fleetOf(aks(1));
    await azure.openFor(fleet);
    await azure.daemon.operate("azure", "fail-provisioning", {
      subscription: subscriptions["azure-01"],
      code: "AllocationFailed",
      message: "no capacity for the VM size in this region",
    });
    const failed = await azure.run("create-aks-all", [], { fleet });
    expect(failed.exitCode).toBe(1);
    expect(Object.keys(errorsOf(failed))).toEqual([`${k01}/cluster`]);
    expect(errorsOf(failed)[`${k01}/cluster`]).toContain("no capacity for the VM size in this region");
    const status = await azure.run("status", [], { fleet });
    expect(status.results[`${k01}/cluster`]).toMatchObject({
      outcome: "degraded",
      health: { summary: expect.stringContaining("no capacity for the VM size in this region") },
    });
    await azure.calls();
    const planned = await azure.run("plan", [], { fleet });
    expect(planned.results[`${k01}/cluster`]?.changes).toEqual([
      { field: "provisioningState", from: "Failed", to: "Succeeded", effect: "in-place" },
    ]);
    const repaired = await well(azure.run("create-aks-all", [], { fleet }));
    expect(endedAs(repaired, "updated")).toContain(`${k01}/cluster`);
    const changes = (await azure.calls()).filter(isChanging);
    expect(changes.filter(({ action }) => action === "delete")).toEqual([]);
    expect(changes.filter(({ service }) => service === "managedClusters").length).toBe(1);
    await well(azure.run("status", [], { fleet }));
  });
});

test.concurrent("a sandbox that is killed in the middle goes on with what Azure had begun", async () => {
  await inAzure(async (azure) => {
    const fleet = fleetOf(aks(1));
    await azure.openFor(fleet);
    const started = azure.start("create-aks-all", [], { fleet });
    for (let isMade = false; !isMade; await Bun.sleep(10)) {
      const calls = await azure.daemon.cloudCalls({ clear: true });
      isMade = calls.some(({ service, action }) => service === "managedClusters" && action === "write");
    }
    // Written to the disk within a second.
    await Bun.sleep(1_500);
    process.kill(await azure.daemon.ping(), "SIGKILL");
    started.kill("SIGKILL");
    await started.ended;
    await well(azure.run("create-aks-all", [], { fleet }));
    const made = (await azure.calls()).filter(isChanging).filter(({ service }) => service === "managedClusters");
    expect(made).toEqual([]);
    await well(azure.run("status", [], { fleet }));
  }, 4);
});
