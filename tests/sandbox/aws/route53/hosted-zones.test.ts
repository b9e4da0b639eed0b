import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  account,
  openRoute53,
  otherAccount,
  type Route53Server,
  refusalOf,
} from "#tests/sandbox/aws/route53/harness.ts";

let server: Route53Server;
beforeEach(() => {
  server = openRoute53();
});
afterEach(async () => await server.stop());

describe("a zone", () => {
  test("is made with four name servers, an SOA and its NS records", async () => {
    const made = await server.route53.createHostedZone({
      Name: "AWS.MyLabs.dev",
      CallerReference: "one",
      HostedZoneConfig: { Comment: "first & <only>", PrivateZone: false },
    });
    const { Id: id = "", ...zone } = made.HostedZone ?? {};
    expect(id).toMatch(/^\/hostedzone\/Z0[0-9A-Z]{19}$/);
    expect(zone).toEqual({
      Name: "aws.mylabs.dev.",
      CallerReference: "one",
      Config: { Comment: "first & <only>", PrivateZone: false },
      ResourceRecordSetCount: 2,
    });
    expect(made.Location).toBe(`https://route53.amazonaws.com/2013-04-01${id}`);
    expect(made.$metadata.httpStatusCode).toBe(201);
    expect(made.ChangeInfo).toMatchObject({ Status: "PENDING", SubmittedAt: new Date("2026-01-01T00:00:00Z") });
    const servers = made.DelegationSet?.NameServers ?? [];
    expect(servers).toHaveLength(4);
    const { ResourceRecordSets } = await server.route53.listResourceRecordSets({ HostedZoneId: id });
    expect(ResourceRecordSets).toEqual([
      {
        Name: "aws.mylabs.dev.",
        Type: "NS",
        TTL: 172_800,
        ResourceRecords: servers.map((name) => ({ Value: `${name}.` })),
      },
      {
        Name: "aws.mylabs.dev.",
        Type: "SOA",
        TTL: 900,
        ResourceRecords: [{ Value: `${servers[0]}. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400` }],
      },
    ]);
    expect((await server.route53.getHostedZone({ Id: id })).DelegationSet?.NameServers).toEqual(servers);
  });

  test("is one per caller reference, for ever, and as many per name as are asked for", async () => {
    const first = await server.makeZone("aws.mylabs.dev", "one");
    expect(await refusalOf(server.makeZone("other.mylabs.dev", "one"))).toEqual([
      "HostedZoneAlreadyExists",
      "A hosted zone has already been created with the specified caller reference.",
      409,
    ]);
    const second = await server.makeZone("aws.mylabs.dev", "two");
    expect(second).not.toBe(first);
    await server.route53.deleteHostedZone({ Id: first });
    expect((await refusalOf(server.makeZone("aws.mylabs.dev", "one")))[0]).toBe("HostedZoneAlreadyExists");
    // Another account has references of its own.
    const other = server.client(otherAccount);
    expect((await other.createHostedZone({ Name: "a.dev", CallerReference: "one" })).HostedZone?.Name).toBe("a.dev.");
  });

  test.each([
    ["dev", "dev is reserved by AWS!"],
    ["example.com.", "example.com is reserved by AWS!"],
    ["a..dev", "FATAL problem: DomainLabelEmpty (Domain label is empty) encountered with 'a..dev'"],
  ])("of the name %s is refused", async (name, why) => {
    expect(await refusalOf(server.makeZone(name))).toEqual(["InvalidDomainName", why, 400]);
  });

  test("can only be deleted when it has no records of its owner's", async () => {
    const id = await server.makeZone("aws.mylabs.dev");
    await server.upsert(id, "k8s.aws.mylabs.dev", "NS", "ns-1.awsdns-00.com");
    expect(await refusalOf(server.route53.deleteHostedZone({ Id: id }))).toEqual([
      "HostedZoneNotEmpty",
      "The specified hosted zone contains non-required resource record sets  and so cannot be deleted.",
      400,
    ]);
    await server.route53.changeResourceRecordSets({
      HostedZoneId: id,
      ChangeBatch: {
        Changes: [
          {
            Action: "DELETE",
            ResourceRecordSet: {
              Name: "k8s.aws.mylabs.dev",
              Type: "NS",
              TTL: 300,
              ResourceRecords: [{ Value: "ns-1.awsdns-00.com." }],
            },
          },
        ],
      },
    });
    // With the prefix, as answers give ids.
    const { ChangeInfo } = await server.route53.deleteHostedZone({ Id: `/hostedzone/${id}` });
    expect(ChangeInfo?.Status).toBe("PENDING");
    expect(await refusalOf(server.route53.getHostedZone({ Id: id }))).toEqual([
      "NoSuchHostedZone",
      `No hosted zone found with ID: ${id}`,
      404,
    ]);
  });

  test("can get another comment, or none", async () => {
    const id = await server.makeZone("aws.mylabs.dev");
    const changed = await server.route53.updateHostedZoneComment({ Id: id, Comment: "new" });
    expect(changed.HostedZone?.Config?.Comment).toBe("new");
    const without = await server.route53.updateHostedZoneComment({ Id: id });
    expect(without.HostedZone?.Config).toEqual({ PrivateZone: false });
  });

  test("is plain JSON when it is stored", async () => {
    const id = await server.makeZone("aws.mylabs.dev");
    await server.upsert(id, "a.aws.mylabs.dev", "A", "192.0.2.1");
    expect(server.stored()).toMatchObject([
      { service: "route53", region: "global", account, state: { zones: { [id]: { name: "aws.mylabs.dev." } } } },
    ]);
  });
});

