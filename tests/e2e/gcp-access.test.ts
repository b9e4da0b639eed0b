import { expect, setDefaultTimeout, test } from "bun:test";
import type { Fleet } from "#lib/fleet/types.ts";
import { managingClusters } from "#lib/gcp/permissions.ts";
import methods from "#sandbox/gcp/authorization/methods.json";
import { type CloudCall, isChanging } from "#tests/support/cloud-sandbox.ts";
import { fleetOf, gke, inGcp, projects } from "#tests/support/gcp-story.ts";
import { endedAs, errorsOf, well } from "#tests/support/story.ts";

setDefaultTimeout(120_000);

const github = {
  repository: "example/k8s-multicluster-gitops",
  repositoryId: "1000000001",
  ownerId: "2000000002",
  claims: ["ref:refs/heads/main"],
  readClaims: ["pull_request"],
};
const fleet: Fleet = { ...fleetOf(gke(1)), github };
const both: Fleet = { ...fleetOf(gke(1), gke(2)), github };
const k01 = "gcp/gcp-01/k01.k8s.gcp.mylabs.dev";
const k02 = "gcp/gcp-01/k02.k8s.gcp.mylabs.dev";

test.concurrent("a job of GitHub makes clusters by the chain of service accounts, other jobs get nowhere", async () => {
  await inGcp(async (gcp) => {
    await well(gcp.run("create-gke-all", [], { fleet }));
    await gcp.calls();
    const made = await well(gcp.run("create-gke-all", [], { fleet: both, variables: await gcp.job(), entered: false }));
    expect(made.results[`${k02}/cluster`]?.outcome).toBe("made");
    const changed = (await gcp.calls()).filter(
      (call) => isChanging(call) && call.account === projects["gcp-mgmt"].projectId,
    );
    // Its NS records.
    expect(changed.map(({ action }) => action)).toEqual(["create"]);

    for (const claims of [
      { sub: "repo:example/k8s-multicluster-gitops:ref:refs/heads/evil" },
      { repository_id: "5" },
    ]) {
      const variables = await gcp.job(claims);
      const refused = await gcp.run("create-gke-all", [], { fleet: both, variables, entered: false });
      expect(refused.exitCode).toBe(1);
      expect(Object.values(errorsOf(refused)).join("\n")).toContain("does fleet.github name this repository");
    }
    expect((await gcp.calls()).filter((call) => isChanging(call) && call.error === undefined)).toEqual([]);
    await well(gcp.run("delete-gke-all", ["--yes"], { fleet: both, variables: await gcp.job(), entered: false }));
  });
});

/** Those that methods with these last two words ask for. */
function permissionsOf({ service, action }: CloudCall): readonly string[] {
  return Object.entries(methods).flatMap(([method, permission]) =>
    method.endsWith(`.${service}.${action}`) ? [permission] : [],
  );
}

