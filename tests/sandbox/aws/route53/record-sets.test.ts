import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { servedZones } from "#sandbox/aws/route53/served-zones.ts";
import { openRoute53, type Route53Server, refusalOf } from "#tests/sandbox/aws/route53/harness.ts";

let server: Route53Server;
beforeEach(() => {
  server = openRoute53();
});
afterEach(async () => await server.stop());

describe("records", () => {
  test("come in pages that begin at a name and a type", async () => {
    const id = await server.makeZone("aws.mylabs.dev");
    await server.upsert(id, "b.aws.mylabs.dev", "A", "192.0.2.1");
    await server.upsert(id, "b.aws.mylabs.dev", "TXT", '"b"');
    await server.upsert(id, "*.aws.mylabs.dev", "A", "192.0.2.2");
    const list = async (options: object) => {
      const page = await server.route53.listResourceRecordSets({ HostedZoneId: id, ...options });
      return [
        page.ResourceRecordSets?.map(({ Name, Type }) => `${Name} ${Type}`),
        page.NextRecordName,
        page.NextRecordType,
      ];
    };
    const all = [
      "aws.mylabs.dev. NS",
      "aws.mylabs.dev. SOA",
      "\\052.aws.mylabs.dev. A",
      "b.aws.mylabs.dev. A",
      "b.aws.mylabs.dev. TXT",
    ];
    expect(await list({})).toEqual([all, undefined, undefined]);
    expect(await list({ MaxItems: 3 })).toEqual([all.slice(0, 3), "b.aws.mylabs.dev.", "A"]);
    expect(await list({ StartRecordName: "B.aws.mylabs.dev" })).toEqual([all.slice(3), undefined, undefined]);
    expect(await list({ StartRecordName: "b.aws.mylabs.dev", StartRecordType: "MX" })).toEqual([
      all.slice(4),
      undefined,
      undefined,
    ]);
    expect((await refusalOf(list({ StartRecordType: "A" })))[0]).toBe("InvalidInput");
  });

  test("keep texts with quotation marks, blanks and signs of XML", async () => {
    const id = await server.makeZone("aws.mylabs.dev");
    const value = `"a <b> & 'c'  " "\\"d\\""`;
    await server.upsert(id, "aws.mylabs.dev", "TXT", value);
    const { ResourceRecordSets } = await server.route53.listResourceRecordSets({
      HostedZoneId: id,
      StartRecordName: "aws.mylabs.dev",
      StartRecordType: "TXT",
    });
    expect(ResourceRecordSets?.[0]?.ResourceRecords).toEqual([{ Value: value }]);
  });

  test("that are refused are refused by the name of the error and the service's words", async () => {
    const id = await server.makeZone("aws.mylabs.dev");
    expect(await refusalOf(server.upsert(id, "az.mylabs.dev", "A", "192.0.2.1"))).toEqual([
      "InvalidChangeBatch",
      "[RRSet with DNS name az.mylabs.dev. is not permitted in zone aws.mylabs.dev.]",
      400,
    ]);
  });

  test("with a routing policy or an alias are refused", async () => {
    const id = await server.makeZone("aws.mylabs.dev");
    const values = { TTL: 1, ResourceRecords: [{ Value: "192.0.2.1" }], SetIdentifier: "a", Weight: 1 };
    const set = { Name: "a.aws.mylabs.dev", Type: "A" as const, ...values };
    const call = server.route53.changeResourceRecordSets({
      HostedZoneId: id,
      ChangeBatch: { Changes: [{ Action: "CREATE", ResourceRecordSet: set }] },
    });
    expect(await refusalOf(call)).toEqual([
      "NotImplemented",
      expect.stringContaining("doesn't know SetIdentifier"),
      501,
    ]);
  });
});

describe("a change", () => {
  test("is pending until the name servers have it, and they tell nothing of it before", async () => {
    const id = await server.makeZone("aws.mylabs.dev");
    expect(servedZones(server.cloud)).toEqual([]);
    server.pass(30_000);
    expect(servedZones(server.cloud)).toMatchObject([{ name: "aws.mylabs.dev" }]);
    const { ChangeInfo } = await server.upsert(id, "a.aws.mylabs.dev", "A", "192.0.2.1");
    expect(ChangeInfo).toMatchObject({ Status: "PENDING", Comment: "by a test" });
    const status = async () => (await server.route53.getChange({ Id: ChangeInfo?.Id })).ChangeInfo?.Status;
    const served = () => servedZones(server.cloud)[0]?.records.filter(({ type }) => type === "A").length;
    server.pass(29_999);
    expect([await status(), served()]).toEqual(["PENDING", 0]);
    server.pass(1);
    expect([await status(), served()]).toEqual(["INSYNC", 1]);
  });

  test("that nobody made is not found", async () => {
    expect(await refusalOf(server.route53.getChange({ Id: "/change/C123" }))).toEqual([
      "NoSuchChange",
      "Could not find resource with ID: C123",
      404,
    ]);
  });
});
