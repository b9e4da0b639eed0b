import { expect, setDefaultTimeout, test } from "bun:test";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type AccountName, fleetOf, type GcpStory, gke, inGcp, projects } from "#tests/support/gcp-story.ts";
import { openCluster, well } from "#tests/support/story.ts";

// Some wait until others are done.
setDefaultTimeout(240_000);

const github = {
  repository: "example/fleet",
  repositoryId: "123456",
  ownerId: "7890",
  claims: ["ref:refs/heads/main"],
};
const fleet = { ...fleetOf(gke(1)), github };
const nodes = "/api/v1/nodes";

/** How many there are of each kind, with those that Google keeps after a delete. */
async function counts(gcp: GcpStory): Promise<Readonly<Record<string, number>>> {
  const call = await gcp.neighbour();
  const count = async (kind: string, paths: (project: string) => string, ...accounts: readonly AccountName[]) => {
    const answers = accounts.map((account) => call("GET", paths(`projects/${projects[account].projectId}`)));
    const found: readonly (readonly unknown[])[] = (await Promise.all(answers)).map((one) => one?.[kind] ?? []);
    return [kind, found.flat().length] as const;
  };
  const both = ["gcp-mgmt", "gcp-01"] as const;
  const zones = (project: string): string => `dns/dns/v1/${project}/managedZones`;
  const pools = "locations/global/workloadIdentityPools?showDeleted=true";
  return Object.fromEntries([
    await count("managedZones", zones, ...both),
    await count("rrsets", (project) => `${zones(project)}/k8s-gcp-mylabs-dev/rrsets`, "gcp-mgmt"),
    await count("accounts", (project) => `iam/v1/${project}/serviceAccounts`, ...both),
    await count("roles", (project) => `iam/v1/${project}/roles?showDeleted=true`, ...both),
    await count("workloadIdentityPools", (project) => `iam/v1/${project}/${pools}`, "gcp-mgmt"),
    await count("clusters", (project) => `container/v1/${project}/locations/-/clusters`, "gcp-01"),
  ]);
}

// Record sets: NS and SOA, the delegation of the cluster, and its mark.
const made = { managedZones: 3, rrsets: 4, accounts: 3, roles: 3, workloadIdentityPools: 1, clusters: 1 };
const left = { ...made, managedZones: 2, rrsets: 2, clusters: 0 };
const gone = { ...left, managedZones: 0, rrsets: 0, accounts: 0 };

const making = [
  "changes:create",
  "changes:get",
  "clusters:create",
  "clusters:get",
  "clusters:list",
  "globalOperations:get",
  "locations:getServerConfig",
  "managedZones:create",
  "managedZones:get",
  "managedZones:getIamPolicy",
  "managedZones:list",
  "managedZones:setIamPolicy",
  "networks:get",
  "networks:insert",
  "oauth2:token",
  "oauth2:tokeninfo",
  "operations:get",
  "projects:get",
  "projects:getIamPolicy",
  "projects:setIamPolicy",
  "projects:testIamPermissions",
  "providers:create",
  "providers:get",
  "regionOperations:get",
  "resourceRecordSets:list",
  "roles:create",
  "roles:get",
  "routers:get",
  "routers:insert",
  "serviceAccounts:create",
  "serviceAccounts:generateAccessToken",
  "serviceAccounts:get",
  "serviceAccounts:getIamPolicy",
  "serviceAccounts:setIamPolicy",
  "services:batchEnable",
  "services:list",
  "subnetworks:get",
  "subnetworks:insert",
  "workloadIdentityPools:create",
  "workloadIdentityPools:get",
];
const removing = [
  "changes:create",
  "clusters:delete",
  "managedZones:delete",
  "managedZones:patch",
  "networks:delete",
  "routers:delete",
  "subnetworks:delete",
];
const removingTenant = ["projects:setIamPolicy", "roles:delete", "serviceAccounts:delete"];
const removingAll = [...removingTenant, "managedZones:delete", "providers:delete", "workloadIdentityPools:delete"];

