import type { ExecTokenRequest } from "#lib/cloud/exec-token.ts";
import { adoptEnvironment } from "#lib/environment.ts";
import { FleetError } from "#lib/errors.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import type { AccessToken } from "#lib/gcp/clients.ts";
import { gkeScopes } from "#lib/gcp/credentials/scopes.ts";
import { gcpTokens } from "#lib/gcp/credentials/tokens.ts";
import type { GcpAccount } from "#lib/gcp/fleet/types.ts";

/** Whose token a kubeconfig wants. */
interface Wanted {
  /** Name in the fleet. */
  readonly account: string;
  /** Of the account's service account. */
  readonly email: string;
}

/** By way of the management project, as runs do it. @throws FleetError UnknownAccount, WrongIdentity, and those of GcpTokens.get() */
export async function openGkeToken(
  { environment, loadFleet }: ExecTokenRequest,
  { account: name, email }: Wanted,
): Promise<AccessToken> {
  // Proxies are read there.
  adoptEnvironment(environment);
  const fleet = await loadFleet();
  const { variables } = environment;
  const tokens = gcpTokens({ fleet, variables, pauseWhileSettling: () => undefined });
  const found = await tokens.get({ kind: "clusters", account: findAccount(fleet, name) }, undefined, gkeScopes);
  if (found.caller?.name === email) return found;
  throw new FleetError(
    "WrongIdentity",
    `credentials are of ${found.caller?.name ?? "somebody else"}, the kubeconfig wants ${email}`,
    { hint: "run create again: it writes a new kubeconfig. The task whoami shows the identity" },
  );
}

function findAccount({ accounts }: Fleet, name: string): GcpAccount {
  const known = accounts.filter((account) => account.provider === "gcp");
  const found = known.find((account) => account.name === name);
  if (found !== undefined) return found;
  throw new FleetError("UnknownAccount", `the fleet has no GCP account "${name}"`, {
    hint: `it has ${known.map((account) => account.name).join(", ") || "none"}; run create again with the fleet that has it`,
  });
}
