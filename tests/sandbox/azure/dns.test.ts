import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { servedZones } from "#sandbox/azure/kinds/dns/served-zones.ts";
import { lookUp } from "#sandbox/dns/zone.ts";
import { group, type OpenedArm, openArm, otherSubscription, subscription } from "#tests/sandbox/azure/harness.ts";

const name = "books.test";
const zone = `${group}/providers/Microsoft.Network/dnsZones/${name}`;
const address = [{ ipv4Address: "192.0.2.1" }];

let arm: OpenedArm;
beforeEach(async () => {
  arm = await openArm();
  await arm.ask("PUT", group, { location: "eastus2" });
  await arm.ask("PUT", zone, { location: "global" });
});
afterEach(async () => await arm.close());

async function put(path: string, properties: object, headers: Readonly<Record<string, string>> = {}) {
  const { status, body } = await arm.ask("PUT", `${zone}/${path}`, { properties: { TTL: 60, ...properties } }, headers);
  return [status, body] as const;
}

/**
 * Recorded from Azure by the Azure CLI's own tests, with other names: test_dns_delegation.yaml, test_dns_if_none_match.yaml,
 * test_dns_zone_update_if_match.yaml in https://github.com/Azure/azure-cli, 2020 to 2024.
 */
describe("as recorded from Azure,", () => {
  const id = zone.replace("dnsZones", "dnszones");
  const any = expect.any(String) as string;

  test("a zone", async () => {
    const { headers, body } = await arm.ask("GET", zone);
    expect(body).toEqual({
      id,
      name,
      type: "Microsoft.Network/dnszones",
      etag: headers.get("etag"),
      location: "global",
      tags: {},
      properties: {
        maxNumberOfRecordSets: 10000,
        maxNumberOfRecordsPerRecordSet: null,
        nameServers: ["com", "net", "org", "info"].map((top, index) =>
          expect.stringMatching(new RegExp(`^ns${index + 1}-\\d\\d\\.azure-dns\\.${top}\\.$`)),
        ),
        numberOfRecordSets: 2,
        zoneType: "Public",
      },
    } as never);
  });

  test("a delegation, asked for in small letters", async () => {
    const records = { NSRecords: [{ nsdname: "ns1-06.azure-dns.com." }] };
    expect(await put("ns/nursery", { TTL: 3600, targetResource: {}, ...records })).toEqual([
      201,
      {
        id: `${id}/NS/nursery`,
        name: "nursery",
        type: "Microsoft.Network/dnszones/NS",
        etag: any,
        properties: {
          fqdn: "nursery.books.test.",
          TTL: 3600,
          ...records,
          targetResource: {},
          provisioningState: "Succeeded",
        },
      } as never,
    ]);
  });

  test("a missing record set", async () => {
    expect((await arm.ask("GET", `${zone}/A/myrsa`)).body).toEqual({
      code: "NotFound",
      message: `The resource record 'myrsa' does not exist in resource group 'Zones' of subscription '${subscription}'.`,
    } as never);
    expect((await arm.ask("DELETE", `${zone}/A/myrsa`)).status).toBe(204);
  });

  test("an etag of another state", async () => {
    const { status, body } = await arm.ask("PUT", zone, { location: "global" }, { "if-match": "dummy" });
    expect([status, body]).toEqual([
      412,
      { code: "PreconditionFailed", message: "The Zone books.test has been modified (etag mismatch)." },
    ] as never);
  });

  test("the headers of a zone's deletion", async () => {
    const { status, headers } = await arm.ask("DELETE", zone);
    const place = `https://management.azure.com${group}/providers/Microsoft.Network`;
    expect(status).toBe(202);
    expect(headers.get("azure-asyncoperation")).toStartWith(`${place}/dnsOperationStatuses/`);
    expect(headers.get("location")).toStartWith(`${place}/dnsOperationResults/`);
  });
});

test.each([
  ["a zone of one label", `${group}/providers/Microsoft.Network/dnsZones/books`, { location: "global" }, "BadRequest"],
  [
    "a zone with a last dot",
    `${group}/providers/Microsoft.Network/dnsZones/books.test.`,
    { location: "global" },
    "BadRequest",
  ],
  ["a zone with a region", zone, { location: "westus" }, "LocationNotAvailableForResourceType"],
])("%s is refused", async (_, path, body, code) => {
  expect((await arm.ask("PUT", path, body)).body).toMatchObject({ code } as object);
});

