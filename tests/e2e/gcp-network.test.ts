import { expect, setDefaultTimeout, test } from "bun:test";
import { isChanging } from "#tests/support/cloud-sandbox.ts";
import { fleetOf, type GcpStory, gke, inGcp, writeCompute } from "#tests/support/gcp-story.ts";
import { endedAs, errorsOf, well } from "#tests/support/story.ts";

setDefaultTimeout(120_000);

const fleet = fleetOf(gke(1));
const k01 = "gcp/gcp-01/k01.k8s.gcp.mylabs.dev";
const name = "k01-k8s-gcp-mylabs-dev";
const compute = "compute/projects/story-01";
const network = `${compute}/global/networks/${name}`;
const firewalls = `${compute}/global/firewalls`;
const placed = (region: string) => ({
  subnetwork: `${compute}/regions/${region}/subnetworks/${name}`,
  router: `${compute}/regions/${region}/routers/${name}`,
});
const { subnetwork, router } = placed("us-east1");
const cluster = `container/v1/projects/story-01/locations/us-east1/clusters/${name}`;

/** What others write by Google's API. */
async function write(gcp: GcpStory, method: string, path: string, body?: object): Promise<void> {
  await writeCompute(await gcp.neighbour(), method, path, body);
}

test.concurrent("a cluster has a network of its own, whose NAT is put right when others take it away", async () => {
  await inGcp(async (gcp) => {
    await well(gcp.run("create-gke-all", [], { fleet }));
    const call = await gcp.neighbour();
    expect(await call("GET", cluster)).toMatchObject({ network: name, subnetwork: name });
    expect(await call("GET", network)).toMatchObject({
      autoCreateSubnetworks: false,
      description: "k8s-multicluster-gitops, fleet mylabs.dev",
    });
    expect(await call("GET", subnetwork)).toMatchObject({ ipCidrRange: "10.128.0.0/20", privateIpGoogleAccess: true });
    const { nats } = await call("GET", router);
    expect(nats).toMatchObject([{ natIpAllocateOption: "AUTO_ONLY", logConfig: { filter: "ERRORS_ONLY" } }]);
    await gcp.calls();
    const again = await well(gcp.run("create-gke-all", [], { fleet }));
    expect(endedAs(again, "unchanged")).toEqual(expect.arrayContaining([`${k01}/network`, `${k01}/nat`]));
    expect((await gcp.calls()).filter(isChanging)).toEqual([]);

    await write(gcp, "PATCH", router, { nats: [] });
    const planned = await gcp.run("plan", [], { fleet });
    expect(endedAs(planned, "to update")).toEqual([`${k01}/nat`]);
    const repaired = await well(gcp.run("create-gke-all", [], { fleet }));
    expect(endedAs(repaired, "updated")).toEqual([`${k01}/nat`]);
    expect((await call("GET", router)).nats).toEqual(nats);
  });
});

test.concurrent("what GKE left in a network goes with it, and what others made stops its delete", async () => {
  await inGcp(async (gcp) => {
    await well(gcp.run("create-gke-all", [], { fleet }));
    const call = await gcp.neighbour();
    for (const rule of ["k8s-0123456789abcdef-node-http-hc", "theirs"]) {
      await write(gcp, "POST", firewalls, { name: rule, network: `global/networks/${name}` });
    }
    const refused = await gcp.run("delete-gke-all", ["--yes"], { fleet });
    expect(refused.exitCode).toBe(1);
    expect(errorsOf(refused)[`${k01}/network`]).toContain(
      `is already being used by 'projects/story-01/global/firewalls/theirs'`,
    );
    // The zone is what finds it again.
    expect(refused.results[`${k01}/zone`]?.outcome).toBe("blocked");
    expect(await call("GET", cluster)).toBeUndefined();
    expect((await call("GET", firewalls)).items).toMatchObject([{ name: "theirs" }]);
    await write(gcp, "DELETE", `${firewalls}/theirs`);
    await well(gcp.run("delete-gke-all", ["--yes"], { fleet }));
    for (const path of [network, subnetwork, router]) expect(await call("GET", path)).toBeUndefined();
  });
});

