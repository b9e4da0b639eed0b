import { expect, setDefaultTimeout, test } from "bun:test";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { clustersRole } from "#lib/azure/permissions.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { fleetOf as awsFleetOf, eks } from "#tests/support/aws-story.ts";
import {
  aks,
  application,
  clientsOf,
  fleetOf,
  githubJob,
  governed,
  inAzure,
  operators,
  subscriptions,
  type Variables,
} from "#tests/support/azure-story.ts";
import { type CloudCall, isChanging, type Run } from "#tests/support/cloud-sandbox.ts";
import { endedAs, errorsOf, openCluster, type Story, well } from "#tests/support/story.ts";

// Some wait until others are done.
setDefaultTimeout(240_000);

const k01 = "azure/azure-01/k01.k8s.az.mylabs.dev";
const kubeconfig = "azure/azure-01/kubeconfig/k01.k8s.az.mylabs.dev";
const k02 = "azure/azure-01/k02.k8s.az.mylabs.dev";

/** What owners do once. @returns client ids of GitHub's jobs */
async function letIn(azure: Story, fleet: Fleet): Promise<Variables> {
  const made = await well(azure.run("create/azure-mgmt", [], { fleet }));
  await well(azure.run("create/azure-tenant", [], { fleet }));
  return clientsOf(made);
}

/** Kinds of changing calls in an account. */
function changesOf(calls: readonly CloudCall[], account: keyof typeof subscriptions): readonly string[] {
  const own = calls.filter((call) => isChanging(call) && call.account === subscriptions[account]);
  return [...new Set(own.map(({ service, action }) => `${service}:${action}`))].sort();
}

/** Types of Azure's permissions, by the services of the call log. */
const types: Variables = {
  dnsZones: "Microsoft.Network/dnszones",
  federatedIdentityCredentials: "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials",
  kubernetesVersions: "Microsoft.ContainerService/locations/kubernetesVersions",
  managedClusters: "Microsoft.ContainerService/managedClusters",
  recordsets: "Microsoft.Network/dnszones/recordsets",
  resourceGroups: "Microsoft.Resources/subscriptions/resourceGroups",
  resources: "Microsoft.Resources/subscriptions/resourceGroups/resources",
  roleAssignments: "Microsoft.Authorization/roleAssignments",
  roleDefinitions: "Microsoft.Authorization/roleDefinitions",
  subscription: "Microsoft.Resources/subscriptions",
  userAssignedIdentities: "Microsoft.ManagedIdentity/userAssignedIdentities",
};

function permissionOf({ service, action }: CloudCall): string {
  const isPlain = /^(read|list|write|delete)$/.test(action);
  return `${types[service] ?? service}/${isPlain ? action.replace("list", "read") : `${action}/action`}`;
}

test.concurrent("a job of GitHub creates, changes and deletes clusters by the rights that an owner gave it, and uses all of them", async () => {
  await inAzure(async (azure) => {
    const fleet = governed(fleetOf(aks(1)));
    const clients = await letIn(azure, fleet);
    expect(Object.keys(clients)).toEqual(["AZURE_CLIENT_ID", "AZURE_READ_ONLY_CLIENT_ID"]);
    const job = { variables: await githubJob(azure, clients), entered: false };
    await azure.calls();
    const calls: CloudCall[] = [];
    const callsNow = async (): Promise<readonly CloudCall[]> => {
      const found = await azure.calls();
      calls.push(...found);
      return found;
    };

    const made = await well(azure.run("create-aks-all", [], { fleet, ...job }));
    expect(made.results[`${k01}/cluster`]?.outcome).toBe("made");
    expect(changesOf(await callsNow(), "azure-mgmt")).toEqual(["recordSets:write"]);
    await well(azure.run("create-aks-all", [], { fleet, ...job }));
    expect((await callsNow()).filter(isChanging)).toEqual([]);

    const changed = governed(fleetOf(aks(1, "azure-01", { publicAccessCidrs: ["198.51.100.0/24"] })));
    const updated = await well(azure.run("create-aks-all", [], { fleet: changed, ...job }));
    expect(endedAs(updated, "updated")).toEqual([`${k01}/cluster`]);
    // Its issuer is another one then, and so are the federated credentials of workloads.
    const moved = governed(fleetOf(aks(1, "azure-01", { podCidr: "10.200.0.0/16" })));
    const replaced = await well(azure.run("create-aks-all", ["--allow-replacement"], { fleet: moved, ...job }));
    expect(replaced.results[`${k01}/cluster`]?.outcome).toBe("replaced");
    await callsNow();
    await well(azure.run("delete-aks-all", ["--yes"], { fleet, ...job }));
    expect(changesOf(await callsNow(), "azure-mgmt")).toEqual(["recordSets:delete"]);

    const used = calls.filter(({ account }) => account === subscriptions["azure-01"]).map(permissionOf);
    const rare = /\/register\/action$|\/providers\/read$|\/policyAssignments\//;
    expect([...new Set(used)].sort()).toEqual(clustersRole.actions.filter((action) => !rare.test(action)));
    expect(calls.filter(({ error }) => error === "AuthorizationFailed")).toEqual([]);
  });
});