test.each([
  ["without a TTL", "A/www", { TTL: 0, ARecords: address }],
  ["with a TTL beyond the limit", "A/www", { TTL: 2_147_483_648, ARecords: address }],
  ["with a wrong name", "A/-www", { ARecords: address }],
  ["with records of another type", "A/www", { AAAARecords: [{ ipv6Address: "2001:db8::1" }] }],
  ["with no address", "A/www", { ARecords: [{ ipv4Address: "192.0.2" }] }],
  ["with no IPv6 address", "AAAA/www", { AAAARecords: [{ ipv6Address: "192.0.2.1" }] }],
  ["with a target that is no name", "CNAME/www", { CNAMERecord: { cname: '"other.test"' } }],
  ["of type CNAME without a record", "CNAME/www", {}],
  ["with a string of TXT that is too long", "TXT/www", { TXTRecords: [{ value: ["x".repeat(256)] }] }],
  ["that is an alias", "A/www", { targetResource: { id: "/subscriptions/0" } }],
  ["of type SOA below the apex", "SOA/www", { SOARecord: { email: "me.test" } }],
  ["of type NS at the apex without Azure's servers", "NS/@", { NSRecords: [{ nsdname: "ns1.other.test." }] }],
])("a record set %s is refused", async (_, path, properties) => {
  expect(await put(path, properties)).toMatchObject([400, { code: "BadRequest" }] as never);
});

test.each([
  [
    "CNAME after A",
    "A/www",
    { ARecords: address },
    "CNAME/WWW",
    { CNAMERecord: { cname: "a.test" } },
    "The CNAME record could",
  ],
  [
    "A after CNAME",
    "CNAME/www",
    { CNAMERecord: { cname: "a.test" } },
    "A/www",
    { ARecords: address },
    "The record could",
  ],
  [
    "CNAME at the apex",
    "A/www",
    { ARecords: address },
    "CNAME/@",
    { CNAMERecord: { cname: "a.test" } },
    "The CNAME record could",
  ],
])("%s is a conflict", async (_, first, before, second, after, message) => {
  expect((await put(first, before))[0]).toBe(201);
  const conflict = { code: "Conflict", message: expect.stringContaining(message) };
  expect(await put(second, after)).toMatchObject([409, conflict] as never);
});

test("record sets of the apex stay, and take further servers and times", async () => {
  for (const type of ["NS", "SOA"]) expect((await arm.ask("DELETE", `${zone}/${type}/@`)).status).toBe(400);
  const { body } = await arm.ask("GET", `${zone}/NS/@`);
  const { NSRecords } = body.properties as unknown as { readonly NSRecords: readonly object[] };
  expect((await put("NS/@", { NSRecords: [...NSRecords, { nsdname: "ns1.other.test." }] }))[0]).toBe(200);
  const soa = await put("SOA/@", { SOARecord: { email: "me.test", host: "mine.test.", minimumTTL: 60 } });
  expect(soa).toMatchObject([
    200,
    {
      properties: { SOARecord: { email: "me.test", minimumTTL: 60, host: expect.stringContaining("azure-dns.com.") } },
    },
  ] as never);
});

test("zones with the same name, above and below each other have no server in common, in whatever subscription", async () => {
  const other = `/subscriptions/${otherSubscription}/resourceGroups/others`;
  await arm.ask("PUT", other, { location: "eastus2" });
  for (const one of [name, `fiction.${name}`, `old.fiction.${name}`]) {
    await arm.ask("PUT", `${other}/providers/Microsoft.Network/dnsZones/${one}`, { location: "global" });
  }
  const all = servedZones(arm.cloud);
  expect(all.map((served) => served.name)).toEqual([name, name, `fiction.${name}`, `old.fiction.${name}`]);
  expect(new Set(all.flatMap(({ servers }) => servers)).size).toBe(16);
});

test("what is written is answered at once by the name servers, also after a restart", async () => {
  await put("A/www", { ARecords: address });
  const look = () => lookUp(servedZones(arm.cloud), `www.${name}`, "A");
  const answer = { kind: "answer", records: [{ name: `www.${name}`, ttl: 60, type: "A", values: ["192.0.2.1"] }] };
  expect(look()).toMatchObject(answer);
  await arm.restart();
  expect(look()).toMatchObject(answer);
  await arm.ask("DELETE", `${zone}/A/www`);
  expect(look().kind).toBe("no such name");
});
