import type { Fault } from "#lib/fleet/fault.ts";
import { awsManagementRole, awsReadOnlyManagementRole, iamRoleOf, serviceRoleOf } from "#lib/fleet/roles.ts";
import type { AwsAccount, Fleet } from "#lib/fleet/types.ts";

/** https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html */
const roleName = /^[\w+=,.@-]{1,64}$/;

/** IAM roles are named by their accounts. IAM ignores case when it compares names. */
export function checkRoles({ accounts }: Fleet): readonly Fault[] {
  const owners = new Map([
    [awsManagementRole, "the management role"],
    [awsReadOnlyManagementRole, "the read-only role of the management account"],
  ]);
  return accounts
    .filter((account) => account.provider === "aws")
    .flatMap((account) => {
      const role = iamRoleOf(account);
      const owner = owners.get(role.toLowerCase());
      owners.set(role.toLowerCase(), account.name);
      // Two accounts of one name are a fault of their own.
      const isFree = owner === undefined || owner === account.name;
      return [...checkName(account), ...(isFree ? [] : [duplicate(account, role, owner)])];
    });
}

function checkName(account: AwsAccount): readonly Fault[] {
  const wrong = [iamRoleOf(account), serviceRoleOf(account)].find((role) => !roleName.test(role));
  if (wrong === undefined) return [];
  return [
    {
      code: "MalformedRole",
      where: `account ${account.name}`,
      message: `malformed role name "${wrong}"`,
      hint: "set iamRole to a name of at most 44 characters: letters, digits and +=,.@_-",
      provider: "aws",
    },
  ];
}

function duplicate(account: AwsAccount, role: string, owner: string): Fault {
  return {
    code: "DuplicateRole",
    where: `account ${account.name}`,
    message: `the role name "${role}" is that of ${owner}`,
    hint: `give it another name, e.g. iamRole: "${account.name}-clusters-iam-role"`,
    provider: "aws",
  };
}
