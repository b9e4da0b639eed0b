import { type CachedSession, readSession, type SessionKey, sessionPath } from "#lib/aws/credentials/session-cache.ts";
import { eksToken, eksTokenLifeMs } from "#lib/aws/eks/token.ts";
import { hasGoodToken, rememberAsker } from "#lib/cloud/token-askers.ts";
import type { Environment } from "#lib/environment.ts";
import { FleetError } from "#lib/errors.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { type ExecInfo, formatExecCredential, parseExecInfo, refusedVariable } from "#lib/kubernetes/exec-info.ts";
import { pathsBelow, projectRoot } from "#lib/paths.ts";

// With a cached session kubectl waits only for the imports above: keep them small.

/** Options of `tasks/kube-token.ts`, by name. They fix what kubectl's environment must not override. */
export type KubeTokenOptions = ReadonlyMap<string, string>;

/** Newer sessions are trusted, to avoid a call of STS for each attempt. */
const doubtAfterMs = 60_000;
/** Clients request a new token one minute before the old one expires. */
const tokenLifeMs = eksTokenLifeMs - 60_000;

/**
 * An ExecCredential for one EKS cluster, as text.
 *
 * @throws FleetError InvalidArgument, ExecInfoInvalid, WrongCluster, CacheUnsafe, WrongAccount, WrongIdentity, and errors of opening the session
 */
export async function kubeToken(options: KubeTokenOptions, environment: Environment, now: number): Promise<string> {
  const cluster = required(options, "cluster", /^[0-9A-Za-z][\w-]{0,99}$/);
  const region = required(options, "region", /^[a-z]{2}(-[a-z]+)+-\d$/);
  const account = required(options, "account", /./);
  const accountId = required(options, "account-id", /^\d{12}$/);
  const role = required(options, "role", /^arn:aws[\w-]*:iam::\d{12}:role\/.+$/);
  const info = parseExecInfo(environment.variables.KUBERNETES_EXEC_INFO);
  refuseOtherCluster(info, required(options, "server", /^https:\/\/./), cluster);

  const { cache, locks } = pathsBelow(projectRoot, options.get("state") ?? environment.stateDirectory);
  const key: SessionKey = { accountId, role, endpoint: environment.variables.AWS_ENDPOINT_URL || undefined };
  const request = {
    key,
    account,
    loadFleet: () => loadFleet(options.get("fleet")),
    folder: `${cache}/aws`,
    locks,
    minimumMs: eksTokenLifeMs,
  };
  const cached = readSession(request.folder, key);
  const asker = { pid: process.ppid, cluster };
  const askers = `${sessionPath(request.folder, key)}.askers`;
  // A session that was valid a moment ago is not the cause of a refusal.
  const isOld = cached !== undefined && now - cached.keptMs > doubtAfterMs;
  const said = environment.variables[refusedVariable] ?? "";
  const isDoubted = isOld && (said === "" ? hasGoodToken(askers, asker, now) : said === "1");
  const isGood = cached !== undefined && !isDoubted && cached.expiresMs - now >= eksTokenLifeMs;
  const doubt = isDoubted ? { keptMs: cached.keptMs, isCertain: said === "1" } : undefined;
  const session = isGood ? cached : await renew(environment, { ...request, ...(doubt === undefined ? {} : { doubt }) });

  const at = new Date(now);
  const token = eksToken({ credentials: session, region, cluster, at });
  const expiresMs = Math.min(now + tokenLifeMs, session.expiresMs);
  rememberAsker(askers, { ...asker, expiresMs: Math.floor(expiresMs) });
  return formatExecCredential(info, token, new Date(expiresMs));
}

/** Ignores FLEET_FILE, which belongs to the caller of kubectl. */
async function loadFleet(file: string | undefined): Promise<Fleet> {
  const [{ loadFleet }, { builtInProviders }] = await Promise.all([
    import("#lib/fleet/load.ts"),
    import("#lib/providers.ts"),
  ]);
  return (await loadFleet(builtInProviders, file)).fleet;
}

async function renew(
  environment: Environment,
  request: Parameters<typeof import("#lib/aws/credentials/clusters-session.ts").renewSession>[1],
): Promise<CachedSession> {
  const { renewSession } = await import("#lib/aws/credentials/clusters-session.ts");
  return await renewSession(environment, request);
}

/** A token identifies the caller, so it must only be sent to its own cluster. @throws FleetError WrongCluster */
function refuseOtherCluster({ cluster: asked }: ExecInfo, server: string, name: string): void {
  if (asked === undefined) return;
  const hint = "run create again: it writes a new kubeconfig";
  if (!isSameUrl(asked.server, server)) {
    throw new FleetError("WrongCluster", `${asked.server} is not the API server of ${name}, which is ${server}`, {
      hint,
    });
  }
  if (!asked.verified) {
    throw new FleetError(
      "WrongCluster",
      `nothing proves that ${asked.server} is ${name}: insecure-skip-tls-verify is set`,
      {
        hint,
      },
    );
  }
}

/** Host names are case-insensitive, and an origin may end in a slash. */
function isSameUrl(a: string, b: string): boolean {
  return a === b || (URL.canParse(a) && URL.canParse(b) && new URL(a).href === new URL(b).href);
}

function required(options: KubeTokenOptions, name: string, form: RegExp): string {
  const value = options.get(name);
  if (value !== undefined && form.test(value)) return value;
  const what = value === undefined ? `--${name} is missing` : `--${name} can't be "${value}"`;
  throw new FleetError("InvalidArgument", what, { hint: "kubeconfigs that create writes have all options" });
}
