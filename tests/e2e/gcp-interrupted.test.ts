import { expect, setDefaultTimeout, test } from "bun:test";
import { type CloudCall, isChanging, type Started } from "#tests/support/cloud-sandbox.ts";
import { fleetOf, type GcpStory, gke, inGcp, projects } from "#tests/support/gcp-story.ts";
import { endedAs, errorsOf, well } from "#tests/support/story.ts";

// Some wait until others are done.
setDefaultTimeout(240_000);

const name = "k01.k8s.gcp.mylabs.dev";
const k01 = `gcp/gcp-01/${name}`;
const { projectId } = projects["gcp-01"];
const gkeClusters = (region: string): string => `container/v1/projects/${projectId}/locations/${region}/clusters`;
const gkeOfK01 = `${gkeClusters("us-east1")}/k01-k8s-gcp-mylabs-dev`;
const zonesIn = (project: string): string => `dns/dns/v1/projects/${project}/managedZones`;
/** Slower than elsewhere, so that something is under way whenever a run ends. */
const speed = 10;

/** Waits until a run has made Google that many calls, or has ended. @returns those that change something */
async function untilCalls(gcp: GcpStory, { ended }: Started, count: number): Promise<readonly CloudCall[]> {
  let isOver = false;
  void ended.finally(() => {
    isOver = true;
  });
  const changing: CloudCall[] = [];
  for (let seen = 0; seen < count && !isOver; await Bun.sleep(10)) {
    const calls = await gcp.daemon.cloudCalls({ clear: true });
    seen += calls.length;
    changing.push(...calls.filter(isChanging));
  }
  return changing;
}

/** Waits until a run has called this, as `clusters:create`. */
async function untilCalled(gcp: GcpStory, call: string): Promise<void> {
  for (let isMade = false; !isMade; await Bun.sleep(10)) {
    const calls = await gcp.daemon.cloudCalls({ clear: true });
    isMade = calls.some(({ service, action }) => `${service}:${action}` === call);
  }
}

async function clusterCalls(gcp: GcpStory): Promise<readonly CloudCall[]> {
  return (await gcp.calls()).filter(isChanging).filter(({ service }) => service === "clusters");
}

/** The same numbers for the same seed. @returns whole numbers from 0 to below `limit` */
function randomNumbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * limit);
  };
}

/** All that runs make of clusters and for them; twice the same are two of them. */
async function thingsIn(gcp: GcpStory): Promise<readonly string[]> {
  const call = await gcp.neighbour();
  const { clusters = [] }: { readonly clusters?: readonly Named[] } = await call("GET", gkeClusters("-"));
  const { managedZones = [] }: { readonly managedZones?: readonly Named[] } = await call("GET", zonesIn(projectId));
  const parent = `${zonesIn(projects["gcp-mgmt"].projectId)}/k8s-gcp-mylabs-dev`;
  const { rrsets }: { readonly rrsets: readonly Named[] } = await call("GET", `${parent}/rrsets`);
  const policies = [
    `cloudresourcemanager/v3/projects/${projectId}`,
    ...managedZones.map((zone) => `${zonesIn(projectId)}/${zone.name}`),
  ];
  const granted = policies.map(async (path) => {
    const { bindings = [] }: Policy = await call("POST", `${path}:getIamPolicy`, {});
    return bindings.flatMap(({ role, members }) => members.map((member) => `${path} ${role} ${member}`));
  });
  return [
    ...clusters.map((cluster) => `${cluster.name} ${cluster.status}`),
    ...managedZones.map((zone) => zone.name),
    ...rrsets.map((set) => `${set.type} ${set.name}`),
    ...(await Promise.all(granted)).flat(),
  ].sort();
}

interface Named {
  readonly name: string;
  /** Of a cluster. */
  readonly status?: string;
  /** Of a record set. */
  readonly type?: string;
}

interface Policy {
  readonly bindings?: readonly { readonly role: string; readonly members: readonly string[] }[];
}

