import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { group, type OpenedArm, openArm, otherSubscription, subscription } from "#tests/sandbox/azure/harness.ts";

const zone = `${group}/providers/Microsoft.Network/dnsZones/az.mylabs.test`;
const zoneBody = { location: "global" };
const addresses = { properties: { TTL: 60, ARecords: [{ ipv4Address: "192.0.2.1" }] } };

let arm: OpenedArm;
beforeEach(async () => {
  arm = await openArm();
  await arm.ask("PUT", group, { location: "East US 2", tags: { project: "test" } });
});
afterEach(async () => await arm.close());

/** Until a resource is gone. */
async function gone(path: string): Promise<void> {
  while ((await arm.ask("GET", path)).status !== 404) await Bun.sleep(5);
}

describe("a resource", () => {
  test("is created, read, replaced and deleted with the status codes of Azure", async () => {
    const created = await arm.ask("PUT", zone, zoneBody);
    const replaced = await arm.ask("PUT", zone, { ...zoneBody, tags: { a: "b" } });
    expect([created.status, replaced.status]).toEqual([201, 200]);
    expect(replaced.body.etag).not.toBe(created.body.etag);
    expect((await arm.ask("GET", zone)).body).toEqual(replaced.body);
    expect((await arm.ask("DELETE", zone)).status).toBe(202);
    await gone(zone);
    expect((await arm.ask("DELETE", zone)).status).toBe(204);
  });

  test("is found in any case, and answered as its provider spells it", async () => {
    await arm.ask("PUT", zone, zoneBody);
    const { body } = await arm.ask("GET", zone.toUpperCase().replace("SUBSCRIPTIONS", "subscriptions"));
    expect(body).toMatchObject({
      id: zone.replace("dnsZones", "dnszones"),
      name: "az.mylabs.test",
      type: "Microsoft.Network/dnszones",
    } as object);
  });

  test("keeps by PATCH what the body does not name, tags as a whole", async () => {
    await arm.ask("PUT", zone, { ...zoneBody, tags: { a: "b" } });
    const { status, body } = await arm.ask("PATCH", zone, { tags: { c: "d" } });
    expect([status, body]).toMatchObject([200, { tags: { c: "d" } }] as never);
    expect((await arm.ask("PATCH", `${zone}x`, { tags: {} })).status).toBe(404);
  });

  test("is written under the conditions of the request only", async () => {
    const { etag } = (await arm.ask("PUT", zone, zoneBody)).body;
    const put = (headers: Readonly<Record<string, string>>) => arm.ask("PUT", zone, zoneBody, headers);
    expect((await put({ "if-none-match": "*" })).body).toEqual({
      code: "PreconditionFailed",
      message: "The Zone az.mylabs.test exists already and hence cannot be created again.",
    } as never);
    expect((await put({ "if-match": "another" })).status).toBe(412);
    expect((await put({ "if-match": `"${etag}"` })).status).toBe(200);
    expect((await arm.ask("DELETE", zone, undefined, { "if-match": String(etag) })).status).toBe(412);
    expect((await arm.ask("PUT", `${zone}x`, zoneBody, { "if-match": "*" })).status).toBe(412);
  });
});

test.each([
  ["an unknown field", { ...zoneBody, colour: "red" }, "InvalidRequestContent"],
  ["an unknown field further in", { ...zoneBody, properties: { colour: "red" } }, "InvalidRequestContent"],
  ["another type", { ...zoneBody, tags: "red" }, "InvalidRequestContent"],
  ["a missing field", { tags: {} }, "LocationRequired"],
])("a body with %s is refused", async (_, body, code) => {
  const answered = await arm.ask("PUT", zone, body);
  expect([answered.status, answered.body.code]).toEqual([400, code] as never);
});

test("a value outside of an enumeration is refused", async () => {
  const lock = `${group}/providers/Microsoft.Authorization/locks/keep?api-version=2020-05-01`;
  const put = async (level: string) => (await arm.ask("PUT", lock, { properties: { level } })).body;
  expect(await put("Purple")).toMatchObject({ error: { code: "InvalidParameter" } } as object);
  expect(await put("readonly")).toMatchObject({ properties: { level: "ReadOnly" } } as object);
});

test("read-only fields of a body are ignored, and fields are found in any case", async () => {
  const body = { LOCATION: "global", id: "x", properties: { nameServers: ["mine"], numberOfRecordSets: 7 } };
  const { status, body: created } = await arm.ask("PUT", zone, body);
  expect([status, created]).toMatchObject([201, { properties: { numberOfRecordSets: 2 } }] as never);
});

