import { expect, setDefaultTimeout, test } from "bun:test";
import type { Fleet } from "#lib/fleet/types.ts";
import { isChanging } from "#tests/support/cloud-sandbox.ts";
import { fleetOf, type GcpStory, gke, inGcp, projects } from "#tests/support/gcp-story.ts";
import { endedAs, errorsOf, onlyError, well } from "#tests/support/story.ts";

// Some wait until others are done.
setDefaultTimeout(240_000);

const name = "k01.k8s.gcp.mylabs.dev";
const k01 = `gcp/gcp-01/${name}`;
const k02 = "gcp/gcp-02/k02.k8s.gcp.mylabs.dev";
const services = "gcp/gcp-01/clusters/services";
const { projectId: project, projectNumber } = projects["gcp-01"];
const management = projects["gcp-mgmt"].projectId;

/** The same fleet with another project of gcp-01. */
function withProject(fleet: Fleet, values: { readonly projectId?: string; readonly projectNumber?: string }): Fleet {
  const accounts = fleet.accounts.map((account) =>
    account.provider === "gcp" && account.name === "gcp-01" ? { ...account, ...values } : account,
  );
  return { ...fleet, accounts };
}

/** The same fleet, whose owners made what lets a group create clusters, and the flags of a run by a member of it. */
async function operate(gcp: GcpStory, fleet: Fleet) {
  const group = "platform@example.org";
  const accounts = fleet.accounts.map((account) =>
    account.role === "management" ? { ...account, operators: `group:${group}` } : account,
  );
  const operated: Fleet = { ...fleet, accounts };
  await well(gcp.run("create/gcp-mgmt", [], { fleet: operated }));
  await well(gcp.run("create/gcp-tenant", [], { fleet: operated }));
  return { fleet: operated, variables: await gcp.person("ann@example.org", group), entered: false };
}

/** Changing calls in the project of gcp-01. */
async function touched(gcp: GcpStory): Promise<readonly string[]> {
  const own = (await gcp.calls()).filter((call) => isChanging(call) && call.account === project);
  return own.map(({ service, action }) => `${service}:${action}`);
}

test.concurrent("a project of another number, and one that nobody knows, change nothing, and the others go on", async () => {
  await inGcp(async (gcp) => {
    const fleet = fleetOf(gke(1), gke(2, "gcp-02"));
    await gcp.openFor(fleet);
    const variables = await gcp.variables();
    await gcp.calls();
    const numbered = withProject(fleet, { projectNumber: "444444444444" });
    const run = await gcp.run("create-gke-all", [], { fleet: numbered, variables, entered: false });
    expect(onlyError(run)).toEqual([
      services,
      `gcp-01: projectNumber is ${projectNumber}, the fleet says 444444444444 (WrongAccount)\nhint: correct projectNumber in clusters/gcp.ts: gcloud projects list shows both`,
    ]);
    expect(run.results[`${k02}/cluster`]?.outcome).toBe("made");
    const unknown = withProject(fleet, { projectId: "story-99" });
    const [id, error] = onlyError(await gcp.run("create-gke-all", [], { fleet: unknown, variables, entered: false }));
    expect(id).toBe(services);
    expect(error).toMatch(
      /may not act as \S+@story-99\..* or there is no such service account \(ImpersonationDenied\)/,
    );
    expect(await touched(gcp)).toEqual([]);
  });
});

