import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { GcpActor } from "#lib/gcp/clients.ts";
import { createGcpClients } from "#lib/gcp/create-clients.ts";
import { isGcpError } from "#lib/gcp/error-kinds.ts";
import { failureOf } from "#tests/support/failure.ts";
import {
  account,
  type GoogleServer,
  gcpFleet,
  googleFault,
  management,
  openGoogleServer,
} from "#tests/support/google-server.ts";
import { virtualClock } from "#tests/support/virtual-clock.ts";

let server: GoogleServer;
beforeEach(async () => {
  server = await openGoogleServer();
});
afterEach(async () => await server.close());

const actor: GcpActor = { account, as: "clusters" };
const full = "k8s-multicluster-gitops@mylabs-mgmt.iam.gserviceaccount.com";
const inAccount = "k8s-multicluster-gitops@mylabs-01.iam.gserviceaccount.com";
const cluster = "v1/projects/mylabs-01/locations/us-east1/clusters/k01";
const guard = "cloudresourcemanager GET /v3/projects/mylabs-01";

/** Clients and the run that calls them. */
function open(variables: Readonly<Record<string, string>> = {}) {
  const clock = virtualClock();
  const said: string[] = [];
  const stop = new AbortController();
  const world = { clock, signal: stop.signal, progress: (message: string): void => void said.push(message) };
  const gcp = createGcpClients(gcpFleet, { ...server.variables, ...variables }, { clock });
  return { gcp, rest: gcp.rest(actor), world, clock, said, stop };
}

/** Without tokens. */
const apiCalls = () => server.asked.filter((line) => !/^(token|sts|act|github) /.test(line));

