import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { type ExpectedTrust, type TrustCheck, trustChecks } from "#lib/aws/trust/checks.ts";
import { callersOf, expectedOfManagement } from "#lib/aws/trust/expected.ts";
import { checkTrust } from "#lib/aws/trust/trust.ts";
import { projectRoot } from "#lib/paths.ts";
import { generateTrust } from "#tests/aws/trust/generated-trust.ts";
import { ofAccount, ofManagement, type Row } from "#tests/aws/trust/trust-rows.ts";
import {
  expectAccount,
  expectManagement,
  fleet,
  issuer,
  jobs,
  management,
  people,
  peopleOnly,
  policy,
  tenant,
  user,
} from "#tests/aws/trust/trust-statements.ts";
import { failureOf } from "#tests/support/failure.ts";

function checkRow(expected: ExpectedTrust, { check, statements, says, besides = [] }: Row): void {
  const findings = checkTrust(policy(...statements), expected);
  expect([...new Set(findings.map((finding) => finding.check))].sort()).toEqual([check, ...besides].sort());
  const finding = findings.find((one) => one.check === check);
  expect(finding?.kind).toBe(trustChecks[check]);
  expect(finding?.message).toStartWith("its trust policy ");
  expect(finding?.message).toContain(says);
}

describe("a trust policy of the management role", () => {
  test.each([...ofManagement])("fails $check by letting in $of", (row) => checkRow(expectManagement, row));
});

describe("a trust policy of an account's role", () => {
  test.each([...ofAccount])("fails $check by letting in $of", (row) => checkRow(expectAccount, row));
});

describe("a trust policy", () => {
  test("is right as the stacks make it", async () => {
    const made = await generateTrust(fleet, tenant.name, user);
    expect(checkTrust(made.management, expectManagement)).toEqual([]);
    expect(checkTrust(made.account, expectAccount)).toEqual([]);
    const forPeople = await generateTrust(peopleOnly, tenant.name, user);
    expect(checkTrust(forPeople.management, expectedOfManagement(peopleOnly, management, [user]))).toEqual([]);
  });

  test("is read as GetRole tells it, percent-encoded", () => {
    const encoded = encodeURIComponent(policy(people({ Principal: "*" }), jobs()));
    expect(checkTrust(encoded, expectManagement).map(({ check }) => check)).toEqual(["TrustsEverybody"]);
  });

  test("lets in nobody by a statement that only goes with another one", () => {
    const also = { Effect: "Allow", Principal: "*", Action: ["sts:TagSession", "sts:SetSourceIdentity"] };
    expect(checkTrust(policy(people(), jobs(), also), expectManagement)).toEqual([]);
  });

  test("is no looser for a second condition on the same claim", () => {
    const narrowed = jobs({}, { StringLike: { [`${issuer}:sub`]: "repo:example*" } });
    expect(checkTrust(policy(people(), narrowed), expectManagement)).toEqual([]);
  });

  test("fails a check once, however many statements fail it", () => {
    const twice = checkTrust(
      policy(people(), people({ Principal: "*" }), people({ Principal: "*" }), jobs()),
      expectManagement,
    );
    expect(twice.map(({ check }) => check)).toEqual(["TrustsEverybody"]);
  });

  test("that can't be read is an error", async () => {
    for (const text of ["not json", '{"Statement":[{"Effect":"Perhaps"}]}', "%zz"]) {
      const error = await failureOf(Promise.resolve().then(() => checkTrust(text, expectAccount)));
      expect(error.code).toBe("AwsFailed");
    }
  });
});

describe("whom the management role is to let in", () => {
  const session = "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Admin_1/ada";
  const role = "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_1";

  test("is whoever looks, by the role whatever its path", () => {
    const expected = expectedOfManagement(peopleOnly, management, callersOf(fleet, session, undefined));
    expect(checkTrust(policy(people({ Principal: { AWS: role } })), expected)).toEqual([]);
    const other = people({ Principal: { AWS: `${role}2` } });
    expect(checkTrust(policy(other), expected).map(({ check }) => check)).toEqual(["TrustsOthers", "MissesCaller"]);
  });

  test("is whom AWS_USER_ARN names, once", () => {
    expect(callersOf(fleet, session, role)).toEqual([role]);
    expect(callersOf(fleet, user, role)).toEqual([user, role]);
  });

  test("is not the role itself, nor an account's", () => {
    const own = "arn:aws:sts::123456789012:assumed-role/aws-mgmt-iam-role/github-1";
    expect(callersOf(fleet, own, undefined)).toEqual([]);
    expect(callersOf(fleet, "arn:aws:sts::210987654321:assumed-role/aws-01-iam-role/x", user)).toEqual([user]);
  });

  test("may be a whole account, where its root user looks", () => {
    const root = "arn:aws:iam::123456789012:root";
    const expected = expectedOfManagement(peopleOnly, management, [root]);
    for (const name of [root, "123456789012"]) {
      expect(checkTrust(policy(people({ Principal: { AWS: name } })), expected)).toEqual([]);
    }
  });
});

describe("docs/trust.md", () => {
  test("explains every check, and no other", async () => {
    const text = await Bun.file(join(projectRoot, "docs/trust.md")).text();
    const rows = [...text.matchAll(/^\| ([A-Z]\w+) \| (too \w+) \|/gm)].map(([, check, kind]) => [check, kind]);
    expect(Object.fromEntries(rows)).toEqual(trustChecks);
    expect(rows.length).toBe(Object.keys(trustChecks).length);
  });

  test("is held to by a row for each check", () => {
    const tested = new Set([...ofManagement, ...ofAccount].map(({ check }) => check));
    expect([...tested].sort()).toEqual((Object.keys(trustChecks) as TrustCheck[]).sort());
  });
});
