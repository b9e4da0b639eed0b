import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createAzureClients } from "#lib/azure/create-clients.ts";
import { isAzureError } from "#lib/azure/explain.ts";
import {
  type AzureServer,
  account,
  azureFault,
  clientId,
  openAzureServer,
  subscriptionId,
  tenantId,
  tokenFor,
} from "#tests/support/azure-server.ts";
import { failureOf } from "#tests/support/failure.ts";
import { virtualClock } from "#tests/support/virtual-clock.ts";

let server: AzureServer;
beforeEach(async () => {
  server = await openAzureServer();
});
afterEach(async () => await server.close());

const group = `/subscriptions/${subscriptionId}/resourceGroups/g`;
const zone = `${group}/providers/Microsoft.Network/dnsZones/az.example.org`;
const guard = `GET /subscriptions/${subscriptionId}?api-version=2022-12-01`;

/** Clients and the run that calls them. */
function open(variables: Readonly<Record<string, string>> = {}) {
  const clock = virtualClock();
  const said: string[] = [];
  const stop = new AbortController();
  const world = { clock, signal: stop.signal, progress: (message: string): void => void said.push(message) };
  const azure = createAzureClients({}, { ...server.variables, ...variables }, { clock });
  return { azure, arm: azure.arm(account), world, clock, said, stop };
}

const armCalls = () => server.asked.filter((line) => !line.startsWith("token "));

describe("Resource Manager", () => {
  test("is called with a token of the account's tenant and the type's API version", async () => {
    const { arm, world, azure } = open();
    server.arm = (request) =>
      Response.json({ id: zone, authorization: request.headers.get("authorization")?.startsWith("Bearer ey") });
    expect(await arm.get(world, zone)).toMatchObject({ id: zone, authorization: true });
    expect(server.asked).toEqual([
      `token ${tenantId} https://management.azure.com/.default`,
      `GET ${zone}?api-version=2018-05-01`,
    ]);
    expect(await azure.caller(account)).toEqual({ kind: "application", tenantId, objectId: "object", name: clientId });
  });

  test("has undefined for what is missing, and nothing in what is missing", async () => {
    const { arm, world } = open();
    expect(await arm.get(world, zone)).toBeUndefined();
    expect(await arm.list(world, `${group}/providers/Microsoft.Network/dnsZones`)).toEqual([]);
    expect(await arm.remove(world, zone)).toBeUndefined();
  });

  test("lists all pages, but follows no link to another host", async () => {
    const { arm, world } = open();
    const second = { path: `${server.url}${group}/providers/Microsoft.Network/dnsZones?page=2` };
    server.arm = (_, url) =>
      Response.json(
        url.searchParams.has("page") ? { value: [{ id: "b" }] } : { value: [{ id: "a" }], nextLink: second.path },
      );
    const found = await arm.list(world, `${group}/providers/Microsoft.Network/dnsZones`, "name eq 'x'");
    expect(found.map(({ id }) => id)).toEqual(["a", "b"]);
    expect(server.asked[1]).toContain("api-version=2018-05-01&%24filter=name%20eq%20%27x%27");
    second.path = "https://example.org/steal";
    const failure = await failureOf(arm.list(world, `${group}/providers/Microsoft.Network/dnsZones`));
    expect([failure.code, failure.message]).toEqual([
      "EndpointRefused",
      expect.stringContaining("https://example.org"),
    ]);
  });

  test("is guarded once before it is changed, and puts conditions and bodies through", async () => {
    const { arm, world } = open();
    server.arm = async (request) =>
      request.method === "PUT"
        ? Response.json(
            { id: zone, ...((await request.json()) as object), match: request.headers.get("if-match") },
            { status: 201 },
          )
        : undefined;
    expect(await arm.put(world, zone, { location: "global" }, { ifMatch: "e1" })).toMatchObject({
      location: "global",
      match: "e1",
    });
    await arm.remove(world, zone);
    expect(armCalls()).toEqual([guard, `PUT ${zone}?api-version=2018-05-01`, `DELETE ${zone}?api-version=2018-05-01`]);
  });

  test.each([
    ["another subscription", { subscriptionId: "other", tenantId, state: "Enabled" }, "WrongAccount", "other"],
    ["another tenant", { subscriptionId, tenantId: "other", state: "Enabled" }, "WrongAccount", "other"],
    ["a disabled subscription", { subscriptionId, tenantId, state: "Disabled" }, "SubscriptionDisabled", "Disabled"],
    ["a warned subscription", { subscriptionId, tenantId, state: "Warned" }, "SubscriptionDisabled", "Warned"],
  ])("is not changed in %s", async (_, found, code, named) => {
    const { arm, world } = open();
    server.arm = (_request, url) => (/^\/subscriptions\/[^/]+$/.test(url.pathname) ? Response.json(found) : undefined);
    const failure = await failureOf(arm.put(world, zone, {}));
    expect([failure.code, failure.message]).toEqual([code, expect.stringContaining(named)]);
    expect(armCalls()).toEqual([guard]);
    // Azure still deletes from a disabled subscription.
    const removal = arm.remove(world, zone);
    if (code === "WrongAccount") expect((await failureOf(removal)).code).toBe("WrongAccount");
    else await removal;
  });

  test("asks again with a new token when it rejects one, once", async () => {
    const { arm, world } = open();
    let refusals = 1;
    server.arm = () =>
      refusals-- > 0
        ? azureFault(401, "ExpiredAuthenticationToken", "The access token expiry is wrong.")
        : Response.json({ id: zone });
    expect(await arm.get(world, zone)).toMatchObject({ id: zone });
    expect(server.forms.length).toBe(2);
    refusals = 5;
    expect((await failureOf(arm.get(world, zone))).code).toBe("SessionExpired");
  });
});

