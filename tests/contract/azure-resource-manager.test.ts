import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { DnsManagementClient } from "@azure/arm-dns";
import { ClientSecretCredential } from "@azure/identity";
import { type Client, getClient } from "@azure-rest/core-client";
import { type AzureHost, openAzureHost, subscriptionId, tenantId } from "#tests/support/azure-host.ts";

// Against hanging only.
setDefaultTimeout(30_000);

const group = "zones";
const scope = `/subscriptions/${subscriptionId}/resourceGroups/${group}`;
const scopes = ["https://management.azure.com/.default"];
const servers = /^ns[1-4]-(\d\d)\.azure-dns\.(com|net|org|info)\.$/;

let azure: AzureHost;
let credential: ClientSecretCredential;
let dns: DnsManagementClient;
let arm: Client;

beforeAll(async () => {
  azure = await openAzureHost();
  const { endpoint } = azure.server;
  const tlsOptions = { ca: azure.authority };
  const { clientId, secret } = azure.administrator;
  credential = new ClientSecretCredential(tenantId, clientId, secret, {
    authorityHost: endpoint,
    disableInstanceDiscovery: true,
    tlsOptions,
  });
  dns = new DnsManagementClient(credential, subscriptionId, { endpoint, credentialScopes: scopes, tlsOptions });
  arm = getClient(endpoint, credential, { credentials: { scopes }, tlsOptions });
});
afterAll(async () => await azure.close());

beforeEach(async () => {
  azure.server.faults.clear();
  expect(["200", "201"]).toContain((await send("put", scope, "2025-04-01", { location: "eastus2" })).status);
});

type Verb = "get" | "put" | "patch" | "delete" | "post";

/** By the generic client. */
async function send(verb: Verb, path: string, version: string, body?: object) {
  const queryParameters = { "api-version": version };
  const response = await arm.pathUnchecked(path)[verb]({ queryParameters, ...(body === undefined ? {} : { body }) });
  return {
    status: response.status,
    headers: response.headers,
    body: response.body as Readonly<Record<string, unknown>>,
  };
}

/** Until the sandbox has deleted it. */
async function gone(path: string, version: string): Promise<void> {
  while ((await send("get", path, version)).status !== "404") await Bun.sleep(20);
}