test.each([
  ["no token", "GET", group, { authorization: "" }, 401, "AuthenticationFailed"],
  ["another token", "GET", group, { authorization: "Bearer wrong" }, 401, "InvalidAuthenticationToken"],
  ["no version", "GET", `${group}?api-version`, {}, 200, undefined],
  ["another version", "GET", `${zone}?api-version=2001-01-01`, {}, 400, "InvalidResourceType"],
  ["an unknown subscription", "GET", "/subscriptions/0/resourceGroups/g", {}, 404, "SubscriptionNotFound"],
  [
    "a subscription of another tenant",
    "GET",
    "/subscriptions/44444444-4444-4444-4444-444444444444",
    {},
    401,
    "InvalidAuthenticationTokenTenant",
  ],
  ["an unknown type", "GET", `${group}/providers/Microsoft.Network/unknowns/one`, {}, 404, "InvalidResourceType"],
  ["a missing group", "GET", `${group}x/providers/Microsoft.Network/dnsZones/a.test`, {}, 404, "ResourceGroupNotFound"],
  ["a missing group itself", "DELETE", `${group}x`, {}, 404, "ResourceGroupNotFound"],
  ["a missing resource", "GET", zone, {}, 404, "ResourceNotFound"],
  ["a missing parent", "PUT", `${zone}/A/www`, {}, 404, "ParentResourceNotFound"],
  [
    "an unknown filter",
    "GET",
    `${group}/providers/Microsoft.Network/dnsZones?$filter=a`,
    {},
    400,
    "InvalidFilterInQueryString",
  ],
] as const)("%s is answered as Resource Manager does", async (_, method, path, headers, status, code) => {
  const answered = await arm.ask(method, path, method === "PUT" ? addresses : undefined, headers);
  expect([answered.status, (answered.body as { readonly error?: { readonly code: string } }).error?.code]).toEqual([
    status,
    code,
  ]);
});

test("an action is authorized at the resource, or at what a collection is in", async () => {
  await arm.ask("PUT", zone, zoneBody);
  arm.asked.splice(0);
  await arm.ask("PUT", `${zone}/A/www`, addresses);
  await arm.ask("GET", `${zone}/recordsets`);
  await arm.ask("GET", `/subscriptions/${subscription}/providers/microsoft.network/dnszones`);
  await arm.ask("DELETE", group);
  expect(arm.asked).toEqual([
    `Microsoft.Network/dnsZones/A/write ${zone}/A/www`,
    `Microsoft.Network/dnsZones/recordsets/read ${zone}`,
    `Microsoft.Network/dnsZones/read /subscriptions/${subscription}`,
    `Microsoft.Resources/subscriptions/resourceGroups/delete ${group}`,
  ]);
  arm.denied.add("Microsoft.Network/dnsZones/read");
  expect((await arm.ask("GET", zone)).status).toBe(403);
});

test("a collection is paged by nextLink, in groups and in the subscription", async () => {
  await arm.ask("PUT", zone, zoneBody);
  for (let index = 0; index < 120; index++) await arm.ask("PUT", `${zone}/A/host${index}`, addresses);
  const names = new Set<string>();
  let pages = 0;
  for (let next: string | undefined = `${zone}/all`; next !== undefined; pages++) {
    const { value, nextLink } = (await arm.ask("GET", next)).body as unknown as {
      readonly value: readonly { readonly name: string; readonly type: string }[];
      readonly nextLink?: string;
    };
    for (const { name, type } of value) names.add(`${type} ${name}`);
    next = nextLink;
  }
  expect([names.size, pages]).toEqual([122, 2]);
  expect((await arm.ask("GET", `${zone}/A?$top=7`)).body.value).toHaveLength(7);
  const everywhere = await arm.ask("GET", `/subscriptions/${subscription}/providers/Microsoft.Network/dnszones`);
  expect(everywhere.body.value).toHaveLength(1);
  const elsewhere = await arm.ask("GET", `/subscriptions/${otherSubscription}/providers/Microsoft.Network/dnszones`);
  expect(elsewhere.body.value).toHaveLength(0);
});

