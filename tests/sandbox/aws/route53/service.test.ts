import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createZone } from "#sandbox/aws/route53/zones.ts";
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

describe("permissions", () => {
  test("are asked for by action, resource and what a batch changes", async () => {
    const id = await server.makeZone("aws.mylabs.dev");
    server.asked.length = 0;
    await server.route53.changeResourceRecordSets({
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
    const id = await server.makeZone("aws.mylabs.dev");
    server.permit = () => false;
    const batch = {
      Changes: [{ Action: "DELETE" as const, ResourceRecordSet: { Name: "a.dev", Type: "A" as const } }],
    };
    const tags = { ResourceType: "hostedzone", ResourceId: id } as const;
    const calls: readonly (readonly [string, string, () => Promise<unknown>])[] = [
      ["CreateHostedZone", "*", () => server.route53.createHostedZone({ Name: "a.dev", CallerReference: "new" })],
      ["ListHostedZones", "*", () => server.route53.listHostedZones({})],
      ["ListHostedZonesByName", "*", () => server.route53.listHostedZonesByName({})],
      ["GetHostedZone", id, () => server.route53.getHostedZone({ Id: id })],
      ["DeleteHostedZone", id, () => server.route53.deleteHostedZone({ Id: id })],
      ["UpdateHostedZoneComment", id, () => server.route53.updateHostedZoneComment({ Id: id, Comment: "x" })],
      ["ListResourceRecordSets", id, () => server.route53.listResourceRecordSets({ HostedZoneId: id })],
      [
        "ChangeResourceRecordSets",
        id,
        () => server.route53.changeResourceRecordSets({ HostedZoneId: id, ChangeBatch: batch }),
      ],
      ["ChangeTagsForResource", id, () => server.route53.changeTagsForResource({ ...tags, RemoveTagKeys: ["a"] })],
      ["ListTagsForResource", id, () => server.route53.listTagsForResource(tags)],
    ];
    const before = server.stored();
    for (const [action, resource, call] of calls) {
      const on = resource === "*" ? "" : ` on resource: arn:aws:route53:::hostedzone/${resource}`;
      const why = `User: arn:aws:iam::${account}:user/aws-cli is not authorized to perform: route53:${action}${on} because of the test`;
      expect(await refusalOf(call())).toEqual(["AccessDenied", why, 403]);
    }
    expect(await refusalOf(server.route53.getChange({ Id: "C1" }))).toMatchObject({ 0: "AccessDenied" });
    expect(server.stored()).toEqual(before);
  });

  test("do not reach into another account", async () => {
    const id = await server.makeZone("aws.mylabs.dev");
    const other = server.client(otherAccount);
    expect(await refusalOf(other.getHostedZone({ Id: id }))).toEqual([
      "AccessDenied",
      `User: arn:aws:iam::${otherAccount}:user/aws-cli is not authorized to access this resource`,
      403,
    ]);
    expect((await other.listHostedZones({})).HostedZones).toEqual([]);
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
    ["GET", "tags/healthcheck/x", "", 501, "NotImplemented"],
    ["GET", "hostedzonecount", "", 501, "NotImplemented"],
    ["PUT", "hostedzone", "", 501, "NotImplemented"],
  ])("refuses %s %s %s", async (method, path, body, status, code) => {
    const response = await send(method, path, body);
    expect([response.status, /<Code>(\w+)</.exec(await response.text())?.[1]]).toEqual([status, code]);
  });
});
