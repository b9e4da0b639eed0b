import { expect, setDefaultTimeout, test } from "bun:test";
import { fleetOf, gke, inGcp } from "#tests/support/gcp-story.ts";
import { endedAs, errorsOf, well } from "#tests/support/story.ts";

setDefaultTimeout(120_000);

const fleet = fleetOf(gke(1));
const k01 = "gcp/gcp-01/k01.k8s.gcp.mylabs.dev";
const zone = "dns/dns/v1/projects/story-01/managedZones/k01-k8s-gcp-mylabs-dev";
const project = "cloudresourcemanager/v3/projects/story-01";
const cluster = "container/v1/projects/story-01/locations/us-east1/clusters/k01-k8s-gcp-mylabs-dev";

test.concurrent("what others change by hand is put right, and what is theirs stays", async () => {
  await inGcp(async (gcp) => {
    await well(gcp.run("create-gke-all", [], { fleet }));
    const call = await gcp.neighbour();
    const asked = { options: { requestedPolicyVersion: 3 } };
    const before = await call("POST", `${project}:getIamPolicy`, asked);
    const theirs = { role: "roles/viewer", members: ["user:boss@example.org"] };
    const taken = ["roles/container.admin", "roles/dns.reader"];
    const bindings = [...before.bindings.filter(({ role }: { role: string }) => !taken.includes(role)), theirs];
    await call("POST", `${project}:setIamPolicy`, { policy: { ...before, version: 3, bindings } });
    await call("PATCH", zone, { labels: { project: "k8s-multicluster-gitops", fleet: "mylabs-dev", team: "a" } });

    const planned = await gcp.run("plan", [], { fleet });
    // The role that was taken away is also what lets into the cluster.
    const kubeconfig = "gcp/gcp-01/kubeconfig/k01.k8s.gcp.mylabs.dev";
    expect(endedAs(planned, "to update")).toEqual([
      "gcp/gcp-01/clusters/access",
      `${k01}/workloads`,
      `${k01}/zone`,
      kubeconfig,
    ]);
    expect(planned.results[`${k01}/workloads`]?.changes.map(({ field }) => field)).toEqual(Array(2).fill(taken[1]));
    await well(gcp.run("create-gke-all", [], { fleet }));
    const after = await call("POST", `${project}:getIamPolicy`, asked);
    expect(after.bindings).toContainEqual(theirs);
    expect(after.bindings.map(({ role }: { role: string }) => role)).toEqual(expect.arrayContaining(taken));
    expect((await call("GET", zone)).labels).toMatchObject({ team: "a", cluster: "k01-k8s-gcp-mylabs-dev" });
  });
});

test.concurrent("a zone with records of others, and a cluster without our labels, are not deleted", async () => {
  await inGcp(async (gcp) => {
    await well(gcp.run("create-gke-all", [], { fleet }));
    const call = await gcp.neighbour();
    const record = { name: "www.k01.k8s.gcp.mylabs.dev.", type: "A", ttl: 300, rrdatas: ["192.0.2.1"] };
    await call("POST", `${zone}/changes`, { additions: [record] });
    const refused = await gcp.run("delete-gke-all", ["--yes"], { fleet });
    expect(refused.exitCode).toBe(1);
    expect(errorsOf(refused)[`${k01}/zone`]).toContain("A www.k01.k8s.gcp.mylabs.dev");
    await call("POST", `${zone}/changes`, { deletions: [record] });

    await well(gcp.run("create-gke-all", [], { fleet }));
    const { labelFingerprint } = await call("GET", cluster);
    await call("POST", `${cluster}:setResourceLabels`, { resourceLabels: { team: "a" }, labelFingerprint });
    await gcp.calls();
    const foreign = await gcp.run("delete-gke-all", ["--yes"], { fleet });
    expect(errorsOf(foreign)[`${k01}/cluster`]).toContain("(ForeignResource)");
    expect((await call("GET", cluster)).status).toBe("RUNNING");
  });
});

test.concurrent("orphans are found by the labels of their zones, wherever they are, and zones of others stay", async () => {
  await inGcp(async (gcp) => {
    await well(gcp.run("create-gke-all", [], { fleet: fleetOf(gke(1), gke(2)) }));
    const call = await gcp.neighbour();
    const other = {
      name: "other",
      dnsName: "k09.k8s.gcp.mylabs.dev.",
      description: "",
      labels: { fleet: "other-dev" },
    };
    await call("POST", "dns/dns/v1/projects/story-01/managedZones", other);
    const none = { ...fleet, clusters: [] };
    const deleted = await well(gcp.run("delete-all", ["--orphans", "--yes"], { fleet: none }));
    const clusters = endedAs(deleted, "removed").filter((id) => id.endsWith("/cluster"));
    expect(clusters).toEqual([`${k01}/cluster`, "gcp/gcp-01/k02.k8s.gcp.mylabs.dev/cluster"]);
    expect(await call("GET", cluster)).toBeUndefined();
    expect((await call("GET", "dns/dns/v1/projects/story-01/managedZones")).managedZones).toMatchObject([
      { name: "other" },
    ]);
  });
});