describe("Google's APIs", () => {
  test("are called as the account's service account, by way of the management project", async () => {
    const { rest, world } = open();
    server.api = (_, __, caller) => Response.json({ name: "k01", caller });
    expect(await rest.get(world, "container", cluster)).toEqual({ name: "k01", caller: inAccount });
    await rest.get(world, "container", cluster);
    expect(server.asked).toEqual([
      "token ann",
      `act ann@example.org → ${full} cloud-platform`,
      `act ${full} → ${inAccount} cloud-platform`,
      `container GET /${cluster}`,
      `container GET /${cluster}`,
    ]);
  });

  test("have undefined for what is missing, nothing in what is missing, and delete it", async () => {
    const { rest, world } = open();
    expect(await rest.get(world, "container", cluster)).toBeUndefined();
    expect(await rest.list(world, "iam", "v1/projects/p/roles", "roles")).toEqual([]);
    expect(await rest.send(world, "container", "DELETE", cluster)).toEqual({});
  });

  test("list all pages", async () => {
    const { rest, world } = open();
    server.api = (_, url) =>
      Response.json(
        url.searchParams.has("pageToken") ? { roles: [{ name: "b" }] } : { roles: [{ name: "a" }], nextPageToken: "2" },
      );
    const found = await rest.list(world, "iam", "v1/projects/p/roles", "roles", { showDeleted: true, view: undefined });
    expect(found).toEqual([{ name: "a" }, { name: "b" }]);
    expect(apiCalls()).toEqual([
      "iam GET /v1/projects/p/roles?showDeleted=true",
      "iam GET /v1/projects/p/roles?showDeleted=true&pageToken=2",
    ]);
  });

  test("are guarded once before they change something", async () => {
    const { rest, world } = open();
    server.api = async (request) =>
      request.method === "POST" ? Response.json({ got: await request.json() }) : undefined;
    expect(await rest.send(world, "container", "POST", "v1/a", { cluster: { name: "k01" } })).toEqual({
      got: { cluster: { name: "k01" } },
    });
    await rest.send(world, "iam", "POST", "v1/b:getIamPolicy", {});
    await rest.send(world, "container", "DELETE", cluster);
    expect(apiCalls()).toEqual([
      guard,
      "container POST /v1/a",
      "iam POST /v1/b:getIamPolicy",
      `container DELETE /${cluster}`,
    ]);
  });

  test.each([
    [
      "another project",
      { name: "projects/100000000002", projectId: "other", state: "ACTIVE" },
      "WrongAccount",
      "other",
    ],
    ["another number", { name: "projects/1", projectId: "mylabs-01", state: "ACTIVE" }, "WrongAccount", "is 1,"],
    [
      "a deleted project",
      { name: "projects/100000000002", projectId: "mylabs-01", state: "DELETE_REQUESTED" },
      "ProjectUnusable",
      "DELETE_REQUESTED",
    ],
  ])("change nothing in %s", async (_, found, code, named) => {
    const { rest, world } = open();
    server.api = (__, url) => (url.pathname.includes("/v3/") ? Response.json(found) : Response.json({}));
    const failure = await failureOf(rest.send(world, "container", "DELETE", cluster));
    expect([failure.code, failure.message]).toEqual([code, expect.stringContaining(named)]);
    expect(apiCalls()).toEqual([guard]);
  });

  test("are asked again with a new token when they reject one, once", async () => {
    const { rest, world } = open();
    let refusals = 1;
    server.api = () =>
      refusals-- > 0
        ? googleFault(401, "UNAUTHENTICATED", "Invalid Credentials", "authError")
        : Response.json({ ok: true });
    expect(await rest.get(world, "container", cluster)).toEqual({ ok: true });
    expect(server.asked.filter((line) => line.startsWith("act")).length).toBe(3);
    refusals = 5;
    expect((await failureOf(rest.get(world, "container", cluster))).code).toBe("SessionExpired");
  });

  test.each([
    ["429", "RESOURCE_EXHAUSTED", "rateLimitExceeded", { "retry-after": "7" }, "Google asks to wait 7 s"],
    ["503", "UNAVAILABLE", "backendError", {}, "trying again in 1 s"],
  ])("are asked again after %s", async (status, code, reason, headers, said) => {
    const run = open();
    let refusals = 1;
    server.api = () =>
      refusals-- > 0 ? googleFault(Number(status), code, "not now", reason, { headers }) : Response.json({ ok: true });
    expect(await run.rest.get(run.world, "container", cluster)).toEqual({ ok: true });
    expect(run.said.join()).toContain(said);
  });

  test("get no second POST when the first one may have worked", async () => {
    const { rest, world } = open();
    server.api = (request) =>
      request.method === "POST" ? googleFault(503, "UNAVAILABLE", "perhaps", "backendError") : undefined;
    expect((await failureOf(rest.send(world, "container", "POST", "v1/a", {}))).code).toBe("GcpUnreachable");
    expect(apiCalls()).toEqual([guard, "container POST /v1/a"]);
  });

  const disabled = {
    details: [
      {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        reason: "SERVICE_DISABLED",
        metadata: { service: "container.googleapis.com", consumer: "projects/100000000002" },
      },
    ],
  };
  const refusals: readonly (readonly [string, () => Response, string, string])[] = [
    [
      "denied",
      () =>
        googleFault(
          403,
          "PERMISSION_DENIED",
          "Permission 'x.y.z' denied on resource (or it may not exist).",
          "forbidden",
        ),
      "GcpDenied",
      "x.y.z",
    ],
    [
      "disabled",
      () =>
        googleFault(
          403,
          "PERMISSION_DENIED",
          "Kubernetes Engine API has not been used in project 1 before or it is disabled.",
          "accessNotConfigured",
          disabled,
        ),
      "GcpApiDisabled",
      "container.googleapis.com is not enabled in the project 100000000002",
    ],
    [
      "disabled, as Cloud DNS says it",
      () =>
        googleFault(
          403,
          "PERMISSION_DENIED",
          "Cloud DNS API has not been used in project 77 before or it is disabled. Enable it by visiting https://console.developers.google.com/apis/api/dns.googleapis.com/overview?project=77",
          "accessNotConfigured",
        ),
      "GcpApiDisabled",
      "dns.googleapis.com is not enabled in the project 77",
    ],
    [
      "without billing",
      () =>
        googleFault(403, "PERMISSION_DENIED", "This API method requires billing to be enabled.", "BILLING_DISABLED"),
      "ProjectUnusable",
      "billing",
    ],
    [
      "busy",
      () =>
        googleFault(
          400,
          "FAILED_PRECONDITION",
          "Operation operation-1-x is currently creating cluster k01. Please wait and try again once it is done.",
          "failedPrecondition",
        ),
      "GcpBusy",
      "operation-1-x",
    ],
    [
      "changed meanwhile",
      () => googleFault(409, "ABORTED", "There were concurrent policy changes.", "aborted"),
      "GcpFailed",
      "changed by others",
    ],
    [
      "out of quota",
      () =>
        googleFault(403, "FORBIDDEN", 'Insufficient regional quota to satisfy request: resource "CPUS"', "forbidden"),
      "QuotaExceeded",
      "CPUS",
    ],
    [
      "full of clusters",
      () =>
        googleFault(
          403,
          "PERMISSION_DENIED",
          "You cannot create more than 3 clusters in location us-central1; to create more than 3, you must request an increase of your Google Compute Engine quota for region us-central1 to 25 CPUs or more.",
          "forbidden",
        ),
      "QuotaExceeded",
      "more than 3 clusters",
    ],
    [
      "full of service accounts",
      () =>
        googleFault(
          429,
          "RESOURCE_EXHAUSTED",
          "Maximum number of service accounts on project reached.",
          "rateLimitExceeded",
          { details: [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "86401s" }] },
        ),
      "QuotaExceeded",
      "Maximum number",
    ],
    [
      "not empty",
      () =>
        googleFault(
          400,
          "FAILED_PRECONDITION",
          "The resource named 'z' cannot be deleted because it contains one or more 'resource records'.",
          "containerNotEmpty",
        ),
      "ZoneNotEmpty",
      "'z'",
    ],
    ["wrong", () => googleFault(400, "INVALID_ARGUMENT", "Invalid value.", "badRequest"), "GcpFailed", "Invalid value"],
  ];
  test.each(refusals)("say in our words what is %s", async (_, answer, code, named) => {
    const { rest, world, clock } = open();
    server.api = answer;
    const began = clock.now();
    const failure = await failureOf(rest.get(world, "container", cluster));
    expect([failure.code, failure.message]).toEqual([code, expect.stringContaining(named)]);
    expect(clock.now()).toBe(began);
    expect(failure.message).toStartWith("gcp-01: ");
    expect(isGcpError(failure)).toBe(true);
    expect(isGcpError(failure, "no such reason")).toBe(false);
  });

  test.each([
    ["an API that was just enabled", "accessNotConfigured", 403, "still enabling the API", "v1/a"],
    ["a role that was just given", "forbidden", 403, "still propagating", "v1/a"],
    [
      "a service account that was just created",
      "notFound",
      404,
      "new service account",
      "v1/projects/p/serviceAccounts/e:setIamPolicy",
    ],
  ])("are patient with %s, but not for ever", async (_, reason, status, said, path) => {
    const run = open();
    run.gcp.accessChanged(account);
    let refusals = 3;
    server.api = (request) =>
      request.method === "POST" && refusals-- > 0
        ? googleFault(status, "X", "no", reason)
        : request.method === "POST"
          ? Response.json({ ok: true })
          : undefined;
    expect(await run.rest.send(run.world, "iam", "POST", path, {})).toEqual({ ok: true });
    expect(run.said.join()).toContain(said);
    refusals = Number.POSITIVE_INFINITY;
    const began = run.clock.now();
    await failureOf(run.rest.send(run.world, "iam", "POST", path, {}));
    expect(run.clock.now() - began).toBeLessThan(6 * 60_000);
    // Without a change of ours there is nothing to wait for, nor with one in another project.
    const other = open();
    other.gcp.accessChanged(management);
    const start = other.clock.now();
    await failureOf(other.rest.send(other.world, "iam", "POST", path, {}));
    expect(other.clock.now()).toBe(start);
    await failureOf(open().rest.send(run.world, "iam", "POST", path, {}));
  });

  test("are not patient with a quota, which Google tells as it tells missing access", async () => {
    const { rest, world, gcp, clock } = open();
    gcp.accessChanged(account);
    const began = clock.now();
    server.api = () =>
      googleFault(403, "PERMISSION_DENIED", 'Insufficient regional quota: resource "CPUS": short', "forbidden");
    const failure = await failureOf(rest.get(world, "container", cluster));
    expect([failure.code, clock.now()]).toEqual(["QuotaExceeded", began]);
  });

  test("end with the run", async () => {
    const { rest, world, stop } = open();
    server.api = () => new Promise(() => undefined);
    setTimeout(() => stop.abort(new Error("stopped")), 50);
    await expect(rest.get(world, "container", cluster)).rejects.toThrow("stopped");
  });
});