describe("a resource group", () => {
  test("keeps its location", async () => {
    expect((await arm.ask("PUT", group, { location: "eastus2" })).status).toBe(200);
    expect((await arm.ask("PUT", group, { location: "westus" })).body).toMatchObject({
      error: { code: "InvalidResourceGroupLocation" },
    } as object);
  });

  test("has identities that keep theirs", async () => {
    const identity = `${group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/jobs?api-version=2024-11-30`;
    expect((await arm.ask("PUT", identity, { location: "westus" })).status).toBe(201);
    expect((await arm.ask("PUT", identity, { location: "West US" })).status).toBe(200);
    const { status, body } = await arm.ask("PUT", identity, { location: "eastus2" });
    expect([status, body.error]).toMatchObject([409, { code: "InvalidResourceLocation" }]);
  });

  test("is deleted with what is in it, and takes nothing while that goes on", async () => {
    await arm.ask("PUT", zone, zoneBody);
    const { status, headers } = await arm.ask("DELETE", group);
    expect(status).toBe(202);
    expect((await arm.ask("GET", group)).body).toMatchObject({
      properties: { provisioningState: "Deleting" },
    } as object);
    expect((await arm.ask("PUT", zone, zoneBody)).body).toMatchObject({
      error: { code: "ResourceGroupBeingDeleted" },
    } as object);
    const location = headers.get("location") ?? "";
    expect((await arm.ask("GET", location)).status).toBe(202);
    await gone(group);
    expect((await arm.ask("GET", location)).status).toBe(200);
    await arm.ask("PUT", group, { location: "eastus2" });
    expect((await arm.ask("GET", zone)).status).toBe(404);
  });

  test("answers HEAD without a body, and lists what is in it", async () => {
    await arm.ask("PUT", zone, zoneBody);
    expect([(await arm.ask("HEAD", group)).status, (await arm.ask("HEAD", `${group}x`)).status]).toEqual([204, 404]);
    const { value } = (await arm.ask("GET", `${group}/resources`)).body as unknown as {
      readonly value: readonly object[];
    };
    expect(value).toMatchObject([{ type: "Microsoft.Network/dnszones", name: "az.mylabs.test" }]);
    expect((await arm.ask("GET", `/subscriptions/${subscription}/resourcegroups`)).body.value).toHaveLength(1);
  });
});

describe("a long operation", () => {
  test("has a long signed URL, which has to be kept whole", async () => {
    await arm.ask("PUT", zone, zoneBody);
    const url = (await arm.ask("DELETE", zone)).headers.get("azure-asyncoperation") ?? "";
    expect(url.length).toBeGreaterThan(3_000);
    expect((await arm.ask("GET", url)).body).toMatchObject({ status: "InProgress" } as object);
    expect((await arm.ask("GET", url.replace(/&c=[^&]*/, ""))).status).toBe(403);
    arm.denied.add("Microsoft.Network/dnsOperationStatuses/read");
    expect((await arm.ask("GET", url)).body).toMatchObject({ error: { code: "AuthorizationFailed" } } as object);
    arm.denied.clear();
    await gone(zone);
    await Bun.sleep(5);
    expect((await arm.ask("GET", url)).body).toMatchObject({ status: "Succeeded" } as object);
  });

  test("goes on after a restart of the sandbox", async () => {
    await arm.ask("PUT", zone, zoneBody);
    const url = (await arm.ask("DELETE", zone)).headers.get("azure-asyncoperation") ?? "";
    await arm.restart();
    expect((await arm.ask("GET", url)).body).toMatchObject({ status: "InProgress" } as object);
    await gone(zone);
  });
});

test.each([
  ["the group", group, zone],
  ["the zone", zone, zone],
  ["the zone", zone, group],
  ["the zone", zone, `${zone}/A/www`],
])("a lock of %s stops deletes of it and below, and of what it is in", async (_, scope, target) => {
  await arm.ask("PUT", zone, zoneBody);
  await arm.ask("PUT", `${zone}/A/www`, addresses);
  const lock = `${scope}/providers/Microsoft.Authorization/locks/keep?api-version=2020-05-01`;
  expect((await arm.ask("PUT", lock, { properties: { level: "CanNotDelete" } })).status).toBe(201);
  const { status, body } = await arm.ask("DELETE", target);
  expect([status, body]).toMatchObject([409, { error: { code: "ScopeLocked" } }] as never);
  expect((await arm.ask("PUT", `${zone}/A/www`, addresses)).status).toBe(200);
  expect((await arm.ask("DELETE", lock)).status).toBe(200);
  expect((await arm.ask("DELETE", target)).status).toBeLessThan(300);
});

describe("a subscription", () => {
  test("is listed with those of the caller's tenant that it may read", async () => {
    const { value } = (await arm.ask("GET", "/subscriptions")).body as unknown as { readonly value: readonly object[] };
    expect(value).toMatchObject([{ subscriptionId: subscription, state: "Enabled" }, { displayName: "az-01" }]);
    expect(value).toHaveLength(2);
    arm.denied.add("Microsoft.Resources/subscriptions/read");
    expect((await arm.ask("GET", "/subscriptions")).body.value).toHaveLength(0);
  });

  test("takes writes of registered providers only", async () => {
    const provider = `/subscriptions/${subscription}/providers/Microsoft.Network`;
    const state = async (method: string, path: string) =>
      (await arm.ask(method, path)).body.registrationState as unknown;
    expect(await state("GET", provider)).toBe("Registered");
    expect(await state("POST", `${provider}/unregister`)).toBe("NotRegistered");
    expect((await arm.ask("PUT", zone, zoneBody)).body).toMatchObject({
      error: { code: "MissingSubscriptionRegistration" },
    } as object);
    expect(await state("POST", `${provider}/register`)).toBe("Registering");
    while ((await state("GET", provider)) !== "Registered") await Bun.sleep(5);
    expect((await arm.ask("PUT", zone, zoneBody)).status).toBe(201);
  });
});