test.concurrent("creates that are killed at any moment are finished by the next one, and deletes as well", async () => {
  const seed = Number(Bun.env.GCP_CRASH_SEED ?? Date.now() % 100_000);
  const random = randomNumbers(seed);
  try {
    await inGcp(async (gcp) => {
      const fleet = fleetOf(gke(1), gke(2));
      await well(gcp.run("create-gke-all", [], { fleet }));
      const whole = await thingsIn(gcp);
      await well(gcp.run("delete-gke-all", ["--yes"], { fleet }));
      const empty = await thingsIn(gcp);
      await gcp.calls();

      const writes: CloudCall[] = [];
      for (let round = 0; round < 8; round++) {
        const started = gcp.start("create-gke-all", [], { fleet });
        writes.push(...(await untilCalls(gcp, started, 10 + random(90))));
        started.kill("SIGKILL");
        await started.ended;
        writes.push(...(await gcp.calls()).filter(isChanging));
      }
      await well(gcp.run("create-gke-all", [], { fleet }));
      writes.push(...(await gcp.calls()).filter(isChanging));
      expect(await thingsIn(gcp)).toEqual(whole);
      const creates = writes.filter(({ service, action }) => service === "clusters" && action === "create");
      expect(creates.map(({ error }) => error)).toEqual([undefined, undefined]);
      await well(gcp.run("status", [], { fleet }));

      for (let round = 0; round < 5; round++) {
        const started = gcp.start("delete-gke-all", ["--yes"], { fleet });
        await untilCalls(gcp, started, 40 + random(60));
        started.kill("SIGKILL");
        await started.ended;
      }
      await well(gcp.run("delete-gke-all", ["--yes"], { fleet }));
      expect(await thingsIn(gcp)).toEqual(empty);
    }, speed);
  } catch (error) {
    throw new Error(`with GCP_CRASH_SEED=${seed}`, { cause: error });
  }
});

test.concurrent("an interrupted create ends at once, and the next one joins what GKE has gone on with", async () => {
  await inGcp(async (gcp) => {
    const fleet = fleetOf(gke(1));
    await gcp.openFor(fleet);
    const started = gcp.start("create-gke-all", [], { fleet });
    await started.printed("GKE: create cluster");
    const interruptedAt = performance.now();
    started.kill("SIGINT");
    const interrupted = await started.ended;
    expect(performance.now() - interruptedAt).toBeLessThan(5_000);
    expect([interrupted.exitCode, endedAs(interrupted, "failed")]).toEqual([130, []]);
    expect(endedAs(interrupted, "cancelled")).toContain(`${k01}/cluster`);
    expect(interrupted.results[`${k01}/cluster`]?.goesOn).toBe("GKE goes on with create cluster");

    await gcp.calls();
    const second = gcp.start("create-gke-all", [], { fleet });
    await second.printed("joining create cluster");
    // What it has seen under way may go on now.
    await gcp.sandbox("up", "--speed", "20");
    await well(second.ended);
    expect(await clusterCalls(gcp)).toEqual([]);
    // So slow that the cluster is still being created when the second one comes.
  }, 0.2);
});

test.concurrent("an interrupted delete goes on in GKE: another one joins it, a create waits for its end", async () => {
  await inGcp(async (gcp) => {
    const fleet = fleetOf(gke(1));
    await well(gcp.run("create-gke-all", [], { fleet }));
    for (const task of ["delete-gke-all", "create-gke-all"]) {
      await gcp.sandbox("up", "--speed", "0.2");
      await gcp.calls();
      const started = gcp.start("delete-gke-all", ["--yes"], { fleet });
      await started.printed("GKE: delete cluster");
      started.kill("SIGINT");
      const interrupted = await started.ended;
      expect([interrupted.exitCode, endedAs(interrupted, "failed")]).toEqual([130, []]);
      expect(interrupted.results[`${k01}/cluster`]).toMatchObject({ goesOn: "GKE goes on with delete cluster" });
      await gcp.calls();
      const next = gcp.start(task, task === "delete-gke-all" ? ["--yes"] : [], { fleet });
      await next.printed("delete cluster");
      await gcp.sandbox("up", "--speed", "20");
      await well(next.ended);
      const created = task === "delete-gke-all" ? [] : ["create"];
      expect((await clusterCalls(gcp)).map(({ action }) => action)).toEqual(created);
      // What the second round deletes.
      if (task === "delete-gke-all") await well(gcp.run("create-gke-all", [], { fleet }));
    }
    await well(gcp.run("status", [], { fleet }));
  });
});

