import type { ExecToken, ExecTokenRequest } from "#lib/cloud/exec-token.ts";
import type { Environment } from "#lib/environment.ts";
import { FleetError } from "#lib/errors.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { type ExecInfo, formatExecCredential, parseExecInfo, refusedVariable } from "#lib/kubernetes/exec-info.ts";
import { pathsBelow, projectRoot } from "#lib/paths.ts";

// With cached credentials kubectl waits only for these imports and those of the provider: keep them small.

/** Options of `tasks/kube-token.ts`, by name. They fix what kubectl's environment must not override. */
export type KubeTokenOptions = ReadonlyMap<string, string>;

/**
 * An ExecCredential for one cluster in a cloud, as text.
 *
 * @throws FleetError InvalidArgument, ExecInfoInvalid, WrongCluster, CacheUnsafe, WrongAccount, WrongIdentity, and errors of signing in
 */
export async function kubeToken(options: KubeTokenOptions, environment: Environment, now: number): Promise<string> {
  const provider = required(options, "provider", /^(aws|azure|gcp)$/);
  const cluster = required(options, "cluster", /^[0-9A-Za-z][\w-]{0,99}$/);
  const info = parseExecInfo(environment.variables.KUBERNETES_EXEC_INFO);
  refuseOtherCluster(info, required(options, "server", /^https:\/\/./), cluster);
  const { cache, locks } = pathsBelow(projectRoot, options.get("state") ?? environment.stateDirectory);
  const { token, expiresMs } = await getToken(provider, {
    option: (name, form) => required(options, name, form),
    cluster,
    environment,
    said: environment.variables[refusedVariable] ?? "",
    cache,
    locks,
    loadFleet: () => loadFleet(options.get("fleet")),
    now,
  });
  return formatExecCredential(info, token, new Date(expiresMs));
}

async function getToken(provider: string, request: ExecTokenRequest): Promise<ExecToken> {
  if (provider === "azure") return await (await import("#lib/azure/aks/exec-token.ts")).aksExecToken(request);
  if (provider === "gcp") return await (await import("#lib/gcp/gke/exec-token.ts")).gkeExecToken(request);
  return await (await import("#lib/aws/eks/exec-token.ts")).eksExecToken(request);
}

/** Ignores FLEET_FILE, which belongs to the caller of kubectl. */
async function loadFleet(file: string | undefined): Promise<Fleet> {
  const [{ loadFleet }, { builtInProviders }] = await Promise.all([
    import("#lib/fleet/load.ts"),
    import("#lib/providers.ts"),
  ]);
  return (await loadFleet(builtInProviders, file)).fleet;
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
  throw new FleetError("InvalidArgument", what, { hint: "run create again: it writes a kubeconfig with all options" });
}
