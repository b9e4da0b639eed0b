import { clientCalls } from "#lib/aws/client-calls.ts";
import type { AwsActor, AwsClients } from "#lib/aws/clients.ts";
import { isAwsError } from "#lib/aws/explain.ts";
import { awsManagementRole, awsReadOnlyManagementRole } from "#lib/aws/fleet/roles.ts";
import type { AwsAccount } from "#lib/aws/fleet/types.ts";
import {
  administratorPolicy,
  assumePolicyName,
  cliUserName,
  findUser,
  type IamCalls,
  isAdministrator,
  isRestricted,
  policyArn,
} from "#lib/aws/iam/cli-user.ts";
import { systemClock } from "#lib/clock.ts";
import { managementOf } from "#lib/cloud/accounts.ts";
import { FleetError } from "#lib/errors.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { command } from "#lib/hint.ts";

/** Both calls are made, or none, even if the run is interrupted. */
const timeoutMs = 60_000;

export interface RestrictOptions {
  readonly fleet: Pick<Fleet, "accounts">;
  readonly aws: AwsClients;
  readonly show: (text: string) => void;
}

/** The AWS CLI commands equivalent to restrictCliUser(). @throws FleetError UnknownAccount */
export function restrictCommands(fleet: Pick<Fleet, "accounts">, partition = "aws"): readonly string[] {
  const user = `--user-name ${cliUserName}`;
  const policy = assumePolicy(managementOf(fleet, "aws", "UnknownAccount"), partition);
  return [
    `aws iam put-user-policy ${user} --policy-name ${assumePolicyName} --policy-document '${policy}'`,
    `aws iam detach-user-policy ${user} --policy-arn ${policyArn(partition)}`,
  ];
}

/**
 * Completes the set-up: removes AdministratorAccess from the user aws-cli, which then may only assume the management roles. A second
 * call changes nothing.
 *
 * @throws FleetError UnknownAccount, CredentialsMissing, WrongAccount, PlaceholderAccount; OutputMissing while the management role
 * does not let the user in
 */
export async function restrictCliUser({ fleet, aws, show }: RestrictOptions): Promise<void> {
  const account = managementOf(fleet, "aws", "UnknownAccount");
  const actor: AwsActor = { account, as: "administrator" };
  const { identity } = await aws.session(actor);
  const [, partition = "aws"] = identity.arn.split(":");
  const world = {
    clock: systemClock,
    signal: AbortSignal.timeout(timeoutMs),
    progress: (what: string) => show(`${what}\n`),
  };
  const call = clientCalls(world, actor, await aws.iam(actor));
  const user = await findUser(call);
  if (user?.Arn === undefined || !(await findTrust(call)).includes(`"${user.Arn}"`)) {
    throw new FleetError(
      "OutputMissing",
      `${account.name}: ${awsManagementRole} does not trust the user ${cliUserName}, which would lose all access`,
      {
        hint: [
          "first: ",
          command("create:aws-mgmt:cf-route53-gh-action-iam-role-oidc"),
          ", with AWS_USER_ARN of the user",
        ],
      },
    );
  }
  const say = (what: string): void => show(`${account.name}: ${what}\n`);
  const [isLimited, isAdmin] = [await isRestricted(call), await isAdministrator(call, policyArn(partition))];
  if (!isLimited) {
    await call(`allowing ${cliUserName} to assume the management roles`, (iam, http) =>
      iam.putUserPolicy(
        { UserName: cliUserName, PolicyName: assumePolicyName, PolicyDocument: assumePolicy(account, partition) },
        http,
      ),
    );
    say(`allowed ${cliUserName} to assume ${awsManagementRole} and ${awsReadOnlyManagementRole}`);
  }
  if (isAdmin) {
    await call(`detaching ${administratorPolicy} from ${cliUserName}`, (iam, http) =>
      iam.detachUserPolicy({ UserName: cliUserName, PolicyArn: policyArn(partition) }, http),
    );
    say(`detached ${administratorPolicy} from ${cliUserName}`);
  }
  if (isLimited && !isAdmin) say(`${cliUserName} may only assume the management roles`);
}

function assumePolicy({ accountId }: AwsAccount, partition: string): string {
  const roles = [awsManagementRole, awsReadOnlyManagementRole];
  const Resource = roles.map((role) => `arn:${partition}:iam::${accountId}:role/${role}`);
  const Action = ["sts:AssumeRole", "sts:SetSourceIdentity"];
  return JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Action, Resource }] });
}

/** Empty while there is no management role. */
async function findTrust(call: IamCalls): Promise<string> {
  try {
    const { Role: role } = await call(`reading the role ${awsManagementRole}`, (iam, http) =>
      iam.getRole({ RoleName: awsManagementRole }, http),
    );
    return decodeURIComponent(role?.AssumeRolePolicyDocument ?? "");
  } catch (error) {
    if (isAwsError(error, "NoSuchEntityException")) return "";
    throw error;
  }
}
