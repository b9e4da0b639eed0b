import { expect, setDefaultTimeout, test } from "bun:test";
import type { AzureAccount } from "#lib/azure/fleet/types.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import {
  aks,
  clientsOf,
  fleetOf,
  github,
  githubJob,
  governed,
  idIn,
  inAzure,
  subscriptions,
  tenantId,
} from "#tests/support/azure-story.ts";
import { isChanging } from "#tests/support/cloud-sandbox.ts";
import { endedAs, errorsOf, onlyError, well } from "#tests/support/story.ts";

// Some wait until others are done.
setDefaultTimeout(240_000);

const name = "k01.k8s.az.mylabs.dev";
const k01 = `azure/azure-01/${name}`;
const k02 = "azure/azure-02/k02.k8s.az.mylabs.dev";
const otherTenant = "77777777-7777-7777-7777-777777777777";

/** The same fleet with other ids of azure-01. */
function withIds(fleet: Fleet, ids: Partial<Pick<AzureAccount, "subscriptionId" | "tenantId">>): Fleet {
  const accounts = fleet.accounts.map((account) =>
    account.provider === "azure" && account.name === "azure-01" ? { ...account, ...ids } : account,
  );
  return { ...fleet, accounts };
}

test.concurrent("a subscription of another tenant, and one that nobody knows, change nothing, and the others go on", async () => {
  await inAzure(async (azure) => {
    const fleet = fleetOf(aks(1), aks(2, "azure-02"));
    await azure.openFor(withIds(fleet, { tenantId: otherTenant }));
    const variables = await azure.variables();
    await azure.calls();
    const moved = await azure.run("create-aks-all", [], { fleet, variables, entered: false });
    const [at, why] = onlyError(moved);
    expect(at).toBe(`${k01}/group`);
    expect(why).toStartWith(
      `azure-01: the subscription belongs to the tenant ${otherTenant}, the credentials are for ${tenantId} (reading `,
    );
    expect(why).toContain("(WrongAccount)\nhint: correct subscriptionId and tenantId in clusters/azure.ts");
    expect(moved.results[`${k02}/cluster`]?.outcome).toBe("made");
    const unknown = withIds(fleet, { subscriptionId: "55555555-5555-5555-5555-555555555555" });
    const [id, error] = onlyError(await azure.run("create-aks-all", [], { fleet: unknown, variables, entered: false }));
    expect(id).toBe(`${k01}/group`);
    expect(error).toContain("these credentials do not see the subscription");
    expect(error).toMatch(/\(WrongAccount\)\nhint: .*tasks\/whoami\.ts .* shows who calls/);
    const touched = (await azure.calls()).filter(
      (call) => isChanging(call) && call.account === subscriptions["azure-01"],
    );
    expect(touched).toEqual([]);
  });
});

test.concurrent("a disabled subscription takes nothing new, and the same command finishes once it is enabled", async () => {
  await inAzure(async (azure) => {
    const fleet = fleetOf(aks(1), aks(2, "azure-02"));
    await azure.openFor(fleet);
    const become = (state: string) =>
      azure.daemon.operate("azure", "subscription-state", { subscription: subscriptions["azure-01"], state });
    await become("Disabled");
    await azure.calls();
    const run = await azure.run("create-aks-all", [], { fleet });
    const [id, error] = onlyError(run);
    expect(id).toBe(`${k01}/group`);
    expect(error).toStartWith(
      "azure-01: the subscription is in the state Disabled (SubscriptionDisabled)\nhint: nothing",
    );
    expect(run.results[`${k02}/cluster`]?.outcome).toBe("made");
    expect((await azure.calls()).filter((one) => isChanging(one) && one.account === subscriptions["azure-01"])).toEqual(
      [],
    );
    await become("Enabled");
    const finished = await well(azure.run("create-aks-all", [], { fleet }));
    expect(finished.results[`${k01}/cluster`]?.outcome).toBe("made");
    await become("Disabled");
    // It can be looked at, only its API server not.
    const planned = await well(azure.run("plan", [], { fleet }));
    expect(endedAs(planned, "unchanged").length).toBe(Object.keys(planned.results).length);
  });
});