test.concurrent("a project that is being deleted, or without billing, takes nothing new, and the same command finishes once it is back", async () => {
  await inGcp(async (gcp) => {
    const fleet = fleetOf(gke(1), gke(2, "gcp-02"));
    await gcp.openFor(fleet);
    await gcp.daemon.operate("gcp", "project-state", { project, state: "DELETE_REQUESTED" });
    await gcp.calls();
    const run = await gcp.run("create-gke-all", [], { fleet });
    const [id, error] = onlyError(run);
    expect(id).toBe(services);
    expect(error).toMatch(
      /^gcp-01: the project can't be used: Project #\d+ has been deleted .*\(ProjectUnusable\)\nhint: /,
    );
    expect(error).toContain("gcloud projects undelete");
    expect(run.results[`${k02}/cluster`]?.outcome).toBe("made");
    expect(await touched(gcp)).toEqual([]);

    await gcp.daemon.operate("gcp", "project-state", { project, state: "ACTIVE" });
    await gcp.daemon.operate("gcp", "billing", { project, enabled: "false" });
    const unpaid = await gcp.run("create-gke-all", [], { fleet });
    expect(unpaid.exitCode).toBe(1);
    const errors = errorsOf(unpaid);
    expect(Object.keys(errors)).toEqual([`${k01}/zone`]);
    for (const text of Object.values(errors)) {
      expect(text).toContain("gcp-01: the project can't be used: This API method requires billing to be enabled");
      expect(text).toContain("(ProjectUnusable)\nhint: its page Billing in the Google Cloud console");
    }
    await gcp.daemon.operate("gcp", "billing", { project, enabled: "true" });
    const finished = await well(gcp.run("create-gke-all", [], { fleet }));
    expect(finished.results[`${k01}/cluster`]?.outcome).toBe("made");

    await gcp.daemon.operate("gcp", "billing", { project, enabled: "false" });
    await gcp.calls();
    for (const args of [["plan"], ["status"], ["delete-gke-all", "--yes"]] as const) {
      const [task, ...flags] = args;
      const stopped = await gcp.run(task, flags, { fleet });
      expect([task, stopped.exitCode]).toEqual([task, 1]);
      for (const text of Object.values(errorsOf(stopped))) {
        expect(text).toContain("gcp-01: the project can't be used: This API method requires billing to be enabled");
      }
      // Of the other project.
      const others = Object.values(stopped.results).filter(({ id }) => id.startsWith(k02));
      expect(others.filter(({ outcome }) => /failed|blocked/.test(outcome))).toEqual([]);
    }
    expect(await touched(gcp)).toEqual([]);
  });
});

test.concurrent("an API that is off is left to owners, and named", async () => {
  await inGcp(async (gcp) => {
    const fleet = fleetOf(gke(1));
    await gcp.openFor(fleet);
    const off = (service: string) =>
      gcp.daemon.operate("gcp", "disable-service", { project, service: `${service}.googleapis.com` });
    await off("serviceusage");
    expect(onlyError(await gcp.run("create-gke-all", [], { fleet }))).toEqual([
      services,
      `gcp-01: the API that enables other APIs is disabled in ${project} (GcpApiDisabled)\nhint: enable it once by hand: gcloud services enable serviceusage.googleapis.com cloudresourcemanager.googleapis.com --project ${project}`,
    ]);
    await gcp.daemon.operate("gcp", "enable-services", { project, services: "serviceusage.googleapis.com" });
    const ann = await operate(gcp, fleet);
    await off("container");
    const [id, error] = onlyError(await gcp.run("create-gke-all", [], ann));
    expect(id).toBe(services);
    expect(error).toMatch(
      /^gcp-01: disabled in story-01: container\.googleapis\.com \(GcpApiDisabled\)\nhint: an owner of the project enables it: .*create\/gcp-tenant\.ts gcp-01/,
    );
  });
});

test.concurrent("each step of impersonation that is denied names who may not act as whom, and what to run", async () => {
  await inGcp(async (gcp) => {
    const ann = await operate(gcp, fleetOf(gke(1)));
    const neighbour = await gcp.neighbour();
    const emailIn = (id: string): string => `k8s-multicluster-gitops@${id}.iam.gserviceaccount.com`;
    const close = (id: string) =>
      neighbour("POST", `iam/v1/projects/${id}/serviceAccounts/${emailIn(id)}:setIamPolicy`, { policy: {} });
    const failedHops = async (): Promise<readonly string[]> => {
      const { stdout } = await gcp.run("whoami", [], ann);
      const hops = stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as { name: string; result: { kind: string } });
      return hops.flatMap((hop) => (hop.result.kind === "failed" ? [hop.name] : []));
    };
    await gcp.calls();

    await close(project);
    const [id, last] = onlyError(await gcp.run("create-gke-all", [], ann));
    expect(id).toBe(services);
    expect(last).toStartWith(`gcp-01: ${emailIn(management)} may not act as ${emailIn(project)}, or there is no`);
    expect(last).toMatch(/\(ImpersonationDenied\)\nhint: .*create\/gcp-tenant\.ts gcp-01 .*owner of the project/);
    expect(await failedHops()).toEqual(["gcp-01"]);

    await close(management);
    const errors = errorsOf(await gcp.run("create-gke-all", [], ann));
    // One of each project.
    expect(Object.keys(errors).sort()).toEqual([services, "gcp/gcp-mgmt/services"]);
    for (const text of Object.values(errors)) {
      expect(text).toStartWith(`gcp-mgmt: ann@example.org may not act as ${emailIn(management)}, or there is no`);
      expect(text).toMatch(/\(ImpersonationDenied\)\nhint: operators of gcp-mgmt .*create\/gcp-mgmt\.ts /);
    }
    expect(await failedHops()).toEqual(["gcp-mgmt", "gcp-01"]);
    expect(await touched(gcp)).toEqual(["serviceAccounts:setIamPolicy"]);
  });
});

