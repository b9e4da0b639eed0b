import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Route53 } from "@aws-sdk/client-route-53";
import { servedZones } from "#sandbox/aws/route53/served-zones.ts";
import { createZone, setZoneQuota } from "#sandbox/aws/route53/zones.ts";
import { account, openRoute53, otherAccount, type Route53Server } from "#tests/sandbox/aws/route53/harness.ts";

let server: Route53Server;
let route53: Route53;
beforeEach(() => {
  server = openRoute53();
  route53 = server.client();
});
afterEach(async () => {
  route53.destroy();
  await server.stop();
});

let references = 0;
/** The id of a new zone. */
async function makeZone(name: string, reference = `reference ${references++}`): Promise<string> {
  const { HostedZone } = await route53.createHostedZone({ Name: name, CallerReference: reference });
  return HostedZone?.Id?.replace("/hostedzone/", "") ?? "";
}

const upsert = async (id: string, name: string, type: "A" | "NS" | "TXT", ...values: readonly string[]) =>
  await route53.changeResourceRecordSets({
    HostedZoneId: id,
    ChangeBatch: {
      Comment: "by a test",
      Changes: [
        {
          Action: "UPSERT",
          ResourceRecordSet: { Name: name, Type: type, TTL: 300, ResourceRecords: values.map((Value) => ({ Value })) },
        },
      ],
    },
  });

async function refusalOf(call: Promise<unknown>): Promise<readonly [name: string, message: string, status: unknown]> {
  const error: unknown = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Error)) throw new Error("it was accepted");
  const { $metadata } = error as { readonly $metadata?: { readonly httpStatusCode?: number } };
  return [error.name, error.message, $metadata?.httpStatusCode];
}