test.concurrent("a read-only job plans and looks without showing a change, and creates nothing", async () => {
  await inAzure(async (azure) => {
    const fleet = governed(fleetOf(aks(1)));
    const wider = governed(fleetOf(aks(1), aks(2)));
    const clients = await letIn(azure, fleet);
    await well(azure.run("create-aks-all", [], { fleet, variables: await githubJob(azure, clients), entered: false }));
    // Of another computer.
    await rm(join(azure.state, ".kubeconfigs"), { recursive: true });
    const claims = { sub: "repo:example/k8s-multicluster-gitops:pull_request" };
    const job = { variables: await githubJob(azure, clients, claims), entered: false };
    await azure.calls();

    const planned = await azure.run("plan", [], { fleet: wider, ...job });
    expect([planned.exitCode, errorsOf(planned)]).toEqual([0, {}]);
    expect(planned.results[`${k02}/cluster`]?.outcome).toBe("to make");
    const others = ({ results }: Run, usual: string) =>
      Object.values(results).flatMap(({ id, outcome }) => (outcome === usual || id.includes("k02") ? [] : [id]));
    expect(others(planned, "unchanged")).toEqual([kubeconfig]);
    const looked = await azure.run("status", [], { fleet, ...job });
    expect(others(looked, "healthy")).toEqual([kubeconfig]);

    const refused = await azure.run("create-aks-all", [], { fleet: wider, ...job });
    expect(refused.exitCode).toBe(1);
    const errors = errorsOf(refused);
    expect(Object.keys(errors).sort()).toEqual([`${k02}/group`, kubeconfig]);
    expect(errors[`${k02}/group`]).toMatch(
      /^azure-01: \S+ may not Microsoft\.Resources\/subscriptions\/resourceGroups\/write on \S+ .*\(AzureDenied\)\nhint: this identity is for read-only jobs/,
    );
    expect(errors[kubeconfig]).toContain("(ClusterDenied)\nhint: only GitHub's jobs and members of the group");
    expect((await azure.calls()).filter((call) => isChanging(call) && call.error === undefined)).toEqual([]);
  });
});

test.concurrent("a member of the operators' group creates clusters, and somebody without a role is told what to run", async () => {
  await inAzure(async (azure) => {
    const fleet = governed(fleetOf(aks(1)));
    await letIn(azure, fleet);
    await azure.calls();
    const stranger = { variables: await application(azure), entered: false };
    const refused = await azure.run("create-aks-all", [], { fleet, ...stranger });
    expect(refused.exitCode).toBe(1);
    const errors = errorsOf(refused);
    // One of each subscription.
    expect(Object.keys(errors).sort()).toEqual(["azure/azure-01/role/clusters", "azure/azure-mgmt/group"]);
    expect(errors["azure/azure-mgmt/group"]).toMatch(/\(AzureDenied\)\nhint: .*create\/azure-mgmt\.ts .* an owner of/);
    expect(errors["azure/azure-01/role/clusters"]).toMatch(
      /\(AzureDenied\)\nhint: .*create\/azure-tenant\.ts azure-01 /,
    );
    const who = await azure.run("whoami", [], { fleet, ...stranger });
    expect(who.exitCode).toBe(1);
    expect(who.stdout.match(/"code":"AzureDenied"/g)?.length).toBe(2);
    expect((await azure.calls()).filter(isChanging)).toEqual([]);

    const member = { variables: await application(azure, { group: operators }), entered: false };
    const made = await well(azure.run("create-aks-all", [], { fleet, ...member }));
    expect(made.results[`${k01}/cluster`]?.outcome).toBe("made");
    await well(azure.run("status", [], { fleet, ...member }));
    await well(azure.run("delete-aks-all", ["--yes"], { fleet, ...member }));
  });
});

test.concurrent("an owner creates clusters and gets into them in a fleet without operators and jobs", async () => {
  await inAzure(async (azure) => {
    const fleet = fleetOf(aks(1));
    const nothing = await azure.run("create/azure-tenant", [], { fleet });
    expect(errorsOf(nothing)[""]).toStartWith("there are no roles to create: the fleet has neither operators nor jobs");
    await well(azure.run("create-aks-all", [], { fleet }));
    const cluster = await openCluster(azure, "k01.k8s.az.mylabs.dev");
    expect(await cluster.get("/api/v1/nodes", { signal: AbortSignal.timeout(20_000) })).toBeDefined();
    const again = await well(azure.run("create-aks-all", [], { fleet }));
    expect(endedAs(again, "unchanged").length).toBe(Object.keys(again.results).length);
  });
});

test.concurrent("one job creates clusters in AWS and in Azure in the same run", async () => {
  await inAzure(async (azure) => {
    const inAws = awsFleetOf(eks(1));
    const fleet = governed({
      ...fleetOf(aks(1)),
      zones: [...fleetOf().zones, ...inAws.zones],
      accounts: [...fleetOf(aks(1)).accounts, ...inAws.accounts],
      clusters: [aks(1), eks(1)],
    });
    const clients = await letIn(azure, fleet);
    for (const task of ["create/aws-mgmt/cf-route53-gh-action-iam-role-oidc", "create/aws-tenant/cf-iam-role"]) {
      await well(azure.run(task, [], { fleet }));
    }
    const config = join(azure.folder, "empty");
    await Bun.write(config, "");
    const variables = {
      ...(await githubJob(azure, clients)),
      AWS_ACCESS_KEY_ID: "",
      AWS_SECRET_ACCESS_KEY: "",
      AWS_USER_ARN: "",
      AWS_CONFIG_FILE: config,
      AWS_SHARED_CREDENTIALS_FILE: config,
    };
    const made = await well(azure.run("create-all", [], { fleet, variables, entered: false }));
    expect(made.results[`${k01}/cluster`]?.outcome).toBe("made");
    expect(made.results["aws/aws-01/k01.k8s.aws.mylabs.dev/stack"]?.outcome).toBe("made");
  });
});
