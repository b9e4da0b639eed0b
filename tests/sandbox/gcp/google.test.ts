import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { Gateway } from "#sandbox/gcp/api/gateway.ts";
import { matchMethod, methods } from "#sandbox/gcp/api/methods.ts";
import { gcpApi } from "#sandbox/gcp/http-api.ts";
import { changeProject } from "#sandbox/gcp/projects/projects.ts";
import { disableService } from "#sandbox/gcp/projects/services.ts";
import { listAt, stringAt } from "#sandbox/json.ts";
import { messageOf, type OpenedGoogle, openGoogle, project, refusalOf, zones } from "#tests/sandbox/gcp/harness.ts";

let google: OpenedGoogle;

beforeEach(async () => {
  google = await openGoogle();
});
afterEach(() => google.close());

const zone = { name: "example", dnsName: "example.org.", description: "" };

describe("methods", () => {
  test("have one path each, whichever host is asked", () => {
    for (const { id, verb, path, api } of methods) {
      const filled = path.replace(/\{\w+\}/g, "x-1");
      expect(matchMethod(verb, "127.0.0.1", `/${filled}`)?.method.id).toBe(id);
      expect(matchMethod(verb, api.host, `/${filled}`)?.method.id).toBe(id);
    }
  });

  test("belong to their host", () => {
    expect(matchMethod("GET", "iam.googleapis.com", `/${zones}`)).toBeUndefined();
    expect(matchMethod("GET", "dns.googleapis.com", `/${zones}`)?.method.id).toBe("dns.managedZones.list");
  });

  test("get their parameters decoded", () => {
    const path = "/v1/projects/-/serviceAccounts/a%40b.iam.gserviceaccount.com:generateAccessToken";
    expect(matchMethod("POST", "127.0.0.1", path)?.params).toEqual({
      projectsId: "-",
      serviceAccountsId: "a@b.iam.gserviceaccount.com",
    });
  });

  test("that the sandbox does not emulate are said to be so", async () => {
    const pools = `v1/projects/${project.projectId}/locations/global/workloadIdentityPools`;
    const rules = await google.ask("GET", `${pools}/github:listAttestationRules`);
    const id = "iam.projects.locations.workloadIdentityPools.listAttestationRules";
    expect(messageOf(rules)).toEqual([501, `the sandbox does not know the method ${id}`]);
    expect(messageOf(await google.ask("GET", "v9/bogus"))).toEqual([404, "the sandbox has no GET /v9/bogus"]);
  });
});

describe("requests", () => {
  test.each([
    [
      "an unknown field",
      { ...zone, bogus: 1 },
      'Invalid JSON payload received. Unknown name "bogus": Cannot find field.',
    ],
    [
      "an unknown field inside",
      { ...zone, cloudLoggingConfig: { bogus: 1 } },
      `Invalid JSON payload received. Unknown name "bogus" at 'cloud_logging_config': Cannot find field.`,
    ],
    ["another type", { ...zone, name: 1 }, "Invalid value at 'name' (TYPE_STRING), 1"],
    ["a text for a list", { ...zone, labels: "a" }, `Invalid value at 'labels' (map), "a"`],
    ["an unknown value", { ...zone, visibility: "x" }, `Invalid value at 'visibility' (TYPE_ENUM), "x"`],
  ])("are refused with %s", async (_, body, message) => {
    const refused = await google.ask("POST", zones, body);
    expect(messageOf(refused)).toEqual([400, message]);
    expect(listAt(refused.body, "error", "details")).toMatchObject([
      { "@type": "type.googleapis.com/google.rpc.BadRequest", fieldViolations: [{ description: message }] },
    ]);
  });

  test("are refused with an unknown parameter, and keep those that all methods have", async () => {
    expect(messageOf(await google.ask("GET", `${zones}?bogus=1`))).toEqual([
      400,
      `Invalid JSON payload received. Unknown name "bogus": Cannot bind query parameter. Field 'bogus' could not be found in request message.`,
    ]);
    expect((await google.ask("GET", `${zones}?alt=json&prettyPrint=false&$alt=json&max_results=1`)).status).toBe(200);
  });

  test("lose null and read-only fields, and may spell names in snake case", async () => {
    const sent = { name: "example", dns_name: "example.org.", description: "", id: "7", labels: null };
    expect((await google.ask("POST", zones, sent)).status).toBe(200);
    expect(google.calls.at(-1)?.body).toEqual(zone);
  });

  test("need a token, and an allowed caller", async () => {
    const anonymous = await google.ask("GET", zones, undefined, { authorization: "" });
    expect(anonymous).toMatchObject({ status: 401, body: { error: { status: "UNAUTHENTICATED" } } });
    expect((await google.ask("GET", zones, undefined, { authorization: "Bearer wrong" })).status).toBe(401);
    google.denied.add("dns.managedZones.list");
    expect((await google.ask("GET", zones)).status).toBe(403);
    expect((await google.ask("GET", `dns/v1/projects/${project.number}`)).status).toBe(200);
  });

  test("with an answer that Google would not give are an error of the sandbox", async () => {
    const gateway = new Gateway({
      cloud: google.cloud,
      behaviours: { "dns.managedZones.list": () => ({ zones: [] }) },
      identify: () => ({ name: "", members: [], scopes: [] }),
      authorize() {},
    });
    const { response } = await gateway.handle({
      method: "GET",
      url: new URL(`https://127.0.0.1/${zones}`),
      headers: { authorization: "Bearer x" },
      body: "",
    });
    expect(response.status).toBe(500);
    expect(await response.text()).toContain(`dns.managedZones.list does not answer like this`);
  });
});