test.concurrent("two commands at once make everything once", async () => {
  await inGcp(async (gcp) => {
    const fleet = fleetOf(gke(1), gke(2));
    await gcp.openFor(fleet);
    const runs = await Promise.all([
      well(gcp.run("create-gke-all", [], { fleet })),
      well(gcp.run("create-gke-all", [], { fleet })),
      well(gcp.run("create/gke/k02-k8s-gcp-mylabs-dev", [], { fleet })),
    ]);
    for (const one of [`${k01}/cluster`, `${k01}/zone`, `${k01}/delegation`]) {
      expect(runs.flatMap((run) => endedAs(run, "made")).filter((id) => id === one)).toEqual([one]);
    }
    const things = await thingsIn(gcp);
    expect(things.filter((one) => one.endsWith(" RUNNING"))).toEqual([
      "k01-k8s-gcp-mylabs-dev RUNNING",
      "k02-k8s-gcp-mylabs-dev RUNNING",
    ]);
    expect(things.length).toBe(new Set(things).size);
    await well(gcp.run("status", [], { fleet }));
  });
});

test.concurrent("somebody else's operation on a cluster is waited for, then what is missing is changed", async () => {
  await inGcp(async (gcp) => {
    const fleet = fleetOf(gke(1));
    await well(gcp.run("create-gke-all", [], { fleet }));
    const call = await gcp.neighbour();
    await gcp.sandbox("up", "--speed", "0.2");
    const update = { desiredNotificationConfig: { pubsub: { enabled: false } } };
    await call("PUT", gkeOfK01, { update });
    const changed = fleetOf(gke(1, "gcp-01", { releaseChannel: "rapid" }));
    const run = gcp.start("create-gke-all", [], { fleet: changed });
    await run.printed("joining update cluster");
    await gcp.sandbox("up", "--speed", "20");
    const joined = await well(run.ended);
    expect(joined.results[`${k01}/cluster`]?.changes.map(({ field }) => field)).toEqual(["releaseChannel.channel"]);
    expect(await call("GET", gkeOfK01)).toMatchObject({
      status: "RUNNING",
      releaseChannel: { channel: "RAPID" },
      notificationConfig: { pubsub: {} },
    });
  });
});

test.concurrent("a cluster whose creation failed is shown, and is replaced once that is allowed", async () => {
  await inGcp(async (gcp) => {
    const fleet = fleetOf(gke(1));
    await gcp.openFor(fleet);
    const message = "us-east1-b does not have enough machines";
    await gcp.daemon.operate("gcp", "fail-operation", { project: projectId, message });
    const failed = await gcp.run("create-gke-all", [], { fleet });
    expect([failed.exitCode, Object.keys(errorsOf(failed))]).toEqual([1, [`${k01}/cluster`]]);
    expect(errorsOf(failed)[`${k01}/cluster`]).toContain(message);
    const status = await gcp.run("status", [], { fleet });
    expect(status.results[`${k01}/cluster`]).toMatchObject({
      outcome: "degraded",
      health: { summary: `ERROR: ${message}` },
    });
    await gcp.calls();
    const planned = await gcp.run("plan", [], { fleet });
    expect(planned.results[`${k01}/cluster`]).toMatchObject({
      outcome: "to replace",
      changes: [{ field: "status", from: "ERROR", to: "RUNNING", effect: "replace" }],
    });
    const refused = await gcp.run("create-gke-all", [], { fleet });
    expect(errorsOf(refused)[`${k01}/cluster`]).toContain("(ReplacementRequired)\nhint: run again with --allow-");
    expect(await clusterCalls(gcp)).toEqual([]);
    const replaced = await well(gcp.run("create-gke-all", ["--allow-replacement"], { fleet }));
    expect(endedAs(replaced, "replaced")).toEqual([`${k01}/cluster`]);
    expect((await clusterCalls(gcp)).map(({ action }) => action)).toEqual(["delete", "create"]);
    await well(gcp.run("status", [], { fleet }));
  });
});

test.concurrent("a sandbox that is killed in the middle goes on with what GKE had begun", async () => {
  await inGcp(async (gcp) => {
    const fleet = fleetOf(gke(1));
    await gcp.openFor(fleet);
    const started = gcp.start("create-gke-all", [], { fleet });
    await untilCalled(gcp, "clusters:create");
    // Written to the disk within a second.
    await Bun.sleep(1_500);
    process.kill(await gcp.daemon.ping(), "SIGKILL");
    started.kill("SIGKILL");
    await started.ended;
    await well(gcp.run("create-gke-all", [], { fleet }));
    expect(await clusterCalls(gcp)).toEqual([]);
    await well(gcp.run("status", [], { fleet }));
  }, 4);
});
