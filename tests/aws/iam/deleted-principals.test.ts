import { expect, test } from "bun:test";
import type { IAM } from "@aws-sdk/client-iam";
import type { StackClient } from "#lib/aws/cloudformation/client.ts";
import { readTemplate, type TemplateValue } from "#lib/aws/cloudformation/template.ts";
import { findDeletedPrincipals } from "#lib/aws/iam/deleted-principals.ts";
import { systemClock } from "#lib/clock.ts";
import { projectRoot } from "#lib/paths.ts";

const statement = (Sid: string, AWS: TemplateValue) => ({
  Sid,
  Effect: "Allow",
  Principal: { AWS },
  Action: "sts:AssumeRole",
});
const role = (RoleName: TemplateValue, AWS: TemplateValue) => ({
  Type: "AWS::IAM::Role",
  Properties: { RoleName, AssumeRolePolicyDocument: { Version: "2012-10-17", Statement: [statement("Callers", AWS)] } },
});

test("a statement is repaired with the principal of its own role, whatever other roles call theirs", async () => {
  const body = {
    Resources: {
      First: role({ Ref: "FirstName" }, { Ref: "Writer" }),
      Second: role("second", { Ref: "Reader" }),
    },
  };
  const parameters = {
    FirstName: "first",
    Writer: "arn:aws:iam::111111111111:role/writer",
    Reader: "arn:aws:iam::111111111111:role/reader",
  };
  const stored = JSON.stringify({ Version: "2012-10-17", Statement: [statement("Callers", "AROAABCDEFGHIJKLMNOP")] });
  const iam = { getRole: () => Promise.resolve({ Role: { AssumeRolePolicyDocument: encodeURIComponent(stored) } }) };
  const client = {
    world: {
      aws: { iam: () => Promise.resolve(iam as unknown as IAM) },
      clock: systemClock,
      signal: new AbortController().signal,
    },
    options: { entryRoles: ["first", "second"], actor: { account: { name: "aws-mgmt" }, as: "administrator" } },
  } as unknown as StackClient;
  const wanted = { ...(await readTemplate(projectRoot, "cloudformation/route53-gh-action-iam-role-oidc.yml")), body };
  const found = await findDeletedPrincipals(client, { parameters, wanted });
  expect(found.map((one) => [one.role, one.principal])).toEqual([
    ["first", parameters.Writer],
    ["second", parameters.Reader],
  ]);
});