describe("an error of Azure", () => {
  test.each([
    [
      403,
      "AuthorizationFailed",
      "The client 'c' with object id 'o' does not have authorization to perform action 'Microsoft.Network/dnsZones/write' over scope '/subscriptions/s' or the scope is invalid. If access was recently granted, please refresh your credentials.",
      "AzureDenied",
      "c may not Microsoft.Network/dnsZones/write on /subscriptions/s",
    ],
    [
      409,
      "ScopeLocked",
      "The scope 'x' cannot perform delete operation because following scope(s) are locked: 'y'.",
      "AzureLocked",
      "a lock on y forbids this",
    ],
    [
      400,
      "ErrCode_InsufficientVCPUQuota",
      "Insufficient vcpu quota requested 6, remaining 4",
      "QuotaExceeded",
      "remaining 4",
    ],
    [
      409,
      "OperationNotAllowed",
      "Operation is not allowed because there's an in progress create managed cluster operation",
      "AzureBusy",
      "in progress",
    ],
    [409, "OperationNotAllowed", "Upgrading to 1.30 is not allowed", "AzureFailed", "1.30"],
    [
      409,
      "MissingSubscriptionRegistration",
      "The subscription is not registered to use namespace 'Microsoft.ContainerService'.",
      "AzureFailed",
      "not registered for Microsoft.ContainerService",
    ],
    [
      409,
      "ReadOnlyDisabledSubscription",
      "The subscription 's' is disabled and therefore marked as read only.",
      "SubscriptionDisabled",
      "marked as read only",
    ],
    [404, "SubscriptionNotFound", "The subscription 's' could not be found.", "WrongAccount", "do not see"],
    [
      401,
      "InvalidAuthenticationTokenTenant",
      "The access token is from the wrong issuer 'a'.",
      "WrongAccount",
      "another tenant",
    ],
    [
      409,
      "Conflict",
      "The name is held by a soft-deleted resource: recover or purge it.",
      "AzureFailed",
      "still holds the name",
    ],
    [412, "PreconditionFailed", "The Zone Z has been modified (etag mismatch).", "AzureFailed", "changed by others"],
    [400, "InvalidParameter", "bad value.", "AzureFailed", "InvalidParameter: bad value"],
  ])("%i %s is explained: %s", async (status, azureCode, message, code, said) => {
    const { arm, world } = open();
    for (const isBare of [false, true]) {
      const fault = { code: azureCode, message };
      server.arm = () =>
        Response.json(isBare ? fault : { error: fault }, { status, headers: { "x-ms-request-id": "r1" } });
      const failure = await failureOf(arm.get(world, zone));
      expect([failure.code, failure.message]).toEqual([code, expect.stringContaining(said)]);
      expect(failure.message).toStartWith("az-01: ");
      expect(failure.details).toContain("request r1");
      expect(isAzureError(failure, azureCode.toUpperCase())).toBe(true);
    }
  });

  test("a proxy's page is not taken for an answer", async () => {
    const { arm, world } = open();
    server.arm = () => new Response("<html>", { status: 200, headers: { "content-type": "text/html" } });
    expect((await failureOf(arm.get(world, zone))).code).toBe("AzureUnreachable");
  });
});

