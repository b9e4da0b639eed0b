import { type AwsChain, type AwsSession, awsChain } from "#lib/credentials/aws.ts";
import type { Environment } from "#lib/environment.ts";
import { FleetError } from "#lib/errors.ts";
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
  const accounts = fleet.accounts.filter((account): account is AwsAccount => account.provider === "aws");
  if (accounts.length === 0) return [];
  const endpoint = endpointOf(environment);
  const { variables } = environment;
  const chain: AwsChain = awsChain({ fleet, variables, ...(endpoint === undefined ? {} : { endpoint }) });
  const base = await describe("base", "", () => chain.base());
  if (base.result.kind === "failed") return [base];
  // Each is asked for at once: they share the steps that they have in common.
  const others = accounts.map((account) => describe(account.name, account.accountId, () => chain.for(account)));
  return [base, ...(await Promise.all(others))];
}

/**
 * A stray endpoint in somebody's shell would send calls, and what signs them, elsewhere.
 *
 * @throws FleetError EndpointRefused
 */
function endpointOf({ variables }: Environment): string | undefined {
  const given = Object.entries(variables).filter(
    ([name, value]) => name.startsWith("AWS_ENDPOINT_URL") && value !== "",
  );
  for (const [name, value] of given) {
    const isLocal = URL.canParse(value) && ["127.0.0.1", "localhost", "[::1]"].includes(new URL(value).hostname);
    if (isLocal) continue;
    throw new FleetError("EndpointRefused", `${name} sends calls for AWS to ${value}`, { hint: `unset ${name}` });
  }
  return variables.AWS_ENDPOINT_URL_STS ?? variables.AWS_ENDPOINT_URL;
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
