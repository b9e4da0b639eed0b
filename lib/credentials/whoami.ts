import { awsChain } from "#lib/credentials/aws.ts";
import { awsEndpointOf } from "#lib/credentials/endpoint.ts";
import type { AwsSession } from "#lib/credentials/sts.ts";
import type { Environment } from "#lib/environment.ts";
import { FleetError } from "#lib/errors.ts";
import { awsAccountRoles } from "#lib/fleet/roles.ts";
import type { AwsAccount, Fleet } from "#lib/fleet/types.ts";

/** One step of the way into an account. */
export interface Hop {
  /** `base`, or the account's name. */
  readonly name: string;
  /** As the fleet has it; empty for the base. */
  readonly account: string;
  readonly result:
    | { readonly kind: "ok"; readonly arn: string; readonly expires: string | undefined }
    | { readonly kind: "failed"; readonly code: string; readonly message: string; readonly hint: string | undefined };
}

/** Goes every way into the fleet's AWS accounts, and says who one is there. Changes nothing. */
export async function whoami(environment: Environment, fleet: Fleet): Promise<readonly Hop[]> {
  const [management] = fleet.accounts.filter(
    (account): account is AwsAccount => account.provider === "aws" && account.role === "management",
  );
  if (management === undefined) return [];
  const { variables } = environment;
  const endpoint = awsEndpointOf(variables);
  const chain = awsChain({ fleet, variables, ...(endpoint === undefined ? {} : { endpoint }) });
  const base = await describe("base", "", () => chain.base());
  if (base.result.kind === "failed") return [base];
  // Each is asked for at once: they share the steps that they have in common.
  const ways = [
    describe(management.name, management.accountId, () => chain.management()),
    ...awsAccountRoles(fleet).map(({ account }) =>
      describe(account.name, account.accountId, () => chain.clusters(account)),
    ),
  ];
  return [base, ...(await Promise.all(ways))];
}

async function describe(name: string, account: string, open: () => Promise<AwsSession>): Promise<Hop> {
  try {
    const { identity, credentials } = await open();
    return { name, account, result: { kind: "ok", arn: identity.arn, expires: credentials.expiration?.toISOString() } };
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    const { code, message, hint } = error;
    return { name, account, result: { kind: "failed", code, message, hint } };
  }
}
