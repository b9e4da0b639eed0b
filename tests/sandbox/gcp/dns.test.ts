import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { lookUp } from "#sandbox/dns/zone.ts";
import { nameServerPool } from "#sandbox/gcp/dns/name-servers.ts";
import { servedZones } from "#sandbox/gcp/dns/served-zones.ts";
import { type OpenedGoogle, openGoogle, otherProject, refusalOf, zones } from "#tests/sandbox/gcp/harness.ts";

let google: OpenedGoogle;

beforeEach(async () => {
  google = await openGoogle();
});
afterEach(() => google.close());

const body = { name: "example", dnsName: "Example.org.", description: "of a test", labels: { fleet: "one" } };

async function change(additions: readonly object[], deletions: readonly object[] = [], zone = "example") {
  return await google.ask("POST", `${zones}/${zone}/changes`, { additions, deletions });
}

function set(name: string, type: string, rrdatas: readonly string[], ttl = 300): object {
  return { name, type, ttl, rrdatas };
}

describe("zones", () => {
  test("have the fields of Google's and four servers of one letter", async () => {
    const { status, body: zone } = await google.ask("POST", zones, body);
    expect(status).toBe(200);
    expect(zone).toEqual({
      kind: "dns#managedZone",
      id: expect.stringMatching(/^\d{19}$/),
      name: "example",
      dnsName: "example.org.",
      description: "of a test",
      labels: { fleet: "one" },
      creationTime: expect.stringMatching(/\.\d{3}Z$/),
      nameServers: expect.any(Array),
      visibility: "public",
      cloudLoggingConfig: { kind: "dns#managedZoneCloudLoggingConfig" },
    });
    const servers = zone.nameServers as readonly string[];
    expect(servers[0]).toMatch(/^ns-cloud-[a-e]1\.googledomains\.com\.$/);
    const letter = servers[0]?.[9];
    expect(servers).toEqual([1, 2, 3, 4].map((number) => `ns-cloud-${letter}${number}.googledomains.com.`));
    expect(nameServerPool).toContain((servers[3] ?? "").slice(0, -1));
    expect((await google.ask("GET", `${zones}/${zone.id}`)).body).toEqual(zone);
  });

  test("of one name have different servers, five of them at most in all projects", async () => {
    const other = `dns/v1/projects/${otherProject.projectId}/managedZones`;
    const made = [];
    for (const [index, path] of [zones, zones, other, zones, other].entries()) {
      made.push((await google.ask("POST", path, { ...body, name: `zone-${index}` })).body.nameServers);
    }
    expect(new Set(made.map(String)).size).toBe(5);
    expect(refusalOf(await google.ask("POST", zones, { ...body, name: "sixth" }))).toEqual([
      400,
      "managedZoneDnsNameNotAvailable",
    ]);
  });

  test.each([
    ["a name with capitals", { ...body, name: "Example" }, 400, "invalid"],
    ["a name of 64 letters", { ...body, name: "e".repeat(64) }, 400, "invalid"],
    ["a DNS name without its last dot", { ...body, dnsName: "example.org" }, 400, "invalid"],
    ["a top-level domain", { ...body, dnsName: "org." }, 400, "invalid"],
    ["no description", { ...body, description: undefined }, 400, "required"],
    ["labels with dots", { ...body, labels: { project: "a.b" } }, 400, "invalid"],
    ["an unknown field", { ...body, bogus: 1 }, 400, "invalid"],
    ["an unknown visibility", { ...body, visibility: "secret" }, 400, "invalid"],
    ["a private zone", { ...body, visibility: "private" }, 501, "unimplemented"],
  ])("are refused with %s", async (_, wrong, status, reason) => {
    expect(refusalOf(await google.ask("POST", zones, wrong))).toEqual([status, reason]);
  });

  test("exist once by their name", async () => {
    await google.ask("POST", zones, body);
    const again = await google.ask("POST", zones, body);
    expect(again.status).toBe(409);
    expect(again.body).toMatchObject({
      error: {
        code: 409,
        status: "ALREADY_EXISTS",
        message: "The resource 'entity.managedZone' named 'example' already exists",
        errors: [{ domain: "global", reason: "alreadyExists" }],
      },
    });
  });

  test("are found by DNS name, in pages", async () => {
    for (const name of ["a", "b", "c"]) await google.ask("POST", zones, { ...body, name, dnsName: `${name}.org.` });
    expect(Object.keys((await google.ask("GET", `${zones}?dnsName=d.org.`)).body)).toEqual(["kind"]);
    const found = (await google.ask("GET", `${zones}?dnsName=b.org.`)).body.managedZones as readonly object[];
    expect(found).toMatchObject([{ name: "b" }]);
    const first = (await google.ask("GET", `${zones}?maxResults=2`)).body;
    expect(first.managedZones).toHaveLength(2);
    const last = (await google.ask("GET", `${zones}?maxResults=2&pageToken=${first.nextPageToken}`)).body;
    expect(last).toMatchObject({ managedZones: [{ name: "c" }] });
    expect(last.nextPageToken).toBeUndefined();
  });

  test("answer PATCH and PUT with an operation, and keep their names", async () => {
    await google.ask("POST", zones, body);
    const patched = await google.ask("PATCH", `${zones}/example`, { labels: { cluster: "k01" } });
    expect(patched.body).toMatchObject({
      kind: "dns#operation",
      status: "done",
      user: "somebody@example.com",
      zoneContext: {
        oldValue: { labels: { fleet: "one" } },
        newValue: { labels: { cluster: "k01" }, description: "of a test" },
      },
    });
    expect((await google.ask("GET", `${zones}/example`)).body.labels).toEqual({ cluster: "k01" });
    expect((await google.ask("PUT", `${zones}/example`, { ...body, labels: {} })).status).toBe(200);
    expect((await google.ask("GET", `${zones}/example`)).body.labels).toBeUndefined();
    expect(refusalOf(await google.ask("PATCH", `${zones}/example`, { dnsName: "other.org." }))).toEqual([
      400,
      "invalid",
    ]);
  });

  test("are deleted only without records, and with their policy", async () => {
    await google.ask("POST", zones, body);
    await change([set("www.example.org.", "A", ["192.0.2.1"])]);
    const full = await google.ask("DELETE", `${zones}/example`);
    expect(refusalOf(full)).toEqual([400, "containerNotEmpty"]);
    await change([], [set("www.example.org.", "A", ["192.0.2.1"])]);
    const member = "user:somebody@example.com";
    const policy = { bindings: [{ role: "roles/dns.admin", members: [member] }] };
    expect((await google.ask("POST", `${zones}/example:setIamPolicy`, { policy })).body).toMatchObject(policy);
    expect(await google.ask("DELETE", `${zones}/example`)).toMatchObject({ status: 200, body: {} });
    expect(google.cloud.slices("dns").map(({ state }) => state)).toEqual([{ zones: {}, sets: {}, changes: {} }]);
    const missing = await google.ask("GET", `${zones}/example`);
    expect(missing.status).toBe(404);
    expect(missing.body).toMatchObject({
      error: { message: "The 'parameters.managedZone' resource named 'example' does not exist." },
    });
    await google.ask("POST", zones, body);
    expect((await google.ask("POST", `${zones}/example:getIamPolicy`, {})).body.bindings).toBeUndefined();
  });
});