test.concurrent("a network of others is not taken, unless it is adopted", async () => {
  await inGcp(async (gcp) => {
    await gcp.openFor(fleet);
    await well(gcp.run("create/gcp-mgmt", [], { fleet }));
    await well(gcp.run("create/gcp-tenant", [], { fleet }));
    const theirs = { name, autoCreateSubnetworks: false, description: "theirs" };
    await write(gcp, "POST", `${compute}/global/networks`, theirs);
    const refused = await gcp.run("create-gke-all", [], { fleet });
    expect(errorsOf(refused)[`${k01}/network`]).toContain("(ForeignResource)");
    await well(gcp.run("create-gke-all", ["--adopt"], { fleet }));
    const kept = await gcp.run("delete-gke-all", ["--yes"], { fleet });
    expect(errorsOf(kept)[`${k01}/network`]).toContain("(ForeignResource)");
    await well(gcp.run("delete-gke-all", ["--yes", "--adopt"], { fleet }));
    const call = await gcp.neighbour();
    expect(await call("GET", network)).toBeUndefined();
  });
});

test.concurrent("a create that is killed between network and subnetwork is finished by the next one", async () => {
  await inGcp(async (gcp) => {
    await gcp.openFor(fleet);
    const started = gcp.start("create-gke-all", [], { fleet });
    for (let isMade = false; !isMade; await Bun.sleep(5)) {
      const calls = await gcp.daemon.cloudCalls({ clear: true });
      isMade = calls.some(({ service, action }) => `${service}:${action}` === "networks:insert");
    }
    started.kill("SIGKILL");
    await started.ended;
    const call = await gcp.neighbour();
    expect(await call("GET", subnetwork)).toBeUndefined();
    await gcp.calls();
    await well(gcp.run("create-gke-all", [], { fleet }));
    const inserted = (await gcp.calls()).filter(({ action }) => action === "insert");
    expect(inserted.filter(({ error }) => error === undefined).map(({ service }) => service)).toEqual([
      "subnetworks",
      "routers",
    ]);
    await well(gcp.run("status", [], { fleet }));
  }, 2);
});

test.concurrent("a cluster that moves keeps its network; nothing is left behind, though the move was killed", async () => {
  await inGcp(async (gcp) => {
    await well(gcp.run("create-gke-all", [], { fleet }));
    const call = await gcp.neighbour();
    const { id } = await call("GET", network);
    const moved = fleetOf(gke(1, "gcp-01", { region: "europe-west1" }));
    // As after a delete that was killed: what is left is found by the subnetwork.
    await call("DELETE", cluster);
    while ((await call("GET", cluster)) !== undefined) await Bun.sleep(20);
    const refused = await gcp.run("create-gke-all", [], { fleet: moved });
    expect(Object.values(errorsOf(refused)).join("\n")).toContain("--allow-replacement");
    await well(gcp.run("create-gke-all", ["--allow-replacement"], { fleet: moved }));
    for (const path of [subnetwork, router]) expect(await call("GET", path)).toBeUndefined();
    for (const path of Object.values(placed("europe-west1"))) expect(await call("GET", path)).toMatchObject({ name });
    expect(await call("GET", network)).toMatchObject({ id });

    await call("DELETE", cluster.replace("us-east1", "europe-west1"));
    while ((await call("GET", cluster.replace("us-east1", "europe-west1"))) !== undefined) await Bun.sleep(20);
    await well(gcp.run("delete-all", ["--orphans", "--yes"], { fleet: { ...fleet, clusters: [] } }));
    for (const path of [network, ...Object.values(placed("europe-west1"))]) {
      expect(await call("GET", path)).toBeUndefined();
    }
  });
});

test.concurrent("a quota of networks is told in Google's words", async () => {
  await inGcp(async (gcp) => {
    await gcp.openFor(fleet);
    const message = "Quota 'NETWORKS' exceeded.  Limit: 5.0 globally.";
    await gcp.daemon.operate("gcp", "fail-network-operation", { project: "story-01", message });
    const failed = await gcp.run("create-gke-all", [], { fleet });
    expect(errorsOf(failed)[`${k01}/network`]).toContain("a quota is exhausted: Quota 'NETWORKS' exceeded.");
    expect(errorsOf(failed)[`${k01}/network`]).toContain("(QuotaExceeded)");
    await well(gcp.run("create-gke-all", [], { fleet }));
  });
});
