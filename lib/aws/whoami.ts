import { awsChain } from "#lib/aws/credentials/chain.ts";
import type { AwsReach } from "#lib/aws/credentials/client-settings.ts";
import { awsEndpointOf } from "#lib/aws/credentials/endpoint.ts";
import type { AwsSession } from "#lib/aws/credentials/sts.ts";
import { awsAccountRoles, awsManagementRole, awsReadOnlyManagementRole, readOnlyRoleOf } from "#lib/aws/fleet/roles.ts";
import type { AwsAccount } from "#lib/aws/fleet/types.ts";
import { userArnOf } from "#lib/aws/iam/user-arn.ts";
import type { ExpectedTrust } from "#lib/aws/trust/checks.ts";
import { callersOf, expectedOfAccount, expectedOfManagement, expectedOfReaders } from "#lib/aws/trust/expected.ts";
import { checkTrust } from "#lib/aws/trust/trust.ts";
import { findManagement } from "#lib/cloud/accounts.ts";
import { describeHop, type Hop, type HopTrust } from "#lib/cloud/hops.ts";
import { FleetError } from "#lib/errors.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { command, type TaskCommand } from "#lib/hint.ts";
import { formatHint } from "#lib/printed-command.ts";

/** A role's trust policy, for those who may read it. */
export type RoleTrust =
  /** `document` as returned by GetRole. */
  | { readonly kind: "present"; readonly arn: string; readonly document: string }
  | { readonly kind: "absent" }
  /** There are no administrator credentials for the account. */
  | { readonly kind: "unread" };

/** @throws FleetError AwsDenied, and other errors of an administrator's session */
export type ReadTrust = (account: AwsAccount, role: string) => Promise<RoleTrust>;

/** Assumes each role in the fleet's AWS accounts, shows the identity there, and audits the trust policies. Changes nothing. */
export async function whoami(
  variables: Readonly<Record<string, string>>,
  fleet: Fleet,
  readTrust: ReadTrust,
  askMfaCode?: AwsReach["askMfaCode"],
): Promise<readonly Hop[]> {
  const management = findManagement(fleet, "aws");
  if (management === undefined) return [];
  const endpoint = awsEndpointOf(variables);
  const chain = awsChain({ fleet, variables, askMfaCode, ...(endpoint === undefined ? {} : { endpoint }) });
  const base = await describe("base", "", () => chain.base());
  if (base.result.kind === "failed") return [base];
  const callers = callersOf(fleet, base.result.identity, userArnOf(variables));
  // In parallel: the steps in common are shared.
  const ways = [
    look(management, () => chain.management(), {
      read: readTrust,
      role: awsManagementRole,
      expect: (partition) => expectedOfManagement(fleet, management, callers, partition),
      readOnlyRole: awsReadOnlyManagementRole,
      expectReaders: (partition) => expectedOfReaders(fleet, management, callers, partition),
      task: command("create:aws-mgmt:cf-route53-gh-action-iam-role-oidc"),
    }),
    ...awsAccountRoles(fleet).map(({ account, role }) =>
      look(account, () => chain.clusters(account), {
        read: readTrust,
        role,
        expect: (partition) => expectedOfAccount(fleet, management, partition),
        readOnlyRole: readOnlyRoleOf(account),
        expectReaders: (partition) => expectedOfAccount(fleet, management, partition, awsReadOnlyManagementRole),
        task: command("create:aws-tenant:cf-iam-role", account.name),
      }),
    ),
  ];
  return [base, ...(await Promise.all(ways))];
}

interface Looking {
  readonly read: ReadTrust;
  readonly role: string;
  readonly expect: (partition: string) => ExpectedTrust;
  readonly readOnlyRole: string;
  readonly expectReaders: (partition: string) => ExpectedTrust;
  /** The task that creates the role. */
  readonly task: TaskCommand;
}

async function look(account: AwsAccount, open: () => Promise<AwsSession>, looking: Looking): Promise<Hop> {
  const [hop, trust, readOnlyTrust] = await Promise.all([
    describe(account.name, account.accountId, open),
    tryReadTrust(account, looking.role, looking.expect, looking),
    tryReadTrust(account, looking.readOnlyRole, looking.expectReaders, looking),
  ]);
  // The same error can affect both: it is reported once.
  const isSaid = trust?.kind === "unreadable" && hop.result.kind === "failed" && trust.message === hop.result.message;
  if (trust === undefined || isSaid) return hop;
  const isAgain = readOnlyTrust === undefined || (trust.kind !== "checked" && trust.kind === readOnlyTrust.kind);
  return { ...hop, trust, ...(isAgain ? {} : { readOnlyTrust }) };
}

async function tryReadTrust(
  account: AwsAccount,
  role: string,
  expect: Looking["expect"],
  { read, task }: Looking,
): Promise<HopTrust | undefined> {
  try {
    const found = await read(account, role);
    switch (found.kind) {
      case "unread":
        return undefined;
      case "absent":
        return { kind: "absent", role, hint: formatHint([task, `   (with credentials of ${account.name})`]) };
      case "present":
        return {
          kind: "checked",
          role,
          findings: checkTrust(found.document, expect(found.arn.split(":")[1] ?? "aws")),
        };
      default:
        return found satisfies never;
    }
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    const { code, message } = error;
    return { kind: "unreadable", role, code, message };
  }
}

async function describe(name: string, account: string, open: () => Promise<AwsSession>): Promise<Hop> {
  return await describeHop(name, account, async () => {
    const { identity, credentials } = await open();
    return { identity: identity.arn, expires: credentials.expiration };
  });
}