describe("administrators", () => {
  const administrator: GcpActor = { account, as: "administrator" };

  test("act as themselves, if the project lets them set its policy", async () => {
    const { gcp, world } = open();
    server.owners.add("ann@example.org");
    expect(await gcp.findAdministrator(account)).toEqual({ kind: "user", name: "ann@example.org" });
    server.api = (_, url, caller) => (url.pathname.includes("v1/x") ? Response.json({ caller }) : undefined);
    expect(await gcp.rest(administrator).get(world, "iam", "v1/x")).toEqual({ caller: "ann@example.org" });
  });

  test("are missed where nobody is one, or replaced by a service account", async () => {
    const { gcp, world } = open();
    expect(await gcp.findAdministrator(account)).toBeUndefined();
    expect((await failureOf(gcp.caller(administrator))).code).toBe("CredentialsMissing");
    server.api = (_, url, caller) => (url.pathname.includes("v1/x") ? Response.json({ caller }) : undefined);
    const otherwise: GcpActor = { ...administrator, otherwise: "clusters" };
    expect(await gcp.rest(otherwise).get(world, "iam", "v1/x")).toEqual({ caller: inAccount });
  });
});

describe("Cloud DNS", () => {
  const zone = {
    kind: "dns#managedZone",
    name: "gcp-mylabs-dev",
    id: "12",
    dnsName: "gcp.MYLABS.dev.",
    nameServers: ["ns-cloud-b2.googledomains.com.", "ns-cloud-b1.googledomains.com."],
    labels: { project: "p" },
    visibility: "public",
  };
  const parsed = {
    name: "gcp-mylabs-dev",
    id: "12",
    dnsName: "gcp.mylabs.dev",
    description: "",
    labels: { project: "p" },
    nameServers: ["ns-cloud-b1.googledomains.com", "ns-cloud-b2.googledomains.com"],
    visibility: "public",
  } as const;
  const at = "/dns/v1/projects/mylabs-mgmt/managedZones";
  const dnsOf = async () => {
    const run = open();
    return { ...run, dns: await run.gcp.dns({ account: management, as: "management" }) };
  };
  const bodies: unknown[] = [];

  test("has zones as plain objects, by their names and DNS names", async () => {
    const { dns, world } = await dnsOf();
    expect(await dns.zone(world, "gcp-mylabs-dev")).toBeUndefined();
    server.api = (request, url) =>
      url.pathname.endsWith("/gcp-mylabs-dev")
        ? Response.json(zone)
        : Response.json({ managedZones: request.method === "GET" ? [zone] : [] });
    expect(await dns.zone(world, "gcp-mylabs-dev")).toEqual(parsed);
    expect(await dns.zones(world, "gcp.mylabs.dev")).toEqual([parsed]);
    expect(apiCalls().at(-1)).toBe(`dns GET ${at}?dnsName=gcp.mylabs.dev.`);
  });

  test("creates and labels zones with bodies that are not compressed, and deletes them", async () => {
    const { dns, world } = await dnsOf();
    server.api = async (request, url) => {
      if (url.pathname.includes("/v3/")) return undefined;
      expect(request.headers.get("content-encoding")).toBeNull();
      if (request.method === "DELETE") return googleFault(404, "NOT_FOUND", "gone", "notFound");
      if (request.method !== "GET") bodies.push(await request.json());
      return Response.json(zone);
    };
    const wanted = { name: "gcp-mylabs-dev", dnsName: "gcp.mylabs.dev", description: "d", labels: { project: "p" } };
    expect(await dns.createZone(world, wanted)).toEqual(parsed);
    await dns.setLabels(world, "gcp-mylabs-dev", { fleet: "f" });
    await dns.removeZone(world, "gcp-mylabs-dev");
    expect(bodies).toEqual([
      { ...wanted, dnsName: "gcp.mylabs.dev.", visibility: "public" },
      { labels: { fleet: "f" } },
    ]);
  });

  test("reads record sets of all pages, and changes them as they were read", async () => {
    const { dns, world } = await dnsOf();
    const set = { name: "k01.gcp.mylabs.dev", type: "NS", ttl: 300, values: ["b.example.", "a.example."] };
    const wire = { name: "k01.gcp.mylabs.dev.", type: "NS", ttl: 300, rrdatas: ["b.example.", "a.example."] };
    let looks = 0;
    const changes: unknown[] = [];
    server.api = async (request, url) => {
      if (request.method === "POST") changes.push(await request.json());
      if (url.pathname.endsWith("/changes")) return Response.json({ id: "7", status: "pending" });
      if (url.pathname.endsWith("/changes/7"))
        return Response.json({ id: "7", status: ++looks > 1 ? "done" : "pending" });
      if (!url.pathname.endsWith("/rrsets")) return undefined;
      return url.searchParams.has("pageToken")
        ? Response.json({ rrsets: [wire] })
        : Response.json({ rrsets: [{ ...wire, type: "TXT", rrdatas: ['"x"'] }], nextPageToken: "2" });
    };
    expect(await dns.recordSets(world, "z")).toEqual([{ ...set, type: "TXT", values: ['"x"'] }, set]);
    await dns.change(world, "z", { additions: [{ ...set, ttl: 60 }], deletions: [set] });
    expect(changes).toEqual([{ additions: [{ ...wire, ttl: 60 }], deletions: [wire] }]);
    expect(looks).toBe(2);
    await dns.recordSets(world, "z", { name: "k01.gcp.mylabs.dev", type: "NS" });
    expect(server.asked.join("\n")).toContain(`${at}/z/rrsets?name=k01.gcp.mylabs.dev.&type=NS`);
  });

  test("tells a change that others outran", async () => {
    const { dns, world } = await dnsOf();
    server.api = (request) =>
      request.method === "POST"
        ? googleFault(
            412,
            "FAILED_PRECONDITION",
            "Precondition not met for 'entity.change.deletions[0]'",
            "conditionNotMet",
          )
        : undefined;
    const failure = await failureOf(
      dns.change(world, "z", { deletions: [{ name: "a", type: "NS", ttl: 1, values: [] }] }),
    );
    expect(isGcpError(failure, "conditionNotMet")).toBe(true);
    expect(apiCalls().filter((line) => line.includes("POST")).length).toBe(1);
  });

  test("fails with what the package throws while it reads an answer", async () => {
    const { dns, world } = await dnsOf();
    server.api = (request) => (request.method === "POST" ? Response.json({}) : undefined);
    const wanted = { name: "z", dnsName: "z.dev", description: "", labels: {} };
    await expect(dns.createZone(world, wanted)).rejects.toThrow("A zone name is required");
  });
});