test.concurrent("a job of GitHub creates, changes, replaces and deletes clusters by what owners gave it before, and uses all of it", async () => {
  await inGcp(async (gcp) => {
    await well(gcp.run("create/gcp-mgmt", [], { fleet }));
    await well(gcp.run("create/gcp-tenant", [], { fleet }));
    const job = { variables: await gcp.job(), entered: false };
    await gcp.calls();
    const calls: CloudCall[] = [];
    const changesNow = async (): Promise<readonly CloudCall[]> => {
      const found = await gcp.calls();
      calls.push(...found);
      return found.filter(isChanging);
    };

    const made = await well(gcp.run("create-gke-all", [], { fleet, ...job }));
    expect(made.results[`${k01}/cluster`]?.outcome).toBe("made");
    await changesNow();
    const again = await well(gcp.run("create-gke-all", [], { fleet, ...job }));
    expect(endedAs(again, "unchanged").length).toBe(Object.keys(again.results).length);
    expect(await changesNow()).toEqual([]);

    const changed: Fleet = { ...fleetOf(gke(1, "gcp-01", { releaseChannel: "rapid" })), github };
    const updated = await well(gcp.run("create-gke-all", [], { fleet: changed, ...job }));
    expect(endedAs(updated, "updated")).toEqual([`${k01}/cluster`]);
    const moved: Fleet = { ...fleetOf(gke(1, "gcp-01", { podCidr: "10.200.0.0/16" })), github };
    const replaced = await well(gcp.run("create-gke-all", ["--allow-replacement"], { fleet: moved, ...job }));
    expect(endedAs(replaced, "replaced")).toEqual([`${k01}/cluster`]);
    await changesNow();
    await well(gcp.run("delete-gke-all", ["--yes"], { fleet: moved, ...job }));
    const deleting = (await changesNow()).filter(({ account }) => account === projects["gcp-mgmt"].projectId);
    expect(deleting.map(({ service, action }) => `${service}:${action}`)).toEqual(["changes:create"]);

    expect(calls.filter(({ error }) => error === "PERMISSION_DENIED")).toEqual([]);
    const used = new Set(
      calls.filter(({ account }) => account === projects["gcp-01"].projectId).flatMap(permissionsOf),
    );
    // Of kubectl, after an interruption, and where a cluster left records.
    const rare = /^container\.(clusters\.connect|operations\.list)$|^dns\.(changes\.|resourceRecordSets\.delete$)/;
    const usual = managingClusters.permissions.filter((permission) => !rare.test(permission));
    expect(usual.filter((permission) => !used.has(permission))).toEqual([]);
  });
});

test.concurrent("a job of a pull request plans and looks by the read-only service accounts, and changes nothing", async () => {
  await inGcp(async (gcp) => {
    await well(gcp.run("create-gke-all", [], { fleet }));
    await gcp.calls();
    const variables = await gcp.job({ sub: "repo:example/k8s-multicluster-gitops:pull_request" });
    const planned = await gcp.run("plan", [], { fleet: both, variables, entered: false });
    expect([planned.exitCode, errorsOf(planned)]).toEqual([0, {}]);
    expect(planned.results[`${k02}/cluster`]?.outcome).toBe("to make");
    expect(planned.results[`${k01}/cluster`]?.outcome).toBe("unchanged");
    const looked = await gcp.run("status", [], { fleet, variables, entered: false });
    expect(["zone", "delegation", "cluster"].map((part) => looked.results[`${k01}/${part}`]?.outcome)).toEqual([
      "healthy",
      "healthy",
      "healthy",
    ]);
    const refused = await gcp.run("create-gke-all", [], { fleet: both, variables, entered: false });
    expect([refused.exitCode, Object.values(errorsOf(refused)).join("\n")]).toEqual([
      1,
      expect.stringContaining("(GcpDenied)"),
    ]);
    expect((await gcp.calls()).filter((call) => isChanging(call) && call.error === undefined)).toEqual([]);
  });
});

test.concurrent("operators make clusters without owning a project; others are denied at the first step", async () => {
  await inGcp(async (gcp) => {
    const operated: Fleet = {
      ...fleetOf(gke(1)),
      accounts: fleetOf(gke(1)).accounts.map((account) =>
        account.role === "management" ? { ...account, operators: "group:platform@example.org" } : account,
      ),
    };
    await well(gcp.run("create/gcp-mgmt", [], { fleet: operated }));
    await well(gcp.run("create/gcp-tenant", [], { fleet: operated }));
    const ann = await gcp.person("ann@example.org", "platform@example.org");
    await well(gcp.run("create-gke-all", [], { fleet: operated, variables: ann, entered: false }));
    await well(gcp.run("delete-gke-all", ["--yes"], { fleet: operated, variables: ann, entered: false }));

    const eve = await gcp.person("eve@example.org");
    const denied = await gcp.run("create-gke-all", [], { fleet: operated, variables: eve, entered: false });
    expect(denied.exitCode).toBe(1);
    expect(Object.values(errorsOf(denied))[0]).toContain("(ImpersonationDenied)\nhint: operators of gcp-mgmt");
  });
});