test.concurrent("a token of GitHub that no credential trusts is refused at once, with its claims and those of the fleet", async () => {
  await inAzure(async (azure) => {
    const fleet = governed(fleetOf(aks(1)));
    const clients = clientsOf(await well(azure.run("create/azure-mgmt", [], { fleet })));
    await azure.calls();
    const seconds = Math.floor(Date.now() / 1_000);
    const subject = `repo:${github.repository}:ref:refs/heads/main`;
    const audience = "api://AzureADTokenExchange";
    const issuer = "https://token.actions.githubusercontent.com";
    const refusedAs = async (claims: object, ids = clients): Promise<string> => {
      const variables = await githubJob(azure, ids, claims as Readonly<Record<string, string>>);
      const run = await azure.run("create-aks-all", [], { fleet, variables, entered: false });
      expect(run.exitCode).toBe(1);
      expect(run.results["azure/azure-mgmt/group"]?.durationMs).toBeLessThan(10_000);
      return errorsOf(run)["azure/azure-mgmt/group"] ?? "";
    };
    for (const [claims, said] of [
      [{ sub: `${subject}-2` }, `issuer ${issuer}, subject ${subject}-2, audience ${audience}`],
      [{ sub: subject.replace("example", "Example") }, `subject ${subject.replace("example", "Example")}, audience`],
    ] as const) {
      const error = await refusedAs(claims);
      expect(error).toContain(said);
      expect(error).toContain(`(SignInRefused)\nhint: the fleet names only ${subject}, repo:example@2000000002/`);
    }
    const issued = await refusedAs({ iss: "https://token.example.org" });
    expect(issued).toContain("has issuer https://token.example.org, subject");
    expect(issued).toContain("hint: the fleet names this subject: its credential is missing, or has another issuer");
    const expired = await refusedAs({ exp: seconds - 60, iat: seconds - 400, nbf: seconds - 400 });
    expect(expired).toContain("has expired (SessionExpired)");
    const unknown = await refusedAs({}, { AZURE_CLIENT_ID: "12345678-1234-1234-1234-123456789012" });
    expect(unknown).toContain("does not know the client 12345678-1234-1234-1234-123456789012 (SignInRefused)");
    // Of another subject in the tenant's cache: each job signs in anew.
    expect((await azure.calls()).filter(isChanging)).toEqual([]);
  });
});

test.concurrent("a denial is waited for in the run that gives the roles, and in no other", async () => {
  await inAzure(async (azure) => {
    const fleet = governed(fleetOf(aks(1)));
    await azure.openFor(fleet);
    await azure.fault("federatedIdentityCredentials:write", "fail:AuthorizationFailed", { times: 2 });
    const late = await well(azure.run("create/azure-mgmt", [], { fleet }));
    expect(late.events).toContainEqual(
      expect.objectContaining({
        kind: "progress",
        message: "denied: Azure is still propagating the new role assignments",
      }),
    );
    await azure.clearFaults();
    await azure.fault("roleDefinitions:write", "fail:AuthorizationFailed");
    const began = Date.now();
    const denied = await azure.run("create/azure-tenant", [], { fleet });
    expect(errorsOf(denied)["azure/azure-01/role/clusters"]).toContain("(AzureDenied)\nhint: ");
    expect(Date.now() - began).toBeLessThan(10_000);
  });
});

test.concurrent("a version that AKS does not offer is refused before anything of the cluster is made, with those that it offers", async () => {
  await inAzure(async (azure) => {
    const fleet = fleetOf(aks(1, "azure-01", { kubernetes: "1.37" }), aks(2, "azure-02"));
    const [id, error] = onlyError(await azure.run("create-aks-all", [], { fleet }));
    expect(id).toBe(`${k01}/cluster`);
    expect(error).toStartWith(
      `${name}: AKS does not offer Kubernetes 1.37 in eastus2 (UpgradeRefused)\nhint: write kub`,
    );
  });
});