describe("a wait", () => {
  test.each([429, 503])("for %i is as long as Azure says, and shown", async (status) => {
    const { arm, world, clock, said } = open();
    let left = 2;
    server.arm = () =>
      left-- > 0 ? azureFault(status, "Busy", "wait", { "retry-after": "17" }) : Response.json({ id: zone });
    expect(await arm.get(world, zone)).toMatchObject({ id: zone });
    expect([clock.elapsed(), said]).toEqual([
      34_000,
      Array(2).fill("Busy: Azure asks to wait 17 s, trying again in 17 s"),
    ]);
  });

  test("of 3,000 s ends after three minutes, and the error names it", async () => {
    const { arm, world, clock, said } = open();
    server.arm = () => azureFault(429, "TooManyRequests", "slow down", { "retry-after": "3000" });
    const failure = await failureOf(arm.get(world, zone));
    expect([failure.code, clock.elapsed()]).toEqual(["AzureThrottled", 180_000]);
    expect(failure.message).toContain("asks to wait 3000 s");
    expect(said).toEqual(["TooManyRequests: Azure asks to wait 3000 s, trying again in 180 s"]);
  });

  test("ends with the run", async () => {
    const { arm, world, stop } = open();
    server.arm = () => {
      stop.abort(new Error("stopped"));
      return azureFault(429, "TooManyRequests", "slow down", { "retry-after": "3000" });
    };
    expect(await arm.get(world, zone).catch((error: Error) => error.message)).toBe("stopped");
  });

  test("is made for role assignments that this run wrote, and for no others", async () => {
    const { azure, arm, world, clock, said } = open();
    const denial = () =>
      azureFault(403, "AuthorizationFailed", "The client 'c' with object id 'o' does not have authorization");
    server.arm = denial;
    expect((await failureOf(arm.get(world, zone))).code).toBe("AzureDenied");
    expect(clock.elapsed()).toBe(0);
    azure.accessChanged(account);
    let left = 20;
    server.arm = () => (left-- > 0 ? denial() : Response.json({ id: zone }));
    expect(await arm.get(world, zone)).toMatchObject({ id: zone });
    expect([clock.elapsed(), said[0]]).toEqual([60_000, expect.stringContaining("propagating")]);
    server.arm = denial;
    expect((await failureOf(arm.get(world, zone))).code).toBe("AzureDenied");
    expect(clock.elapsed()).toBeLessThan(300_000);
  });

  test("is made while the network is away; a conditional write is not repeated after an answer was lost", async () => {
    const { arm, world, said, stop } = open();
    let puts = 0;
    server.arm = (request) => {
      if (request.method !== "PUT") return undefined;
      puts++;
      return azureFault(503, "ServiceUnavailable", "later");
    };
    expect((await failureOf(arm.put(world, zone, {}, { ifNoneMatch: "*" }))).code).toBe("AzureUnreachable");
    expect(puts).toBe(1);
    await server.close();
    world.progress = (message) => {
      said.push(message);
      stop.abort(new Error("stopped"));
    };
    expect(await arm.get(world, zone).catch((error: Error) => error.message)).toBe("stopped");
    expect(said.at(-1)).toStartWith("Azure is not reachable");
  });
});