const machines =
  "Google Compute Engine: Not all instances running in IGM after 14.6s. Expected 1, running 0, transitioning 1. Current errors:";
const instance = "Instance 'gke-k01-default-pool-34b6625e-k7xw' creation failed:";

/** In Google's words, as its users report them. */
const failures: readonly Failing[] = [
  {
    what: "a region without machines",
    code: "GCE_STOCKOUT",
    message: `${machines} [GCE_STOCKOUT]: ${instance} The zone 'projects/${project}/zones/us-east1-c' does not have enough resources available to fulfill the request.  Try a different zone, or try again later`,
    said: /^gcp-\w+: Google has no such machines left there: .*try again later \(.*\(QuotaExceeded\)\nhint: run the same command again later, or .* --allow-replacement$/m,
  },
  {
    what: "a quota that is used up while machines start",
    code: "GCE_QUOTA_EXCEEDED",
    message: `${machines} [GCE_QUOTA_EXCEEDED]: ${instance} Quota 'CPUS' exceeded.  Limit: 8.0 in region us-east1.`,
    said: /^gcp-\w+: a quota is exhausted: .*Quota 'CPUS' exceeded\. Limit: 8\.0 in region us-east1 \(.*\(QuotaExceeded\)\nhint: delete what is not used, or ask for more/,
  },
  {
    what: "an organization that forbids it to machines",
    code: "CONDITION_NOT_MET",
    message: `${machines} [CONDITION_NOT_MET]: ${instance} Constraint constraints/compute.vmExternalIpAccess violated for project ${projectNumber}. Add instance projects/${project}/zones/us-east1-b/instances/gke-k01 to the constraint to use external IP with it.`,
    said: /^gcp-\w+: an organization policy forbids it: .*constraints\/compute\.vmExternalIpAccess violated .*\(GcpFailed\)\nhint: gcloud resource-manager org-policies describe/,
  },
];

/** What GKE answers instead of beginning. */
const refusals: readonly Failing[] = [
  {
    what: "quotas that are too small for the cluster",
    code: "PERMISSION_DENIED",
    message: [
      "",
      `\t(1) insufficient regional quota to satisfy request: resource "CPUS": request requires '12.0' and is short '4.0'. project has a quota of '8.0' with '8.0' available. View and manage quotas at https://console.cloud.google.com/iam-admin/quotas?usage=USED&project=${project}`,
      `\t(2) insufficient regional quota to satisfy request: resource "IN_USE_ADDRESSES": request requires '12.0' and is short '8.0'. project has a quota of '4.0' with '4.0' available. View and manage quotas at https://console.cloud.google.com/iam-admin/quotas?usage=USED&project=${project}.`,
    ].join("\n"),
    said: /^gcp-\w+: a quota is exhausted: \(1\) insufficient regional quota to satisfy request: resource "CPUS": request requires '12\.0' and is short '4\.0'\. .* \(2\) .*\(QuotaExceeded\)\nhint: delete/,
  },
  {
    what: "a region without the type of machines",
    code: "INVALID_ARGUMENT",
    message: `Invalid value for field 'resource.machineType': 'https://compute.googleapis.com/compute/v1/projects/${project}/zones/us-east1-b/machineTypes/n1-standard-1'. Machine type with name 'n1-standard-1' does not exist in zone 'us-east1-b'.`,
    said: /^gcp-\w+: INVALID_ARGUMENT: .*Machine type with name 'n1-standard-1' does not exist in zone 'us-east1-b' \(.*\(GcpFailed\)\nhint: correct what Google names/,
  },
  {
    what: "an organization that forbids the region",
    code: "FAILED_PRECONDITION",
    message: `Location ZONE:us-east1-b violates constraint constraints/gcp.resourceLocations on the resource projects/${project}/zones/us-east1-b/instanceGroupManagers/gke-k01-grp.`,
    said: /^gcp-\w+: an organization policy forbids it: Location ZONE:us-east1-b violates constraint constraints\/gcp\.resourceLocations on .*\(GcpFailed\)\nhint: gcloud/,
  },
];

interface Failing {
  readonly what: string;
  readonly code: string;
  readonly message: string;
  /** The error as people are told it. */
  readonly said: RegExp;
}

test.concurrent.each([
  [
    "whose machines fail is told in our words, and made again where a replacement is allowed",
    "fail-operation",
    failures,
  ],
  ["that Google refuses is told at once in our words, and made by the same command later", "refuse-cluster", refusals],
] as const)("a cluster %s", async (_, operation, cases) => {
  await inGcp(async (gcp) => {
    const accounts = ["gcp-01", "gcp-02", "gcp-mgmt"] as const;
    const fleet = fleetOf(gke(1, accounts[0]), gke(2, accounts[1]), gke(3, accounts[2]));
    await gcp.openFor(fleet);
    const ids = accounts.map((account, index) => `gcp/${account}/k0${index + 1}.k8s.gcp.mylabs.dev/cluster`);
    for (const [index, { code, message }] of cases.entries()) {
      const { projectId } = projects[accounts[index] ?? "gcp-01"];
      await gcp.daemon.operate("gcp", operation, { project: projectId, code, message });
    }
    const run = await gcp.run("create-gke-all", [], { fleet });
    const said = cases.map((one, index) => [ids[index], expect.stringMatching(one.said)] as const);
    expect(errorsOf(run)).toEqual(Object.fromEntries(said));
    const asked = (await gcp.calls()).filter(({ service, action }) => `${service}:${action}` === "clusters:create");
    expect(asked.length).toBe(ids.length);
    if (operation === "fail-operation") {
      for (const text of Object.values(errorsOf(await gcp.run("create-gke-all", [], { fleet })))) {
        expect(text).toContain("(ReplacementRequired)\nhint: run again with --allow-replacement");
        expect(text).toEndWith("status: ERROR → RUNNING");
      }
    }
    const flags = operation === "fail-operation" ? ["--allow-replacement"] : [];
    const made = await well(gcp.run("create-gke-all", flags, { fleet }));
    expect(endedAs(made, operation === "fail-operation" ? "replaced" : "made")).toEqual(expect.arrayContaining(ids));
  });
});

test.concurrent("a project whose deletion begins while a run looks at it is not changed", async () => {
  await inGcp(async (gcp) => {
    const fleet = fleetOf(gke(1));
    await gcp.openFor(fleet);
    await gcp.calls();
    // Before the first change, the state of the project is read: here, late.
    await gcp.fault("projects:get", "slow:5000", { times: 0 });
    const started = gcp.start("create/gcp-tenant", [], { fleet });
    const lists = async (): Promise<number> => {
      const calls = await gcp.daemon.cloudCalls({ clear: false });
      return calls.filter((call) => call.service === "services" && call.account === project).length;
    };
    while ((await lists()) < 2) await Bun.sleep(20);
    await gcp.daemon.operate("gcp", "project-state", { project, state: "DELETE_REQUESTED" });
    const { [services]: error = "" } = errorsOf(await started.ended);
    expect(error).toBe(
      `gcp-01: the project is in the state DELETE_REQUESTED (ProjectUnusable)\nhint: nothing can be created in it. For 30 days it can be restored: gcloud projects undelete ${project}`,
    );
    expect(await touched(gcp)).toEqual([]);
  });
});