describe("projects", () => {
  test("are read by id and by number", async () => {
    for (const name of [project.projectId, project.number]) {
      expect((await google.ask("GET", `v3/projects/${name}`)).body).toMatchObject({
        name: `projects/${project.number}`,
        projectId: project.projectId,
        state: "ACTIVE",
      });
    }
  });

  test("of others are said to be denied, because they may not exist", async () => {
    expect(messageOf(await google.ask("GET", "v3/projects/unknown-project"))).toEqual([
      403,
      "Permission 'resourcemanager.projects.get' denied on resource '//cloudresourcemanager.googleapis.com/projects/unknown-project' (or it may not exist).",
    ]);
    expect(messageOf(await google.ask("GET", "dns/v1/projects/unknown-project/managedZones"))).toEqual([
      403,
      "Permission denied on resource project unknown-project.",
    ]);
  });

  test("that are to be deleted or are not paid for can be read only", async () => {
    changeProject(google.cloud, project, { isBillingDisabled: true });
    expect(errorReason(await google.ask("GET", zones))).toBe("BILLING_DISABLED");
    expect((await google.ask("GET", `v1/projects/${project.projectId}/serviceAccounts`)).status).toBe(200);
    changeProject(google.cloud, project, { state: "DELETE_REQUESTED" });
    expect(messageOf(await google.ask("GET", zones))).toEqual([403, `Project #${project.number} has been deleted.`]);
    const { body } = await google.ask("GET", `v3/projects/${project.projectId}`);
    expect(body).toMatchObject({ state: "DELETE_REQUESTED" });
  });
});