describe("Azure DNS", () => {
  const servers = ["ns2-08.Azure-DNS.net.", "ns1-08.azure-dns.com."];
  const normal = ["ns1-08.azure-dns.com", "ns2-08.azure-dns.net"];
  const path = zone.replace("dnsZones", "dnszones");

  test("gives zones with names that can be compared", async () => {
    const { azure, world } = open();
    const dns = await azure.dns(account);
    expect(await dns.zone(world, "g", "az.example.org")).toBeUndefined();
    server.arm = (request) =>
      request.url.includes("dnsZones/")
        ? Response.json({
            id: path,
            name: "az.example.org",
            etag: "e",
            tags: { project: "p" },
            properties: { nameServers: servers, numberOfRecordSets: 2 },
          })
        : undefined;
    const wanted = {
      id: path,
      name: "az.example.org",
      group: "g",
      etag: "e",
      tags: { project: "p" },
      nameServers: normal,
      recordSets: 2,
    };
    expect(await dns.zone(world, "g", "az.example.org")).toEqual(wanted);
    expect(await dns.putZone(world, "g", "az.example.org", { project: "p" }, { ifNoneMatch: "*" })).toEqual(wanted);
    expect(armCalls().slice(-2)[0]).toBe(guard);
  });

  test("writes name servers with their last dot, and explains bare errors", async () => {
    const { azure, world } = open();
    const dns = await azure.dns(account);
    const sent: unknown[] = [];
    server.arm = async (request, { pathname }) => {
      if (request.method !== "PUT") return undefined;
      const body = (await request.json()) as object;
      sent.push(body, request.headers.get("if-match"));
      return pathname.endsWith("/busy")
        ? Response.json({ code: "PreconditionFailed", message: "modified" }, { status: 412 })
        : Response.json({
            ...body,
            id: `${path}/NS/k01`,
            name: "k01",
            type: "Microsoft.Network/dnszones/NS",
            etag: "e",
          });
    };
    const set = { name: "k01", type: "NS", ttl: 300, values: normal, metadata: { fleet: "f" } } as const;
    expect(await dns.putRecordSet(world, "g", "az.example.org", set, { ifMatch: "e0" })).toEqual({
      id: `${path}/NS/k01`,
      name: "k01",
      type: "NS",
      etag: "e",
      ttl: 300,
      metadata: { fleet: "f" },
      values: normal,
    });
    expect(sent).toEqual([
      {
        properties: { metadata: { fleet: "f" }, TTL: 300, NSRecords: normal.map((name) => ({ nsdname: `${name}.` })) },
      },
      "e0",
    ]);
    const failure = await failureOf(dns.putRecordSet(world, "g", "az.example.org", { ...set, name: "busy" }));
    expect([failure.code, isAzureError(failure, "PreconditionFailed")]).toEqual(["AzureFailed", true]);
  });

  test("deletes a zone and waits until it is gone", async () => {
    const { azure, world, clock } = open();
    const dns = await azure.dns(account);
    let looks = 3;
    server.arm = (request) => {
      if (request.method === "DELETE") return new Response(null, { status: request.url.includes("/NS/") ? 204 : 202 });
      return request.url.includes("dnsZones/") && looks-- > 0
        ? Response.json({ id: path, name: "az.example.org" })
        : undefined;
    };
    await dns.removeZone(world, "g", "az.example.org");
    expect(clock.elapsed()).toBeGreaterThan(0);
    await dns.removeRecordSet(world, "g", "az.example.org", "k01", "NS");
  });
});

test("a token of another tenant is refused before it is used", async () => {
  const { arm, world } = open();
  server.entra = () =>
    Response.json({
      token_type: "Bearer",
      expires_in: 3_600,
      access_token: tokenFor({ tid: "elsewhere", idtyp: "app" }),
    });
  const failure = await failureOf(arm.get(world, zone));
  expect([failure.code, failure.message]).toEqual(["WrongAccount", expect.stringContaining("elsewhere")]);
  expect(armCalls()).toEqual([]);
});
