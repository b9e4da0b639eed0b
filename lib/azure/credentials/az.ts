import type { AccessToken } from "#lib/azure/clients.ts";
import { renewOnce } from "#lib/cloud/exec-token.ts";
import { FleetError } from "#lib/errors.ts";
import { findMachineFolder } from "#lib/machine-locks.ts";

/** az loads slowly, and asks Entra when its own token has expired. */
const timeoutMs = 60_000;

export interface AzRequest {
  /** Passed to az: AZURE_CONFIG_DIR, proxies. */
  readonly variables: Readonly<Record<string, string>>;
  readonly tenantId: string;
  readonly scope: string;
  readonly signal?: AbortSignal;
}

/**
 * A token of the account that az is signed in with. Two calls at once can corrupt az's files (https://github.com/Azure/azure-cli/issues/9427):
 * no process of this user makes them.
 *
 * @throws FleetError CredentialsMissing, LockTimedOut, SessionExpired
 */
export async function azToken(request: AzRequest): Promise<AccessToken> {
  const folder = findMachineFolder();
  return await (folder === undefined ? run(request) : renewOnce(folder, "azure/az", () => run(request)));
}

async function run({ variables, tenantId, scope, signal }: AzRequest): Promise<AccessToken> {
  const az = Bun.which("az", { PATH: variables.PATH ?? "" });
  if (az === null) {
    throw new FleetError("CredentialsMissing", "this computer has no credentials for Azure, and no Azure CLI (az)", {
      hint: "install az and run az login, or set AZURE_CLIENT_ID and AZURE_CLIENT_SECRET",
    });
  }
  const words = ["account", "get-access-token", "--output", "json", "--scope", scope, "--tenant", tenantId];
  const limit = AbortSignal.timeout(timeoutMs);
  const child = Bun.spawn([az, ...words], {
    // az is Python: modules in the current folder must not be loaded.
    cwd: "/",
    env: variables,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
  });
  const [stdout, stderr, exit] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  signal?.throwIfAborted();
  const token = exit === 0 ? tryParse(stdout) : undefined;
  if (token !== undefined) return token;
  throw explain(limit.aborted ? `no answer after ${timeoutMs / 1_000} s` : stderr, tenantId);
}

function explain(stderr: string, tenantId: string): FleetError {
  const lines = stderr.split("\n").filter((line) => line.trim() !== "");
  const isSignedOut = /az login|not logged in/i.test(stderr) && !/AADSTS/.test(stderr);
  const message = isSignedOut
    ? "az is not signed in"
    : `az gives no token for the tenant ${tenantId}: ${/AADSTS\d+/.exec(stderr)?.[0] ?? lines.at(-1) ?? "no reason is given"}`;
  const code = /AADSTS(70043|700082|50173|50076|50078|50079|50158)\b/.test(stderr)
    ? "SessionExpired"
    : "CredentialsMissing";
  return new FleetError(code, message, { hint: `az login --tenant ${tenantId}`, details: lines.slice(-5) });
}

/** Undefined for what is no token. `expires_on` exists since az 2.54; the other time is local. */
function tryParse(text: string): AccessToken | undefined {
  try {
    const { accessToken: token, expires_on: seconds, expiresOn } = JSON.parse(text) as Partial<Record<string, unknown>>;
    const expires = new Date(typeof seconds === "number" ? seconds * 1_000 : String(expiresOn));
    return typeof token === "string" && !Number.isNaN(expires.getTime()) ? { token, expires } : undefined;
  } catch {
    return undefined;
  }
}
