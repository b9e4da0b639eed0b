import type { AwsActor, AwsClients } from "#lib/aws/clients.ts";
import { ask, isAwsError } from "#lib/aws/explain.ts";
import type { ReadTrust } from "#lib/aws/whoami.ts";

/** Reads the trust policies of roles, as the administrators of their accounts. */
export function trustReader(aws: AwsClients): ReadTrust {
  return async (account, role) => {
    if ((await aws.findAdministrator(account)) === undefined) return { kind: "unread" };
    const actor: AwsActor = { account, as: "administrator" };
    const iam = await aws.iam(actor);
    try {
      const { Role: found } = await ask({ account: account.name, what: `reading the role ${role}` }, () =>
        iam.getRole({ RoleName: role }),
      );
      return { kind: "present", arn: found?.Arn ?? "", document: found?.AssumeRolePolicyDocument ?? "" };
    } catch (error) {
      if (isAwsError(error, "NoSuchEntityException")) return { kind: "absent" };
      throw error;
    }
  };
}
