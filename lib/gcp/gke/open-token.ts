import type { ExecTokenRequest } from "#lib/cloud/exec-token.ts";
import { adoptEnvironment } from "#lib/environment.ts";
import { FleetError } from "#lib/errors.ts";
import type { AccountBase } from "#lib/fleet/types.ts";
import type { AccessToken } from "#lib/gcp/clients.ts";
import type { Choice } from "#lib/gcp/credentials/choice.ts";
import { gkeScopes } from "#lib/gcp/credentials/scopes.ts";
import { gcpTokens } from "#lib/gcp/credentials/tokens.ts";
import type { GcpAccount } from "#lib/gcp/fleet/types.ts";

/** A service account, as a kubeconfig names it. */
interface Named {
  /** Of its account, in the fleet. */
  readonly name: string;
  readonly email: string;
}

/** Whose token a kubeconfig wants. */
interface Wanted {
  readonly account: Named;
  /** Leads to the account's. */
  readonly management: Named;
  readonly choice: Choice;
}

/** By way of the management project, as runs do it. @throws FleetError WrongIdentity, and those of GcpTokens.get() */
export async function openGkeToken(
  { environment, loadFleet }: ExecTokenRequest,
  { account, management, choice }: Wanted,
): Promise<AccessToken> {
  // Proxies are read there.
  adoptEnvironment(environment);
  const { variables } = environment;
  const clusters = accountOf(account, account.name === management.name ? "management" : "tenant");
  // Reading the fleet takes longer than all calls to Google. Only jobs of GitHub need it: for who may only read.
  const fleet =
    choice.kind === "github" ? await loadFleet() : { accounts: [accountOf(management, "management"), clusters] };
  const tokens = gcpTokens({ fleet, variables, pauseWhileSettling: () => undefined });
  const found = await tokens.get({ kind: "clusters", account: clusters }, undefined, gkeScopes);
  if (found.caller?.name === account.email) return found;
  throw new FleetError(
    "WrongIdentity",
    `credentials are of ${found.caller?.name ?? "somebody else"}, the kubeconfig wants ${account.email}`,
    { hint: "run create again: it writes a new kubeconfig. The task whoami shows the identity" },
  );
}

function accountOf({ name, email }: Named, role: AccountBase["role"]): GcpAccount {
  const [, projectId = ""] = /@([^.]+)/.exec(email) ?? [];
  // Only identities of jobs are named by the number.
  return { provider: "gcp", name, role, projectId, projectNumber: "" };
}