describe("lists of zones", () => {
  const names = ["k8s.aws.mylabs.dev", "aws.mylabs.dev", "b.dev", "a.org", "aws.mylabs.dev"];

  test("by name are in the order of reversed labels, and come in pages", async () => {
    for (const name of names) await server.makeZone(name);
    const first = await server.route53.listHostedZonesByName({ MaxItems: 2 });
    expect(first.HostedZones?.map(({ Name }) => Name)).toEqual(["b.dev.", "aws.mylabs.dev."]);
    expect([first.IsTruncated, first.MaxItems, first.NextDNSName]).toEqual([true, 2, "aws.mylabs.dev."] as never);
    const second = await server.route53.listHostedZonesByName({
      DNSName: first.NextDNSName,
      HostedZoneId: first.NextHostedZoneId,
    });
    expect(second.HostedZones?.map(({ Name }) => Name)).toEqual(["aws.mylabs.dev.", "k8s.aws.mylabs.dev.", "a.org."]);
    expect([second.IsTruncated, second.NextDNSName, second.DNSName]).toEqual([false, undefined, "aws.mylabs.dev."]);
    const ids = [...(first.HostedZones ?? []), ...(second.HostedZones ?? [])].map(({ Id }) => Id);
    expect(new Set(ids).size).toBe(5);
  });

  test("by name begin at a name, whether or not it is there", async () => {
    for (const name of names) await server.makeZone(name);
    const { HostedZones } = await server.route53.listHostedZonesByName({ DNSName: "AWS.mylabs.dev" });
    expect(HostedZones?.[0]?.Name).toBe("aws.mylabs.dev.");
    const none = await server.route53.listHostedZonesByName({ DNSName: "c.dev" });
    expect(none.HostedZones?.[0]?.Name).toBe("aws.mylabs.dev.");
    expect((await server.route53.listHostedZonesByName({ DNSName: "z.org" })).HostedZones).toEqual([]);
  });

  test("come in pages", async () => {
    for (const name of names) await server.makeZone(name);
    const ids: string[] = [];
    for (let marker: string | undefined; ; ) {
      const page = await server.route53.listHostedZones({
        MaxItems: 2,
        ...(marker === undefined ? {} : { Marker: marker }),
      });
      ids.push(...(page.HostedZones ?? []).map(({ Id = "" }) => Id));
      marker = page.NextMarker;
      if (page.IsTruncated !== true) break;
    }
    expect(new Set(ids).size).toBe(5);
  });
});

describe("tags", () => {
  const tagsOf = async (id: string) =>
    (await server.route53.listTagsForResource({ ResourceType: "hostedzone", ResourceId: id })).ResourceTagSet?.Tags;

  test("are added, replaced and removed", async () => {
    const id = await server.makeZone("aws.mylabs.dev");
    expect(await tagsOf(id)).toEqual([]);
    const change = { ResourceType: "hostedzone", ResourceId: id } as const;
    await server.route53.changeTagsForResource({
      ...change,
      AddTags: [
        { Key: "fleet", Value: "mylabs.dev" },
        { Key: "project", Value: "a" },
      ],
    });
    await server.route53.changeTagsForResource({
      ...change,
      AddTags: [{ Key: "project", Value: "b" }],
      RemoveTagKeys: ["fleet", "missing"],
    });
    expect(await tagsOf(id)).toEqual([{ Key: "project", Value: "b" }]);
  });

  test("of AWS's own are refused, and so are more than ten at once and resources that aren't there", async () => {
    const id = await server.makeZone("aws.mylabs.dev");
    const add = (resource: string, ...keys: readonly string[]) =>
      server.route53.changeTagsForResource({
        ResourceType: "hostedzone",
        ResourceId: resource,
        AddTags: keys.map((Key) => ({ Key, Value: "" })),
      });
    expect((await refusalOf(add(id, "AWS:x")))[0]).toBe("InvalidInput");
    expect((await refusalOf(add(id, ..."abcdefghijk")))[0]).toBe("InvalidInput");
    expect((await refusalOf(add("Z123", "a")))[0]).toBe("NoSuchHostedZone");
  });
});