describe("changes", () => {
  beforeEach(async () => {
    await google.ask("POST", zones, body);
  });

  test("are numbered, pending and then done", async () => {
    const first = (await change([set("www.example.org.", "A", ["192.0.2.1"])])).body;
    expect(first).toEqual({
      kind: "dns#change",
      id: "1",
      startTime: expect.any(String),
      additions: [
        { kind: "dns#resourceRecordSet", ...set("www.example.org.", "A", ["192.0.2.1"]), signatureRrdatas: [] },
      ],
      deletions: [],
      status: "pending",
    });
    expect((await change([set("b.example.org.", "A", ["192.0.2.1"])])).body).toMatchObject({ id: "2" });
    google.advance(10_000);
    expect((await google.ask("GET", `${zones}/example/changes/1`)).body).toEqual({ ...first, status: "done" });
    const all = (await google.ask("GET", `${zones}/example/changes?sortOrder=descending&sortBy=changeSequence`)).body;
    expect(all).toMatchObject({ changes: [{ id: "2" }, { id: "1" }] });
    expect((await google.ask("GET", `${zones}/example/changes/9`)).status).toBe(404);
  });

  const www = set("www.example.org.", "A", ["192.0.2.1", "192.0.2.2"]);

  test.each([
    ["another TTL", [], [set("www.example.org.", "A", ["192.0.2.1", "192.0.2.2"], 60)], 412, "conditionNotMet"],
    ["fewer records", [], [set("www.example.org.", "A", ["192.0.2.1"])], 412, "conditionNotMet"],
    ["a deletion of nothing", [], [set("x.example.org.", "A", ["192.0.2.1"])], 404, "notFound"],
    ["an addition of what is there", [www], [], 409, "alreadyExists"],
    ["nothing to do", [], [], 400, "required"],
    ["a name outside", [set("www.example.com.", "A", ["192.0.2.1"])], [], 400, "invalid"],
    ["a name without its last dot", [set("a.example.org", "A", ["192.0.2.1"])], [], 400, "invalid"],
    ["a wrong address", [set("a.example.org.", "A", ["192.0.2.256"])], [], 400, "invalid"],
    ["a target without its last dot", [set("a.example.org.", "NS", ["ns1.example.com"])], [], 400, "invalid"],
    ["two records for a CNAME", [set("a.example.org.", "CNAME", ["a.org.", "b.org."])], [], 400, "invalid"],
    ["an open quote", [set("a.example.org.", "TXT", ['"open'])], [], 400, "invalid"],
    ["an unknown type", [set("a.example.org.", "BOGUS", ["x"])], [], 400, "invalid"],
    ["a type that is not emulated", [set("a.example.org.", "SVCB", ["1 a.org."])], [], 501, "unimplemented"],
    [
      "a CNAME beside other records",
      [set("www.example.org.", "CNAME", ["a.org."])],
      [],
      400,
      "cnameResourceRecordSetConflict",
    ],
    [
      "101 records",
      [
        set(
          "a.example.org.",
          "A",
          Array.from({ length: 101 }, (_, index) => `192.0.2.${index}`),
        ),
      ],
      [],
      403,
      "quotaExceeded",
    ],
    [
      "1,001 additions",
      Array.from({ length: 1_001 }, (_, index) => set(`a${index}.example.org.`, "A", ["192.0.2.1"])),
      [],
      403,
      "quotaExceeded",
    ],
  ])("are refused as a whole: %s", async (_, additions, deletions, status, reason) => {
    await change([www]);
    const fine = set("fine.example.org.", "A", ["192.0.2.9"]);
    const isEmpty = additions.length + deletions.length === 0;
    const refused = await change(isEmpty ? [] : [fine, ...additions].slice(0, 1_001), deletions);
    expect(refusalOf(refused)).toEqual([status, reason]);
    const { rrsets } = (await google.ask("GET", `${zones}/example/rrsets`)).body;
    expect((rrsets as readonly { readonly name: string }[]).map(({ name }) => name)).toEqual([
      "example.org.",
      "example.org.",
      "www.example.org.",
    ]);
  });

  test("delete records in whatever order they are named, and replace them at once", async () => {
    await change([www]);
    const turned = set("www.example.org.", "A", ["192.0.2.2", "192.0.2.1"]);
    expect((await change([set("www.example.org.", "A", ["192.0.2.3"])], [turned])).status).toBe(200);
    const { rrsets } = (await google.ask("GET", `${zones}/example/rrsets?name=www.example.org.&type=A`)).body;
    expect(rrsets).toMatchObject([{ rrdatas: ["192.0.2.3"] }]);
    expect(refusalOf(await google.ask("GET", `${zones}/example/rrsets?type=A`))).toEqual([400, "invalid"]);
  });

  test("keep NS and SOA of the zone, whose TTL they may change", async () => {
    const { rrsets } = (await google.ask("GET", `${zones}/example/rrsets`)).body;
    const [ns, soa] = rrsets as readonly Record<string, unknown>[];
    expect([ns?.type, soa?.type]).toEqual(["NS", "SOA"]);
    expect(ns).toMatchObject({ ttl: 21_600 });
    expect(soa?.rrdatas).toEqual([
      expect.stringMatching(
        /^ns-cloud-[a-e]1\.googledomains\.com\. cloud-dns-hostmaster\.google\.com\. 1 21600 3600 259200 300$/,
      ),
    ]);
    expect(refusalOf(await change([], [ns ?? {}]))).toEqual([400, "invalidZoneApex"]);
    expect(refusalOf(await change([], [soa ?? {}]))).toEqual([400, "invalidZoneApex"]);
    expect((await change([{ ...ns, ttl: 60 }], [ns ?? {}])).status).toBe(200);
  });

  test("come as single record sets, too", async () => {
    const path = `${zones}/example/rrsets`;
    const a = set("a.example.org.", "A", ["192.0.2.1"]);
    expect((await google.ask("POST", path, a)).body).toMatchObject(a);
    expect(refusalOf(await google.ask("POST", path, a))).toEqual([409, "alreadyExists"]);
    const patched = await google.ask("PATCH", `${path}/a.example.org./A`, { ttl: 60 });
    expect(patched.body).toMatchObject({ ...a, ttl: 60 });
    expect((await google.ask("DELETE", `${path}/a.example.org./A`)).body).toEqual({});
    expect(refusalOf(await google.ask("GET", `${path}/a.example.org./A`))).toEqual([404, "notFound"]);
  });
});

