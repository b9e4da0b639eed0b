import { clientCalls } from "#lib/aws/client-calls.ts";
import type { AwsSession } from "#lib/aws/credentials/sts.ts";
import { awsManagementRole, awsReadOnlyManagementRole } from "#lib/aws/fleet/roles.ts";
import type { AwsAccount } from "#lib/aws/fleet/types.ts";
import type { AwsWorld } from "#lib/aws/world.ts";
import { lookup } from "#lib/graph/lookup.ts";
import type { Resource, RowRef } from "#lib/graph/resource.ts";

export interface CallerState {
  /** The caller's ARN for a trust policy: a user, a role, or the root of an account. */
  readonly principal: string;
}

export interface CallerOptions {
  readonly account: AwsAccount;
  readonly row: RowRef;
  /** Variable AWS_USER_ARN: the identity that the management role trusts, regardless of the caller. */
  readonly userArn: string | undefined;
}

/** The identity that the management role trusts: AWS_USER_ARN, else the identity that creates it. Read-only. */
export function callerIdentity({ account, row, userArn }: CallerOptions): Resource<CallerState, AwsWorld> {
  const find = async (world: AwsWorld): Promise<string> =>
    userArn === undefined ? await principalOf(world, account, await findCaller(world, account)) : userArn;
  return lookup<CallerState, AwsWorld>({
    id: `aws/${account.name}/caller`,
    title: `${account.name}: caller`,
    label: "caller",
    row,
    needs: [],
    read: async (world) => ({ principal: await find(world) }),
    health: ({ principal }) => ({ kind: "healthy", summary: principal }),
  });
}

async function findCaller(world: AwsWorld, account: AwsAccount): Promise<AwsSession> {
  return (await world.aws.findAdministrator(account)) ?? (await world.aws.session({ account, as: "management" }));
}

/** A session is admitted through its role; only IAM knows the role's path. */
async function principalOf(world: AwsWorld, account: AwsAccount, { identity: { arn } }: AwsSession): Promise<string> {
  const role = /:assumed-role\/([^/]+)\//.exec(arn)?.[1];
  if (role === undefined) return arn;
  // It would only let itself in.
  if (role === awsManagementRole || role === awsReadOnlyManagementRole) return "";
  const actor = { account, as: "administrator" } as const;
  const call = clientCalls(world, actor, await world.aws.iam(actor));
  const { Role: found } = await call(`reading the role ${role}`, (iam, options) =>
    iam.getRole({ RoleName: role }, options),
  );
  return found?.Arn ?? "";
}
