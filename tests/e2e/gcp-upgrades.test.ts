import { expect, setDefaultTimeout, test } from "bun:test";
import type { Fleet } from "#lib/fleet/types.ts";
import type { GkeCluster } from "#lib/gcp/fleet/types.ts";
import { isChanging } from "#tests/support/cloud-sandbox.ts";
import { fleetOf, gke, inGcp } from "#tests/support/gcp-story.ts";
import { differences, endedAs, errorsOf, well } from "#tests/support/story.ts";

// Some wait until others are done.
setDefaultTimeout(240_000);

const name = "k01.k8s.gcp.mylabs.dev";
const k01 = `gcp/gcp-01/${name}`;
const cluster = "container/v1/projects/story-01/locations/us-east1/clusters/k01-k8s-gcp-mylabs-dev";
const zone = "dns/dns/v1/projects/story-01/managedZones/k01-k8s-gcp-mylabs-dev";
const parent = "dns/dns/v1/projects/story-mgmt/managedZones/k8s-gcp-mylabs-dev";

const at = (others: Partial<GkeCluster>): Fleet => fleetOf(gke(1, "gcp-01", others));

test.concurrent("a cluster is changed in place where GKE can, and is raised by one version", async () => {
  await inGcp(async (gcp) => {
    const before = { kubernetes: "1.34" } as const;
    await well(gcp.run("create-gke-all", [], { fleet: at(before) }));
    const call = await gcp.neighbour();
    const { id } = await call("GET", cluster);

    for (const task of ["plan", "create-gke-all"]) {
      const leap = await gcp.run(task, [], { fleet: at({ kubernetes: "1.36" }) });
      expect([leap.exitCode, Object.keys(errorsOf(leap))]).toEqual([1, [`${k01}/cluster`]]);
      expect(errorsOf(leap)[`${k01}/cluster`]).toStartWith(
        [
          `${name}: GKE raises Kubernetes by one minor version at a time (UpgradeRefused)`,
          'hint: write kubernetes: "1.35" and run create, then the next one, up to "1.36"',
          "it has 1.34.",
        ].join("\n"),
      );
    }
    const after = { kubernetes: "1.35", releaseChannel: "rapid", publicAccessCidrs: ["203.0.113.0/24"] } as const;
    const planned = await gcp.run("plan", [], { fleet: at(after) });
    const changes = planned.results[`${k01}/cluster`]?.changes ?? [];
    expect(new Set(changes.map(({ field, effect }) => `${field.replace(/\..*$/, "")} ${effect}`))).toEqual(
      new Set(["controlPlaneEndpointsConfig in-place", "currentMasterVersion in-place", "releaseChannel in-place"]),
    );
    const updated = await well(gcp.run("create-gke-all", [], { fleet: at(after) }));
    expect(endedAs(updated, "updated")).toEqual([`${k01}/cluster`]);
    const found = await call("GET", cluster);
    expect([found.id, found.releaseChannel.channel]).toEqual([id, "RAPID"]);
    expect(found.currentMasterVersion).toStartWith("1.35.");
    expect(found.currentNodeVersion).toStartWith("1.35.");
    await well(gcp.run("status", [], { fleet: at(after) }));

    // GKE raises clusters by itself: the fleet's version is the lowest that it may have.
    const lowered = await well(gcp.run("create-gke-all", [], { fleet: at({ ...after, kubernetes: "1.34" }) }));
    expect(differences(lowered)).toEqual({});
  });
});

const replacing: Readonly<Record<string, readonly [Partial<GkeCluster>, readonly string[]]>> = {
  mode: [{ mode: "autopilot" }, ["autopilot.enabled"]],
  "machine type": [
    { mode: "standard", nodePool: { machineType: "e2-standard-8", countPerZone: 1 } },
    ["nodePools[default].config.machineType"],
  ],
  podCidr: [{ mode: "standard", podCidr: "10.64.0.0/16" }, ["ipAllocationPolicy.clusterIpv4CidrBlock"]],
  serviceCidr: [{ mode: "standard", serviceCidr: "172.20.0.0/16" }, ["ipAllocationPolicy.servicesIpv4CidrBlock"]],
};

test.concurrent("what is fixed for the life of a cluster replaces it, once that is allowed", async () => {
  await inGcp(async (gcp) => {
    await well(gcp.run("create-gke-all", [], { fleet: at({ mode: "standard" }) }));
    const call = await gcp.neighbour();
    const { id } = await call("GET", cluster);
    for (const [title, [others, changes]] of Object.entries(replacing)) {
      const planned = await gcp.run("plan", [], { fleet: at(others) });
      expect([title, planned.results[`${k01}/cluster`]?.outcome, differences(planned)]).toEqual([
        title,
        "to replace",
        expect.objectContaining({ [`${k01}/cluster`]: changes }),
      ]);
    }
    const refused = await gcp.run("create-gke-all", [], { fleet: at({}) });
    expect(errorsOf(refused)[`${k01}/cluster`]).toContain("(ReplacementRequired)\nhint: run again with --allow-");
    expect((await call("GET", cluster)).id).toBe(id);
    const replaced = await well(gcp.run("create-gke-all", ["--allow-replacement"], { fleet: at({}) }));
    expect(endedAs(replaced, "replaced")).toEqual([`${k01}/cluster`]);
    expect(await call("GET", cluster)).toMatchObject({ autopilot: { enabled: true }, status: "RUNNING" });
    await well(gcp.run("status", [], { fleet: at({}) }));
  });
});

test.concurrent("name servers, access to the zone and labels that others change are shown and put right", async () => {
  await inGcp(async (gcp) => {
    const fleet = at({});
    await well(gcp.run("create-gke-all", [], { fleet }));
    const call = await gcp.neighbour();
    const { rrsets } = await call("GET", `${parent}/rrsets?name=${name}.&type=NS`);
    const wrong = { ...rrsets[0], rrdatas: ["ns.example.org."] };
    await call("POST", `${parent}/changes`, { deletions: rrsets, additions: [wrong] });
    const theirs = { role: "roles/dns.reader", members: ["user:boss@example.org"] };
    const policy = await call("POST", `${zone}:getIamPolicy`, {});
    await call("POST", `${zone}:setIamPolicy`, { policy: { ...policy, bindings: [theirs] } });
    const { labelFingerprint, resourceLabels } = await call("GET", cluster);
    await call("POST", `${cluster}:setResourceLabels`, {
      resourceLabels: { ...resourceLabels, cluster: "other", team: "a" },
      labelFingerprint,
    });
    while ((await call("GET", cluster)).resourceLabels.team !== "a") await Bun.sleep(20);

    await gcp.calls();
    expect(differences(await gcp.run("plan", [], { fleet }))).toEqual({
      [`${k01}/delegation`]: ["name servers"],
      [`${k01}/cluster`]: ["labels.cluster"],
      [`${k01}/workloads`]: "to make",
    });
    expect((await gcp.run("status", [], { fleet })).exitCode).toBe(1);
    expect((await gcp.calls()).filter(isChanging)).toEqual([]);

    await well(gcp.run("create-gke-all", [], { fleet }));
    await well(gcp.run("status", [], { fleet }));
    expect((await call("GET", cluster)).resourceLabels).toEqual({ ...resourceLabels, team: "a" });
    const { bindings } = await call("POST", `${zone}:getIamPolicy`, {});
    expect(bindings).toEqual([...policy.bindings, theirs]);
    expect(differences(await well(gcp.run("create-gke-all", [], { fleet })))).toEqual({});
  });
});