test.concurrent("what others keep in a cluster's group and zone, or lock there, stops the delete and is named", async () => {
  await inAzure(async (azure) => {
    const fleet = fleetOf(aks(1));
    await well(azure.run("create-aks-all", [], { fleet }));
    const neighbour = await azure.neighbour();
    const zone = idIn("azure-01", name, `Microsoft.Network/dnszones/${name}`);
    const remove = async (): Promise<readonly [string, string]> =>
      onlyError(await azure.run("delete-aks-all", ["--yes"], { fleet }));

    const record = `${zone}/A/www`;
    await neighbour.put(record, { properties: { TTL: 60, ARecords: [{ ipv4Address: "192.0.2.1" }] } });
    expect(await remove()).toEqual([`${k01}/zone`, expect.stringContaining(`(ZoneNotEmpty)\nhint: delete them`)]);
    expect((await remove())[1]).toEndWith(`A www.${name}`);
    await neighbour.remove(record);

    const lock = `${zone}/providers/Microsoft.Authorization/locks/keep`;
    await neighbour.put(lock, { properties: { level: "CanNotDelete" } });
    const [id, locked] = await remove();
    expect(id).toBe(`${k01}/zone`);
    expect(locked).toStartWith(`azure-01: a lock on ${zone} forbids this (deleting dnsZones/${name}) (AzureLocked)`);
    expect(locked).toContain(`hint: remove the lock if it may go: az lock list --resource-group ${name} shows its id`);
    await neighbour.remove(lock);

    const identity = idIn("azure-01", name, "Microsoft.ManagedIdentity/userAssignedIdentities/theirs");
    await neighbour.put(identity, { location: "eastus2" });
    const [group, full] = await remove();
    expect(group).toBe(`${k01}/group`);
    expect(full).toContain("has a resource that this fleet did not make (StillNeeded)");
    expect(full).toEndWith("Microsoft.ManagedIdentity/userAssignedIdentities theirs");
    await neighbour.remove(identity);
    await well(azure.run("delete-aks-all", ["--yes"], { fleet }));
  });
});

test.concurrent("a group of another fleet and a zone of the name in another group are left alone", async () => {
  await inAzure(async (azure) => {
    const fleet = fleetOf(aks(1), aks(2, "azure-02"));
    await azure.openFor(fleet);
    const neighbour = await azure.neighbour();
    const group = idIn("azure-01", name);
    const tags = { project: "k8s-multicluster-gitops", fleet: "other.dev", cluster: name };
    await neighbour.put(group, { location: "eastus2", tags });
    await azure.calls();
    const foreign = await azure.run("create-aks-all", [], { fleet });
    expect(onlyError(foreign)).toEqual([
      `${k01}/group`,
      `${group} in azure-01 is of the fleet other.dev (ForeignResource)\nhint: rename or remove it, or take it over with --adopt`,
    ]);
    expect(foreign.results[`${k02}/cluster`]?.outcome).toBe("made");
    expect(onlyError(await azure.run("delete-aks-all", ["--yes", name], { fleet }))[1]).toContain("(ForeignResource)");
    const own = (await azure.calls()).filter(({ account }) => account === subscriptions["azure-01"]);
    expect(own.filter(isChanging)).toEqual([]);

    await neighbour.put(idIn("azure-01", "theirs"), { location: "eastus2" });
    const zone = idIn("azure-01", "theirs", `Microsoft.Network/dnszones/${name}`);
    await neighbour.put(zone, { location: "global" });
    const twice = await azure.run("create-aks-all", ["--adopt"], { fleet });
    expect(endedAs(twice, "adopted")).toEqual([`${k01}/group`]);
    const [at, ambiguous] = onlyError(twice);
    expect(at).toBe(`${k01}/zone`);
    expect(ambiguous).toContain(
      `has the zone ${name} in the resource group theirs (ZoneAmbiguous)\nhint: delete it, or`,
    );
    await neighbour.remove(zone);
    await well(azure.run("create-aks-all", [], { fleet }));
    expect((await neighbour.get(group))?.tags).toMatchObject({ fleet: "mylabs.dev" });
  });
});
