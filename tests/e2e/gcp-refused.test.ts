import { expect, setDefaultTimeout, test } from "bun:test";
import type { Fleet } from "#lib/fleet/types.ts";
import { isChanging, type Run } from "#tests/support/cloud-sandbox.ts";
import { fleetOf, type GcpStory, gke, inGcp, projects } from "#tests/support/gcp-story.ts";
import { endedAs, errorsOf, well } from "#tests/support/story.ts";

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

/** The only error of a run, and where it is. */
function onlyError(run: Run): readonly [id: string, error: string] {
  expect(run.exitCode).toBe(1);
  const errors = Object.entries(errorsOf(run));
  expect(errors.map(([id]) => id)).toHaveLength(1);
  return errors[0] ?? ["", ""];
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

test.concurrent("a cluster without machines is told in our words, and made again where a replacement is allowed", async () => {
  await inGcp(async (gcp) => {
    const fleet = fleetOf(gke(1), gke(2, "gcp-02"));
    await gcp.openFor(fleet);
    const message = "us-east1 does not have enough resources available to fulfill the request.";
    await gcp.daemon.operate("gcp", "fail-operation", { project, code: "GCE_STOCKOUT", message });
    const run = await gcp.run("create-gke-all", [], { fleet });
    const [id, error] = onlyError(run);
    expect(id).toBe(`${k01}/cluster`);
    expect(error).toStartWith(`gcp-01: Google has no such machines left there: ${message.slice(0, -1)}`);
    expect(error).toMatch(/\(QuotaExceeded\)\nhint: run the same command again later, or .* --allow-replacement$/m);
    expect(run.results[`${k02}/cluster`]?.outcome).toBe("made");
    const [at, why] = onlyError(await gcp.run("create-gke-all", [], { fleet }));
    expect(at).toBe(`${k01}/cluster`);
    expect(why).toContain("(ReplacementRequired)\nhint: run again with --allow-replacement");
    expect(why).toEndWith("status: ERROR → RUNNING");
    const replaced = await well(gcp.run("create-gke-all", ["--allow-replacement"], { fleet }));
    expect(endedAs(replaced, "replaced")).toEqual([`${k01}/cluster`]);
  });
});

test.concurrent("a zone of others is taken only by --adopt, whatever its name, and records of others stop its delete", async () => {
  await inGcp(async (gcp) => {
    const fleet = fleetOf(gke(1));
    await gcp.openFor(fleet);
    await gcp.daemon.operate("gcp", "enable-services", { project, services: "dns.googleapis.com" });
    const neighbour = await gcp.neighbour();
    const zones = `dns/dns/v1/projects/${project}/managedZones`;
    await neighbour("POST", zones, { name: "theirs", dnsName: `${name}.`, description: "theirs" });
    for (const args of [["create-gke-all"], ["delete-gke-all", "--yes"]] as const) {
      const [task, ...flags] = args;
      expect(onlyError(await gcp.run(task, flags, { fleet }))).toEqual([
        `${k01}/zone`,
        `the zone theirs (${name}) in gcp-01 is without the tags of a fleet (ForeignResource)\nhint: rename or remove it, or take it over with --adopt`,
      ]);
    }
    const adopted = await well(gcp.run("create-gke-all", ["--adopt"], { fleet }));
    expect(endedAs(adopted, "adopted")).toEqual([`${k01}/zone`]);
    const again = await well(gcp.run("create-gke-all", [], { fleet }));
    expect(endedAs(again, "unchanged").length).toBe(Object.keys(again.results).length);

    const record = { name: `www.${name}.`, type: "A", ttl: 60, rrdatas: ["192.0.2.1"] };
    await neighbour("POST", `${zones}/theirs/changes`, { additions: [record] });
    const [id, stopped] = onlyError(await gcp.run("delete-gke-all", ["--yes"], { fleet }));
    expect(id).toBe(`${k01}/zone`);
    expect(stopped).toContain("(ZoneNotEmpty)\nhint: delete them");
    expect(stopped).toEndWith(`A www.${name}`);
    await neighbour("POST", `${zones}/theirs/changes`, { deletions: [record] });
    await well(gcp.run("delete-gke-all", ["--yes"], { fleet }));
    expect((await neighbour("GET", zones)).managedZones ?? []).toEqual([]);
  });
});

test.concurrent("the zone of clusters is adopted under another name, and with it what may delegate there", async () => {
  await inGcp(async (gcp) => {
    const fleet = fleetOf(gke(1));
    await gcp.openFor(fleet);
    await gcp.daemon.operate("gcp", "enable-services", { project: management, services: "dns.googleapis.com" });
    const neighbour = await gcp.neighbour();
    const zones = `dns/dns/v1/projects/${management}/managedZones`;
    await neighbour("POST", zones, { name: "theirs", dnsName: "k8s.gcp.mylabs.dev.", description: "theirs" });
    const [id, error] = onlyError(await gcp.run("create/gcp-mgmt", [], { fleet }));
    expect(id).toBe("gcp/gcp-mgmt/zone/k8s.gcp.mylabs.dev");
    expect(error).toContain("(ForeignResource)");
    const adopted = await well(gcp.run("create/gcp-mgmt", ["--adopt"], { fleet }));
    expect(endedAs(adopted, "adopted")).toEqual([id]);
    await well(gcp.run("create-gke-all", [], { fleet }));
    const { bindings } = await neighbour("POST", `${zones}/theirs:getIamPolicy`, {});
    expect(bindings).toEqual([expect.objectContaining({ role: expect.stringContaining("Delegations") })]);
    await well(gcp.run("delete-gke-all", ["--yes"], { fleet }));
    await well(gcp.run("delete/gcp-tenant", ["--yes"], { fleet }));
    await well(gcp.run("delete/gcp-mgmt", ["--yes"], { fleet }));
    expect((await neighbour("GET", zones)).managedZones ?? []).toEqual([]);
  });
});