describe("@azure/arm-dns", () => {
  test("creates a zone with four name servers, and finds it", async () => {
    const zone = await dns.zones.createOrUpdate(group, "az.mylabs.test", { location: "global", tags: { a: "b" } });
    expect(zone).toMatchObject({ numberOfRecordSets: 2, zoneType: "Public", tags: { a: "b" } });
    expect(zone.nameServers?.map((server) => servers.test(server))).toEqual([true, true, true, true]);
    expect(await Array.fromAsync(dns.zones.list())).toContainEqual(zone);
    expect(await dns.zones.get(group, "az.mylabs.test")).toEqual(zone);
  });

  test("gives zones above and below others no server in common", async () => {
    const zones = await Promise.all(
      ["mylabs.test", "az.mylabs.test", "k8s.az.mylabs.test", "k01.k8s.az.mylabs.test"].map((name) =>
        dns.zones.createOrUpdate(group, name, { location: "global" }),
      ),
    );
    expect(new Set(zones.flatMap(({ nameServers = [] }) => nameServers)).size).toBe(16);
  });

  test.each([
    ["A", { aRecords: [{ ipv4Address: "192.0.2.1" }, { ipv4Address: "192.0.2.2" }] }],
    ["AAAA", { aaaaRecords: [{ ipv6Address: "2001:db8::1" }] }],
    ["CAA", { caaRecords: [{ flags: 0, tag: "issue", value: "ca.test" }] }],
    ["CNAME", { cnameRecord: { cname: "other.test" } }],
    ["MX", { mxRecords: [{ preference: 10, exchange: "mail.test" }] }],
    ["NS", { nsRecords: [{ nsdname: "ns1.other.test." }] }],
    ["PTR", { ptrRecords: [{ ptrdname: "host.test" }] }],
    ["SRV", { srvRecords: [{ priority: 1, weight: 2, port: 443, target: "host.test" }] }],
    ["TXT", { txtRecords: [{ value: ["some", "text"] }] }],
  ] as const)("writes and reads %s records", async (type, records) => {
    await dns.zones.createOrUpdate(group, "az.mylabs.test", { location: "global" });
    const name = `all-${type.toLowerCase()}`;
    // The client's own types are not read only.
    const given = structuredClone(records) as object;
    const written = await dns.recordSets.createOrUpdate(group, "az.mylabs.test", name, type, { ttl: 60, ...given });
    expect(written).toMatchObject({ ...given, ttl: 60, fqdn: `${name}.az.mylabs.test.` });
    expect(await dns.recordSets.get(group, "az.mylabs.test", name, type)).toEqual(written);
    expect(await Array.fromAsync(dns.recordSets.listByType(group, "az.mylabs.test", type))).toContainEqual(written);
    await dns.recordSets.delete(group, "az.mylabs.test", name, type);
    await expect(dns.recordSets.get(group, "az.mylabs.test", name, type)).rejects.toMatchObject({ code: "NotFound" });
  });

  test("reads all pages of a zone", async () => {
    await dns.zones.createOrUpdate(group, "pages.mylabs.test", { location: "global" });
    for (let index = 0; index < 12; index++) {
      await dns.recordSets.createOrUpdate(group, "pages.mylabs.test", `host${index}`, "A", { ttl: 60, aRecords: [] });
    }
    const sets = await Array.fromAsync(dns.recordSets.listByDnsZone(group, "pages.mylabs.test", { top: 5 }));
    expect(new Set(sets.map(({ id }) => id)).size).toBe(14);
  });

  test("is refused a write with another etag, in the unwrapped form of Azure DNS", async () => {
    const zone = "etag.mylabs.test";
    const { etag = "" } = await dns.zones.createOrUpdate(group, zone, { location: "global" });
    const create = dns.zones.createOrUpdate(group, zone, { location: "global" }, { ifNoneMatch: "*" });
    await expect(create).rejects.toMatchObject({ statusCode: 412, code: "PreconditionFailed" });
    await dns.zones.createOrUpdate(group, zone, { location: "global", tags: { a: "b" } }, { ifMatch: etag });
    const late = dns.zones.createOrUpdate(group, zone, { location: "global" }, { ifMatch: etag });
    await expect(late).rejects.toMatchObject({ statusCode: 412 });
  });

  test("deletes a zone with its records, and one that is gone", async () => {
    const zone = "gone.mylabs.test";
    await dns.zones.createOrUpdate(group, zone, { location: "global" });
    await dns.recordSets.createOrUpdate(group, zone, "www", "A", { ttl: 60, aRecords: [{ ipv4Address: "192.0.2.1" }] });
    const options = { updateIntervalInMs: 20 };
    await dns.zones.beginDeleteAndWait(group, zone, options);
    await expect(dns.zones.get(group, zone)).rejects.toMatchObject({ statusCode: 404, code: "ResourceNotFound" });
    await dns.zones.beginDeleteAndWait(group, zone, options);
  });

  test("waits as long as a throttled answer says, and calls again", async () => {
    azure.server.faults.add({ service: "dnsZones", action: "list", nth: 1, times: 1, effect: { kind: "throttle" } });
    const begin = performance.now();
    await Array.fromAsync(dns.zones.list());
    expect(performance.now() - begin).toBeGreaterThan(900);
  });
});

describe("@azure-rest/core-client", () => {
  test("finds the subscription by itself and in the list", async () => {
    const { body } = await send("get", `/subscriptions/${subscriptionId}`, "2022-12-01");
    expect(body).toMatchObject({ subscriptionId, tenantId, state: "Enabled", displayName: "az-mgmt" });
    expect((await send("get", "/subscriptions", "2022-12-01")).body).toEqual({ value: [body] });
  });

  test("deletes a resource group with what is in it, by Location", async () => {
    const [path, version] = [`${scope}-gone`, "2025-04-01"];
    await send("put", path, version, { location: "eastus2" });
    await send("put", `${path}/providers/Microsoft.Network/dnsZones/deep.mylabs.test`, "2018-05-01", {
      location: "global",
    });
    const { status, headers } = await send("delete", path, version);
    expect([status, headers.location]).toMatchObject(["202", expect.stringContaining(azure.server.endpoint)]);
    await gone(path, version);
    const { pathname, search } = new URL(headers.location ?? "");
    expect((await arm.pathUnchecked(`${pathname}${search}`).get()).status).toBe("200");
    expect((await send("delete", path, version)).body).toMatchObject({ error: { code: "ResourceGroupNotFound" } });
  });

  test.each([
    ["AuthorizationFailed", "403"],
    ["ScopeLocked", "409"],
    ["InternalServerError", "500"],
  ])("is told an injected %s in the form of Resource Manager", async (code, status) => {
    azure.server.faults.add({ service: "dnsZones", action: "read", nth: 1, times: 0, effect: { kind: "fail", code } });
    const retryOptions = { maxRetries: 0 };
    const tlsOptions = { ca: azure.authority };
    const impatient = getClient(azure.server.endpoint, credential, {
      credentials: { scopes },
      tlsOptions,
      retryOptions,
    });
    const path = `${scope}/providers/Microsoft.Network/dnsZones/any.test`;
    const found = await impatient.pathUnchecked(path).get({ queryParameters: { "api-version": "2018-05-01" } });
    expect([found.status, found.body]).toMatchObject([status, { error: { code } }]);
    expect(azure.server.calls.at(-1)).toMatchObject({ service: "dnsZones", action: "read", error: code });
  });
});