test("name servers answer what was written, also after a restart", async () => {
  await google.ask("POST", zones, body);
  const records = [
    set("child.example.org.", "NS", ["ns1.example.com.", "ns2.example.com."]),
    set("mail.example.org.", "MX", ["10 MX.example.com."]),
    set("text.example.org.", "TXT", ['"two words" bare "a\\"b"']),
    set("_sip._tcp.example.org.", "SRV", ["1 2 5060 sip.example.com."]),
    set("example.org.", "CAA", ['0 issue "letsencrypt.org"']),
    set("*.web.example.org.", "CNAME", ["web.example.com."]),
    set("v6.example.org.", "AAAA", ["2001:DB8::1"]),
  ];
  expect((await change(records)).status).toBe(200);
  await google.restart();
  const served = servedZones(google.cloud);
  const values = (name: string, type: string) => {
    const found = lookUp(served, name, type);
    return found.kind === "answer" ? found.records.map((one) => one.values) : found.kind;
  };
  expect(values("mail.example.org", "MX")).toEqual([[{ preference: 10, exchange: "mx.example.com" }]]);
  expect(values("text.example.org", "TXT")).toEqual([[["two words", "bare", 'a"b']]]);
  expect(values("_sip._tcp.example.org", "SRV")).toEqual([
    [{ priority: 1, weight: 2, port: 5_060, target: "sip.example.com" }],
  ]);
  expect(values("example.org", "CAA")).toEqual([[{ flags: 0, tag: "issue", value: "letsencrypt.org" }]]);
  expect(values("any.web.example.org", "A")).toEqual([["web.example.com"]]);
  expect(values("v6.example.org", "AAAA")).toEqual([["2001:db8::1"]]);
  expect(values("a.child.example.org", "A")).toBe("referral");
  expect(served[0]?.soa).toMatchObject({ rname: "cloud-dns-hostmaster.google.com", ttl: 21_600, minimum: 300 });
});