describe("a zone", () => {
  test("is made with four name servers, an SOA and its NS records", async () => {
    const made = await route53.createHostedZone({
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
    const { ResourceRecordSets } = await route53.listResourceRecordSets({ HostedZoneId: id });
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
    expect((await route53.getHostedZone({ Id: id })).DelegationSet?.NameServers).toEqual(servers);
  });

  test("is one per caller reference, for ever, and as many per name as are asked for", async () => {
    const first = await makeZone("aws.mylabs.dev", "one");
    expect(await refusalOf(makeZone("other.mylabs.dev", "one"))).toEqual([
      "HostedZoneAlreadyExists",
      "A hosted zone has already been created with the specified caller reference.",
      409,
    ]);
    const second = await makeZone("aws.mylabs.dev", "two");
    expect(second).not.toBe(first);
    await route53.deleteHostedZone({ Id: first });
    expect((await refusalOf(makeZone("aws.mylabs.dev", "one")))[0]).toBe("HostedZoneAlreadyExists");
    // Another account has references of its own.
    const other = server.client(otherAccount);
    expect((await other.createHostedZone({ Name: "a.dev", CallerReference: "one" })).HostedZone?.Name).toBe("a.dev.");
    other.destroy();
  });

  test.each([
    ["dev", "dev is reserved by AWS!"],
    ["example.com.", "example.com is reserved by AWS!"],
    ["a..dev", "FATAL problem: DomainLabelEmpty (Domain label is empty) encountered with 'a..dev'"],
  ])("of the name %s is refused", async (name, why) => {
    expect(await refusalOf(makeZone(name))).toEqual(["InvalidDomainName", why, 400]);
  });

  test("beyond the account's quota is refused", async () => {
    setZoneQuota(server.cloud, account, 1);
    const id = await makeZone("aws.mylabs.dev");
    expect(await refusalOf(makeZone("az.mylabs.dev"))).toEqual([
      "TooManyHostedZones",
      "Limits Exceeded: MAX_HOSTED_ZONES_BY_OWNER - Cannot create more hosted zones.",
      400,
    ]);
    const limit = await route53.getAccountLimit({ Type: "MAX_HOSTED_ZONES_BY_OWNER" });
    expect(limit).toMatchObject({ Limit: { Type: "MAX_HOSTED_ZONES_BY_OWNER", Value: 1 }, Count: 1 });
    await route53.deleteHostedZone({ Id: id });
    await makeZone("az.mylabs.dev");
  });

  test("can only be deleted when it has no records of its owner's", async () => {
    const id = await makeZone("aws.mylabs.dev");
    await upsert(id, "k8s.aws.mylabs.dev", "NS", "ns-1.awsdns-00.com");
    expect(await refusalOf(route53.deleteHostedZone({ Id: id }))).toEqual([
      "HostedZoneNotEmpty",
      "The specified hosted zone contains non-required resource record sets  and so cannot be deleted.",
      400,
    ]);
    await route53.changeResourceRecordSets({
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
    const { ChangeInfo } = await route53.deleteHostedZone({ Id: `/hostedzone/${id}` });
    expect(ChangeInfo?.Status).toBe("PENDING");
    expect(await refusalOf(route53.getHostedZone({ Id: id }))).toEqual([
      "NoSuchHostedZone",
      `No hosted zone found with ID: ${id}`,
      404,
    ]);
  });

  test("can get another comment, or none", async () => {
    const id = await makeZone("aws.mylabs.dev");
    const changed = await route53.updateHostedZoneComment({ Id: id, Comment: "new" });
    expect(changed.HostedZone?.Config?.Comment).toBe("new");
    const without = await route53.updateHostedZoneComment({ Id: id });
    expect(without.HostedZone?.Config).toEqual({ PrivateZone: false });
  });

  test("is plain JSON when it is stored", async () => {
    const id = await makeZone("aws.mylabs.dev");
    await upsert(id, "a.aws.mylabs.dev", "A", "192.0.2.1");
    expect(server.stored()).toMatchObject([
      { service: "route53", region: "global", account, state: { zones: { [id]: { name: "aws.mylabs.dev." } } } },
    ]);
  });
});

describe("lists of zones", () => {
  const names = ["k8s.aws.mylabs.dev", "aws.mylabs.dev", "b.dev", "a.org", "aws.mylabs.dev"];

  test("by name are in the order of reversed labels, and come in pages", async () => {
    for (const name of names) await makeZone(name);
    const first = await route53.listHostedZonesByName({ MaxItems: 2 });
    expect(first.HostedZones?.map(({ Name }) => Name)).toEqual(["b.dev.", "aws.mylabs.dev."]);
    expect([first.IsTruncated, first.MaxItems, first.NextDNSName]).toEqual([true, 2, "aws.mylabs.dev."] as never);
    const second = await route53.listHostedZonesByName({
      DNSName: first.NextDNSName,
      HostedZoneId: first.NextHostedZoneId,
    });
    expect(second.HostedZones?.map(({ Name }) => Name)).toEqual(["aws.mylabs.dev.", "k8s.aws.mylabs.dev.", "a.org."]);
    expect([second.IsTruncated, second.NextDNSName, second.DNSName]).toEqual([false, undefined, "aws.mylabs.dev."]);
    const ids = [...(first.HostedZones ?? []), ...(second.HostedZones ?? [])].map(({ Id }) => Id);
    expect(new Set(ids).size).toBe(5);
  });

  test("by name begin at a name, whether or not it is there", async () => {
    for (const name of names) await makeZone(name);
    const { HostedZones } = await route53.listHostedZonesByName({ DNSName: "AWS.mylabs.dev" });
    expect(HostedZones?.[0]?.Name).toBe("aws.mylabs.dev.");
    const none = await route53.listHostedZonesByName({ DNSName: "c.dev" });
    expect(none.HostedZones?.[0]?.Name).toBe("aws.mylabs.dev.");
    expect((await route53.listHostedZonesByName({ DNSName: "z.org" })).HostedZones).toEqual([]);
  });

  test("come in pages, and are counted", async () => {
    for (const name of names) await makeZone(name);
    const ids: string[] = [];
    for (let marker: string | undefined; ; ) {
      const page = await route53.listHostedZones({ MaxItems: 2, ...(marker === undefined ? {} : { Marker: marker }) });
      ids.push(...(page.HostedZones ?? []).map(({ Id = "" }) => Id));
      marker = page.NextMarker;
      if (page.IsTruncated !== true) break;
    }
    expect(new Set(ids).size).toBe(5);
    expect((await route53.getHostedZoneCount({})).HostedZoneCount).toBe(5);
  });
});

describe("records", () => {
  test("come in pages that begin at a name and a type", async () => {
    const id = await makeZone("aws.mylabs.dev");
    await upsert(id, "b.aws.mylabs.dev", "A", "192.0.2.1");
    await upsert(id, "b.aws.mylabs.dev", "TXT", '"b"');
    await upsert(id, "*.aws.mylabs.dev", "A", "192.0.2.2");
    const list = async (options: object) => {
      const page = await route53.listResourceRecordSets({ HostedZoneId: id, ...options });
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
    const id = await makeZone("aws.mylabs.dev");
    const value = `"a <b> & 'c'  " "\\"d\\""`;
    await upsert(id, "aws.mylabs.dev", "TXT", value);
    const { ResourceRecordSets } = await route53.listResourceRecordSets({
      HostedZoneId: id,
      StartRecordName: "aws.mylabs.dev",
      StartRecordType: "TXT",
    });
    expect(ResourceRecordSets?.[0]?.ResourceRecords).toEqual([{ Value: value }]);
  });

  test("that are refused are refused by the name of the error and the service's words", async () => {
    const id = await makeZone("aws.mylabs.dev");
    expect(await refusalOf(upsert(id, "az.mylabs.dev", "A", "192.0.2.1"))).toEqual([
      "InvalidChangeBatch",
      "[RRSet with DNS name az.mylabs.dev. is not permitted in zone aws.mylabs.dev.]",
      400,
    ]);
  });

  test("with a routing policy or an alias are refused", async () => {
    const id = await makeZone("aws.mylabs.dev");
    const values = { TTL: 1, ResourceRecords: [{ Value: "192.0.2.1" }], SetIdentifier: "a", Weight: 1 };
    const set = { Name: "a.aws.mylabs.dev", Type: "A" as const, ...values };
    const call = route53.changeResourceRecordSets({
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
    const id = await makeZone("aws.mylabs.dev");
    expect(servedZones(server.cloud)).toEqual([]);
    server.pass(30_000);
    expect(servedZones(server.cloud)).toMatchObject([{ name: "aws.mylabs.dev" }]);
    const { ChangeInfo } = await upsert(id, "a.aws.mylabs.dev", "A", "192.0.2.1");
    expect(ChangeInfo).toMatchObject({ Status: "PENDING", Comment: "by a test" });
    const status = async () => (await route53.getChange({ Id: ChangeInfo?.Id })).ChangeInfo?.Status;
    const served = () => servedZones(server.cloud)[0]?.records.filter(({ type }) => type === "A").length;
    server.pass(29_999);
    expect([await status(), served()]).toEqual(["PENDING", 0]);
    server.pass(1);
    expect([await status(), served()]).toEqual(["INSYNC", 1]);
  });

  test("that nobody made is not found", async () => {
    expect(await refusalOf(route53.getChange({ Id: "/change/C123" }))).toEqual([
      "NoSuchChange",
      "Could not find resource with ID: C123",
      404,
    ]);
  });
});

describe("tags", () => {
  const tagsOf = async (id: string) =>
    (await route53.listTagsForResource({ ResourceType: "hostedzone", ResourceId: id })).ResourceTagSet?.Tags;

  test("are added, replaced and removed", async () => {
    const id = await makeZone("aws.mylabs.dev");
    expect(await tagsOf(id)).toEqual([]);
    const change = { ResourceType: "hostedzone", ResourceId: id } as const;
    await route53.changeTagsForResource({
      ...change,
      AddTags: [
        { Key: "fleet", Value: "mylabs.dev" },
        { Key: "project", Value: "a" },
      ],
    });
    await route53.changeTagsForResource({
      ...change,
      AddTags: [{ Key: "project", Value: "b" }],
      RemoveTagKeys: ["fleet", "missing"],
    });
    expect(await tagsOf(id)).toEqual([{ Key: "project", Value: "b" }]);
    const { ResourceTagSets } = await route53.listTagsForResources({ ResourceType: "hostedzone", ResourceIds: [id] });
    expect(ResourceTagSets).toEqual([
      { ResourceType: "hostedzone", ResourceId: id, Tags: [{ Key: "project", Value: "b" }] },
    ]);
  });

  test("of AWS's own are refused, and so are more than ten at once and resources that aren't there", async () => {
    const id = await makeZone("aws.mylabs.dev");
    const add = (resource: string, ...keys: readonly string[]) =>
      route53.changeTagsForResource({
        ResourceType: "hostedzone",
        ResourceId: resource,
        AddTags: keys.map((Key) => ({ Key, Value: "" })),
      });
    expect((await refusalOf(add(id, "AWS:x")))[0]).toBe("InvalidInput");
    expect((await refusalOf(add(id, ..."abcdefghijk")))[0]).toBe("InvalidInput");
    expect((await refusalOf(add("Z123", "a")))[0]).toBe("NoSuchHostedZone");
    const check = route53.listTagsForResource({ ResourceType: "healthcheck", ResourceId: "x" });
    expect((await refusalOf(check))[0]).toBe("NoSuchHealthCheck");
  });
});

describe("permissions", () => {
  test("are asked for by action, resource and what a batch changes", async () => {
    const id = await makeZone("aws.mylabs.dev");
    server.asked.length = 0;
    await route53.changeResourceRecordSets({
      HostedZoneId: id,
      ChangeBatch: {
        Changes: ["K01.aws.mylabs.dev.", "*.aws.mylabs.dev"].map((Name) => ({
          Action: "CREATE" as const,
          ResourceRecordSet: { Name, Type: "NS" as const, TTL: 1, ResourceRecords: [{ Value: "ns.a.dev" }] },
        })),
      },
    });
    expect(server.asked).toEqual([
      {
        principal: `arn:aws:iam::${account}:user/aws-cli`,
        action: "route53:ChangeResourceRecordSets",
        resource: `arn:aws:route53:::hostedzone/${id}`,
        context: {
          "route53:ChangeResourceRecordSetsNormalizedRecordNames": ["k01.aws.mylabs.dev", "\\052.aws.mylabs.dev"],
          "route53:ChangeResourceRecordSetsRecordTypes": ["NS"],
          "route53:ChangeResourceRecordSetsActions": ["CREATE"],
        },
      },
    ]);
  });

  test("that are missing change nothing and say nothing of what is there", async () => {
    const id = await makeZone("aws.mylabs.dev");
    server.permit = () => false;
    const batch = {
      Changes: [{ Action: "DELETE" as const, ResourceRecordSet: { Name: "a.dev", Type: "A" as const } }],
    };
    const tags = { ResourceType: "hostedzone", ResourceId: id } as const;
    const calls: readonly (readonly [string, string, () => Promise<unknown>])[] = [
      ["CreateHostedZone", "*", () => route53.createHostedZone({ Name: "a.dev", CallerReference: "new" })],
      ["ListHostedZones", "*", () => route53.listHostedZones({})],
      ["ListHostedZonesByName", "*", () => route53.listHostedZonesByName({})],
      ["GetHostedZoneCount", "*", () => route53.getHostedZoneCount({})],
      ["GetAccountLimit", "*", () => route53.getAccountLimit({ Type: "MAX_HOSTED_ZONES_BY_OWNER" })],
      ["GetHostedZone", id, () => route53.getHostedZone({ Id: id })],
      ["DeleteHostedZone", id, () => route53.deleteHostedZone({ Id: id })],
      ["UpdateHostedZoneComment", id, () => route53.updateHostedZoneComment({ Id: id, Comment: "x" })],
      ["ListResourceRecordSets", id, () => route53.listResourceRecordSets({ HostedZoneId: id })],
      [
        "ChangeResourceRecordSets",
        id,
        () => route53.changeResourceRecordSets({ HostedZoneId: id, ChangeBatch: batch }),
      ],
      ["ChangeTagsForResource", id, () => route53.changeTagsForResource({ ...tags, RemoveTagKeys: ["a"] })],
      ["ListTagsForResource", id, () => route53.listTagsForResource(tags)],
      [
        "ListTagsForResources",
        id,
        () => route53.listTagsForResources({ ResourceType: "hostedzone", ResourceIds: [id] }),
      ],
    ];
    const before = server.stored();
    for (const [action, resource, call] of calls) {
      const on = resource === "*" ? "" : ` on resource: arn:aws:route53:::hostedzone/${resource}`;
      const why = `User: arn:aws:iam::${account}:user/aws-cli is not authorized to perform: route53:${action}${on} because of the test`;
      expect(await refusalOf(call())).toEqual(["AccessDenied", why, 403]);
    }
    expect(await refusalOf(route53.getChange({ Id: "C1" }))).toMatchObject({ 0: "AccessDenied" });
    expect(server.stored()).toEqual(before);
  });

  test("do not reach into another account", async () => {
    const id = await makeZone("aws.mylabs.dev");
    const other = server.client(otherAccount);
    expect(await refusalOf(other.getHostedZone({ Id: id }))).toEqual([
      "AccessDenied",
      `User: arn:aws:iam::${otherAccount}:user/aws-cli is not authorized to access this resource`,
      403,
    ]);
    expect((await other.listHostedZones({})).HostedZones).toEqual([]);
    other.destroy();
  });
});

describe("the protocol", () => {
  const send = async (method: string, path: string, body = "") =>
    await fetch(`${server.endpoint}/2013-04-01/${path}`, {
      method,
      headers: {
        authorization: `AWS4-HMAC-SHA256 Credential=AKIA0000${account}/20260101/us-east-1/route53/aws4_request`,
      },
      ...(body === "" ? {} : { body }),
    });

  test("tells errors in the form that the live service has", async () => {
    const { zone } = createZone(server.cloud, account, { name: "aws.mylabs.dev", callerReference: "x" });
    const body = `<?xml version="1.0"?><r:ChangeResourceRecordSetsRequest xmlns:r="https://route53.amazonaws.com/doc/2013-04-01/"><r:ChangeBatch>
      <r:Changes><r:Change><r:Action>CREATE</r:Action><r:ResourceRecordSet><r:Name>a&#46;dev</r:Name><r:Type>A</r:Type><r:TTL>1</r:TTL>
      <r:ResourceRecords><r:ResourceRecord><r:Value>192.0.2.1</r:Value></r:ResourceRecord></r:ResourceRecords></r:ResourceRecordSet></r:Change></r:Changes></r:ChangeBatch></r:ChangeResourceRecordSetsRequest>`;
    const response = await send("POST", `hostedzone/${zone.id}/rrset/`, body);
    const id = response.headers.get("x-amzn-requestid");
    expect([response.status, response.headers.get("content-type")]).toEqual([400, "text/xml"]);
    expect(await response.text()).toBe(
      `<ErrorResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Error><Type>Sender</Type><Code>InvalidChangeBatch</Code><Message>[RRSet with DNS name a.dev. is not permitted in zone aws.mylabs.dev.]</Message></Error><RequestId>${id}</RequestId></ErrorResponse>`,
    );
  });

  test.each([
    ["POST", "hostedzone", "<CreateHostedZoneRequest", 400, "InvalidInput"],
    ["POST", "hostedzone", "<Other><Name>a.dev</Name></Other>", 400, "InvalidInput"],
    [
      "POST",
      "hostedzone",
      "<CreateHostedZoneRequest><Name>a.dev</Name><CallerReference>a</CallerReference><Colour>red</Colour></CreateHostedZoneRequest>",
      400,
      "InvalidInput",
    ],
    [
      "POST",
      "hostedzone",
      "<CreateHostedZoneRequest><Name>a.dev</Name><CallerReference>a</CallerReference><VPC><VPCId>v</VPCId></VPC></CreateHostedZoneRequest>",
      501,
      "NotImplemented",
    ],
    [
      "POST",
      "hostedzone",
      "<CreateHostedZoneRequest><Name>a.dev</Name></CreateHostedZoneRequest>",
      400,
      "InvalidInput",
    ],
    ["GET", "hostedzone?maxitems=none", "", 400, "InvalidInput"],
    ["GET", "hostedzone?delegationsetid=N1", "", 501, "NotImplemented"],
    ["GET", `hostedzone/${"Z".repeat(33)}`, "", 400, "InvalidInput"],
    ["GET", "healthcheck", "", 501, "NotImplemented"],
    ["PUT", "hostedzone", "", 501, "NotImplemented"],
  ])("refuses %s %s %s", async (method, path, body, status, code) => {
    const response = await send(method, path, body);
    expect([response.status, /<Code>(\w+)</.exec(await response.text())?.[1]]).toEqual([status, code]);
  });
});
