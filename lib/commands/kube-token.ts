import { type CachedSession, readSession, type SessionKey, sessionPath } from "#lib/aws/credentials/session-cache.ts";
import { eksToken, eksTokenLifeMs } from "#lib/aws/eks/token.ts";
import { hasGoodToken, rememberAsker } from "#lib/cloud/token-askers.ts";
import type { Environment } from "#lib/environment.ts";
import { FleetError } from "#lib/errors.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { type ExecInfo, formatExecCredential, parseExecInfo, refusedVariable } from "#lib/kubernetes/exec-info.ts";
import { pathsBelow, projectRoot } from "#lib/paths.ts";

// What is imported above is all that kubectl waits for as long as a session is cached: keep it small.

/** Options of `tasks/kube-token.ts`, by their names. They pin what kubectl's environment must not choose. */
export type KubeTokenOptions = ReadonlyMap<string, string>;

/** Younger sessions are trusted, so that STS isn't asked for each attempt. */
const doubtAfterMs = 60_000;
/** Clients ask for a new token when the old one has a minute left, so that no request is late. */
const tokenLifeMs = eksTokenLifeMs - 60_000;

/**
 * An ExecCredential for one EKS cluster, as text.
 *
 * @throws FleetError InvalidArgument, ExecInfoInvalid, WrongCluster, CacheUnsafe, WrongAccount, WrongIdentity, and what the way into the account throws
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
  // A session that was good a moment ago is not what a cluster refuses.
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

/** FLEET_FILE doesn't count: it is that of whoever calls kubectl. */
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

/** A token of one cluster says to whoever gets it who we are: it goes to no other server. @throws FleetError WrongCluster */
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

/** Hosts have no case, and an origin may end in a slash or not. */
function isSameUrl(a: string, b: string): boolean {
  return a === b || (URL.canParse(a) && URL.canParse(b) && new URL(a).href === new URL(b).href);
}

function required(options: KubeTokenOptions, name: string, form: RegExp): string {
  const value = options.get(name);
  if (value !== undefined && form.test(value)) return value;
  const what = value === undefined ? `--${name} is missing` : `--${name} can't be "${value}"`;
  throw new FleetError("InvalidArgument", what, { hint: "kubeconfigs that create writes have all options" });
}