describe("services", () => {
  const services = `v1/projects/${project.projectId}/services`;
  const dns = "dns.googleapis.com";

  test("are disabled in a new project, and work a while after they were enabled", async () => {
    await google.close();
    google = await openGoogle(false);
    const disabled = await google.ask("GET", zones);
    expect(refusalOf(disabled)).toEqual([403, "accessNotConfigured"]);
    expect(errorReason(disabled)).toBe("SERVICE_DISABLED");
    expect(messageOf(disabled)[1]).toStartWith(
      `Cloud DNS API has not been used in project ${project.number} before or it is disabled.`,
    );
    expect((await google.ask("GET", `${services}/${dns}`)).body).toMatchObject({ state: "DISABLED" });

    const begun = await google.ask("POST", `${services}:batchEnable`, { serviceIds: [dns, "compute.googleapis.com"] });
    expect(begun.body).toEqual({ name: expect.stringMatching(/^operations\/acat\.p2-100000000001-/) });
    google.advance(1_000);
    expect((await google.ask("GET", `v1/${stringAt(begun.body, "name")}`)).body).toMatchObject({
      done: true,
      response: {
        "@type": "type.googleapis.com/google.api.serviceusage.v1.BatchEnableServicesResponse",
        services: [{ name: `projects/${project.number}/services/${dns}`, state: "ENABLED" }, { state: "ENABLED" }],
      },
    });
    const enabled = await google.ask("GET", `${services}?filter=state:ENABLED`);
    expect(listAt(enabled.body, "services").map((one) => stringAt(one, "name").split("/").at(-1))).toEqual([
      "cloudresourcemanager.googleapis.com",
      "compute.googleapis.com",
      dns,
      "serviceusage.googleapis.com",
    ]);
    google.advance(60_000);
    expect((await google.ask("GET", zones)).status).toBe(200);
    await google.restart();
    expect((await google.ask("GET", zones)).status).toBe(200);
  });

  test("are enabled before they work", async () => {
    disableService(google.cloud, project, dns);
    const { body } = await google.ask("POST", `${services}/${dns}:enable`, {});
    // A third of a minute, at this speed.
    google.advance(40);
    expect((await google.ask("GET", `v1/${stringAt(body, "name")}`)).body).toMatchObject({ done: true });
    expect((await google.ask("GET", `${services}/${dns}`)).body).toMatchObject({ state: "ENABLED" });
    expect((await google.ask("GET", zones)).status).toBe(403);
  });

  test("go on working when they are enabled again", async () => {
    await google.ask("POST", `${services}/${dns}:enable`, {});
    expect((await google.ask("GET", zones)).status).toBe(200);
  });

  test("stop to work when they are disabled", async () => {
    await google.ask("POST", `${services}/${dns}:disable`, {});
    expect((await google.ask("GET", zones)).status).toBe(403);
  });

  test.each([
    ["21 services", Array.from({ length: 21 }, (_, index) => `s${index}.googleapis.com`), 400],
    ["no service", [], 400],
    ["a service of nobody", ["bogus"], 403],
  ])("are not enabled in a batch of %s", async (_, serviceIds, status) => {
    expect((await google.ask("POST", `${services}:batchEnable`, { serviceIds })).status).toBe(status);
  });
});

describe("faults", () => {
  const operation = { service: "managedZones", action: "create", region: "global" };

  test("name the last two words of a method", () => {
    const api = gcpApi(google.cloud, gatewayOf(google));
    const of = (method: string, path: string) =>
      api.operationOf({ method, url: new URL(`https://127.0.0.1/${path}`), headers: {}, body: "" });
    expect(of("POST", zones)).toEqual(operation);
    expect(of("POST", "v1/token")).toMatchObject({ service: "sts", action: "token" });
    expect(of("POST", "token")).toMatchObject({ service: "oauth2", action: "token" });
    expect(of("GET", "github/token")).toBeUndefined();
  });

  test.each([
    [operation, { kind: "throttle", seconds: 7 } as const, 429, "RESOURCE_EXHAUSTED"],
    [operation, { kind: "fail", code: "UNAVAILABLE" } as const, 503, "UNAVAILABLE"],
    [{ ...operation, service: "sts" }, { kind: "fail", code: "invalid_target" } as const, 400, "invalid_target"],
  ])("are refused in the words of the service: %j %j", async (what, effect, status, code) => {
    const api = gcpApi(google.cloud, gatewayOf(google));
    const response = api.refuse(what, effect);
    expect([response.status, await api.readErrorCode(response)]).toEqual([status, code]);
    expect(response.headers.get("retry-after")).toBe(effect.kind === "throttle" ? "7" : null);
  });
});

function gatewayOf({ cloud }: OpenedGoogle): Gateway {
  const identify = () => ({ name: "", members: [], scopes: [] });
  return new Gateway({ cloud, behaviours: {}, identify, authorize() {} });
}

function errorReason({ body }: { readonly body: unknown }): string {
  const reasons = listAt(body, "error", "details").map((detail) => stringAt(detail, "reason"));
  return reasons.find((reason) => reason !== "") ?? "";
}