test.concurrent.each([
  ["lost", "lost"],
  ["cut", "cut"],
  ["fail:UNAVAILABLE", "fail:INTERNAL"],
])(
  "answers that are %s, or %s on deletes, once cost nothing but time, and make nothing twice",
  async (effect, onDelete) => {
    await inGcp(async (gcp) => {
      await gcp.openFor(fleet);
      /** Runs a task that meets the fault at each of these. */
      const storm = async (targets: readonly string[], task: string, ...args: readonly string[]): Promise<void> => {
        await gcp.calls();
        for (const target of targets) await gcp.fault(target, args.length === 0 ? effect : onDelete);
        await well(gcp.run(task, args, { fleet }));
        await gcp.clearFaults();
        const failed = (await gcp.calls()).flatMap(({ service, action, error }) =>
          ["no answer", "UNAVAILABLE", "INTERNAL"].includes(error ?? "") ? [`${service}:${action}`] : [],
        );
        // The network's operations are not known if the answers that name them are lost: they are waited for by what they make.
        const expected = targets.filter((target) => effect !== "lost" || !/^(global|region)Operations/.test(target));
        expect(failed.sort()).toEqual(expected.toSorted());
      };
      await storm(making, "create-gke-all");
      expect(await counts(gcp)).toEqual(made);
      await well(gcp.run("status", [], { fleet }));
      await storm(removing, "delete-gke-all", "--yes");
      expect(await counts(gcp)).toEqual(left);
      await storm(removingTenant, "delete/gcp-tenant", "--yes");
      await storm(removingAll, "delete/gcp-mgmt", "--yes");
      expect(await counts(gcp)).toEqual(gone);
    });
  },
);

test.concurrent("calls that are throttled or slow again and again are repeated until all is there", async () => {
  await inGcp(async (gcp) => {
    await gcp.openFor(fleet);
    for (let nth = 8; nth < 240; nth += 8) await gcp.fault("*:*", nth % 16 === 0 ? "throttle" : "slow:1500", { nth });
    await well(gcp.run("create-gke-all", [], { fleet }));
    const calls = await gcp.calls();
    expect(calls.filter(({ error }) => error === "RESOURCE_EXHAUSTED").length).toBeWithin(5, 20);
    expect(calls.length).toBeLessThan(240);
    await gcp.clearFaults();
    expect(await counts(gcp)).toEqual(made);
  });
});

test.concurrent("policies that others write at the same time are read again, and nobody's grants get lost", async () => {
  await inGcp(async (gcp) => {
    await gcp.openFor(fleet);
    for (const service of ["projects", "serviceAccounts", "managedZones"]) {
      await gcp.fault(`${service}:setIamPolicy`, "fail:ABORTED", { times: 3 });
    }
    const call = await gcp.neighbour();
    const policy = `cloudresourcemanager/v3/projects/${projects["gcp-01"].projectId}`;
    const read = () => call("POST", `${policy}:getIamPolicy`, { options: { requestedPolicyVersion: 3 } });
    const members: string[] = [];
    let isRunning = true;
    const writing = (async () => {
      while (isRunning && members.length < 20) {
        const found = await read();
        const member = `user:person-${members.length}@example.org`;
        const bindings = [...found.bindings, { role: "roles/viewer", members: [member] }];
        const written = await call("POST", `${policy}:setIamPolicy`, {
          policy: { ...found, version: 3, bindings },
        }).catch((error: unknown) => {
          if (!String(error).includes("ABORTED")) throw error;
        });
        if (written !== undefined) members.push(member);
        await Bun.sleep(150);
      }
    })();
    await well(gcp.run("create-gke-all", [], { fleet }));
    isRunning = false;
    await writing;
    const { bindings } = await read();
    expect(members.length).toBeGreaterThan(5);
    expect(bindings.find(({ role }: { role: string }) => role === "roles/viewer").members.toSorted()).toEqual(
      members.toSorted(),
    );
    await well(gcp.run("status", [], { fleet }));
    expect((await gcp.calls()).filter(({ error }) => error === "ABORTED").length).toBeGreaterThanOrEqual(9);
  });
});

test.concurrent("kubectl gets its token through a storm", async () => {
  await inGcp(async (gcp) => {
    await well(gcp.run("create-gke-all", [], { fleet }));
    const calls = ["oauth2:token", "serviceAccounts:generateAccessToken"];
    for (const effect of ["throttle:1", "fail:UNAVAILABLE", "cut", "lost", "slow:1500"]) {
      await rm(join(gcp.state, ".cache"), { recursive: true });
      await gcp.clearFaults();
      await gcp.calls();
      for (const target of calls) await gcp.fault(target, effect);
      const cluster = await openCluster(gcp, "k01.k8s.gcp.mylabs.dev");
      expect(await cluster.get(nodes, { signal: AbortSignal.timeout(30_000) })).toMatchObject({ kind: "NodeList" });
      const failed = (await gcp.calls()).filter(({ error }) => error !== undefined);
      expect([effect, failed.length]).toEqual([effect, effect.startsWith("slow") ? 0 : 2]);
    }
  });
});
