import {
  awsAccountRoles,
  awsManagementRole,
  awsReadOnlyManagementRole,
  iamRoleOf,
  readOnlyRoleOf,
  roleArn,
  serviceRoleOf,
} from "#lib/aws/fleet/roles.ts";
import type { AwsAccount } from "#lib/aws/fleet/types.ts";
import type { Fault } from "#lib/fleet/fault.ts";
import type { Fleet } from "#lib/fleet/types.ts";

/** https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html */
const roleName = /^[\w+=,.@-]{1,64}$/;

/** Bytes of a stack parameter: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html */
const parameterLimit = 4_096;

export function checkRoles(fleet: Fleet): readonly Fault[] {
  return [...checkNames(fleet), ...checkCount(fleet)];
}

/** IAM roles are named by their accounts. IAM ignores case when it compares names. */
function checkNames({ accounts }: Fleet): readonly Fault[] {
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
      return [...checkName(account), ...(isFree ? [] : [duplicate(account, role, owner)]), ...checkReadOnly(account)];
    });
}

/** The management account has a read-only role for its zones already, and may have one for its clusters. */
function checkReadOnly(account: AwsAccount): readonly Fault[] {
  const role = readOnlyRoleOf(account);
  if (account.role !== "management" || role.toLowerCase() !== awsReadOnlyManagementRole) return [];
  // The name of the role itself is taken, too, and a fault already.
  if (iamRoleOf(account).toLowerCase() === awsManagementRole) return [];
  return [duplicate(account, role, "the management account's zones")];
}

/** The management stack gets the ARNs of all roles, joined by commas. Those of the read-only roles are the longer ones. */
function checkCount(fleet: Fleet): readonly Fault[] {
  let bytes = -",".length;
  for (const [index, { account }] of awsAccountRoles(fleet).entries()) {
    bytes += `,${roleArn(account, readOnlyRoleOf(account))}`.length;
    if (bytes <= parameterLimit) continue;
    return [
      {
        code: "TooManyAccounts",
        where: `account ${account.name}`,
        message: `the ARNs of ${index + 1} read-only roles are ${bytes} bytes long, a stack parameter takes ${parameterLimit}`,
        hint: "give accounts shorter names in iamRole, or move some to a fleet of their own",
        provider: "aws",
      },
    ];
  }
  return [];
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
