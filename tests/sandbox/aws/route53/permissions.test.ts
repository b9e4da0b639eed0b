import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AwsFault, type Call, type Caller } from "#sandbox/aws/cloud.ts";
import { createRole, putRolePolicy } from "#sandbox/aws/iam/roles.ts";
import { route53 } from "#sandbox/aws/route53/service.ts";
import { createZone } from "#sandbox/aws/route53/zones.ts";
import { type KeptCloud, openCloud } from "#sandbox/aws/state.ts";
import { paceOf } from "#sandbox/pace.ts";
import { account } from "#tests/sandbox/aws/route53/harness.ts";

/** A role that may only change delegations below a zone, as the management role may. */
let cloud: KeptCloud;
let caller: Caller;
let zoneId: string;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "permissions-"));
  cloud = openCloud({ path: join(folder, "aws.json"), pace: paceOf(() => 1_000) });
  const { zone } = createZone(cloud, account, { name: "k8s.mylabs.test", callerReference: "one" });
  zoneId = zone.id;
  const trust = { Effect: "Allow", Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: "sts:AssumeRole" };
  const role = createRole(cloud, account, { name: "delegator", trust: policy([trust]) });
  const keys = "route53:ChangeResourceRecordSets";
  const conditions = {
    "ForAllValues:StringEquals": {
      [`${keys}RecordTypes`]: ["NS"],
      [`${keys}Actions`]: ["UPSERT", "DELETE"],
    },
    "ForAllValues:StringLike": { [`${keys}NormalizedRecordNames`]: ["*.k8s.mylabs.test"] },
  };
  const allow = {
    Effect: "Allow",
    Action: keys,
    Resource: `arn:aws:route53:::hostedzone/${zoneId}`,
    Condition: conditions,
  };
  putRolePolicy(cloud, account, role.name, "delegations", policy([allow]));
  caller = {
    account,
    arn: `arn:aws:sts::${account}:assumed-role/${role.name}/test`,
    principal: role.arn,
    context: { "aws:PrincipalArn": role.arn, "aws:PrincipalType": "AssumedRole" },
  };
});
afterEach(async () => {
  cloud.flush();
  await rm(folder, { recursive: true, force: true });
});

function policy(statements: readonly object[]): string {
  return JSON.stringify({ Version: "2012-10-17", Statement: statements });
}

/** The code of the refusal, or nothing. */
async function change(...changes: readonly (readonly [action: string, name: string, type: string, value: string])[]) {
  const batch = changes.map(
    ([action, name, type, value]) =>
      `<Change><Action>${action}</Action><ResourceRecordSet><Name>${name}</Name><Type>${type}</Type><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>${value}</Value></ResourceRecord></ResourceRecords></ResourceRecordSet></Change>`,
  );
  const root = "ChangeResourceRecordSetsRequest";
  const call: Call = {
    caller,
    region: "us-east-1",
    requestId: "test",
    method: "POST",
    url: new URL(`http://127.0.0.1/2013-04-01/hostedzone/${zoneId}/rrset/`),
    body: `<${root}><ChangeBatch><Changes>${batch.join("")}</Changes></ChangeBatch></${root}>`,
  };
  try {
    await route53(cloud).handle(call);
    return undefined;
  } catch (error) {
    if (error instanceof AwsFault) return error.code;
    throw error;
  }
}

test("a policy on names, types and actions lets those changes through, and no batch with another one in it", async () => {
  const delegation = ["UPSERT", "K01.k8s.mylabs.test.", "NS", "ns-1.awsdns-00.com"] as const;
  expect(await change(delegation)).toBeUndefined();
  expect(await change(["CREATE", "k02.k8s.mylabs.test", "NS", "ns-1.awsdns-00.com"])).toBe("AccessDenied");
  expect(await change(["UPSERT", "k01.k8s.mylabs.test", "A", "192.0.2.1"])).toBe("AccessDenied");
  expect(await change(["UPSERT", "k8s.mylabs.test", "NS", "ns-1.awsdns-00.com"])).toBe("AccessDenied");
  expect(await change(delegation, ["UPSERT", "k03.k8s.mylabs.test", "TXT", '"x"'])).toBe("AccessDenied");
});

test("a policy on one zone doesn't open another one", async () => {
  zoneId = createZone(cloud, account, { name: "aws.mylabs.test", callerReference: "two" }).zone.id;
  expect(await change(["UPSERT", "k01.k8s.mylabs.test", "NS", "ns-1.awsdns-00.com"])).toBe("AccessDenied");
});
