import { eksPlugin, eksPluginEnvironment } from "#lib/aws/eks/token-plugin.ts";
import { roleArn } from "#lib/aws/fleet/roles.ts";
import type { AwsAccount, EksCluster } from "#lib/aws/fleet/types.ts";
import { type ExecKubeconfigState, execKubeconfig } from "#lib/cloud/exec-kubeconfig.ts";
import { findPluginPlace, formatPlugin, formatPluginKubeconfig, type PluginPlace } from "#lib/cloud/exec-plugin.ts";
import { FleetError } from "#lib/errors.ts";
import type { Resource } from "#lib/graph/resource.ts";
import type { World } from "#lib/graph/world.ts";
import { command } from "#lib/hint.ts";
import type { Access } from "#lib/kubernetes/access.ts";
import { type Endpoint, endpointOf, type Kubeconfig } from "#lib/kubernetes/kubeconfig.ts";

export interface EksClusterOptions {
  readonly cluster: EksCluster;
  readonly account: AwsAccount;
  /** Name of the account's role, which has access to the cluster. */
  readonly role: string;
  /** Absolute path. @default clusters/fleet.ts */
  readonly fleetFile?: string | undefined;
}

export interface EksKubeconfigOptions extends EksClusterOptions {
  /** Its outputs identify the cluster: ClusterEndpoint, CertificateAuthorityData, ClusterName. */
  readonly stack: Resource<EksOutputs>;
}

export interface EksOutputs {
  readonly outputs: Readonly<Record<string, string>>;
}

export type EksKubeconfigState = ExecKubeconfigState<PluginPlace>;

/** AWS has the names of a new cluster in all resolvers within a minute or two. */
const reachMs = 3 * 60_000;
/** Access entries take some seconds to reach the API server. */
const admitMs = 2 * 60_000;

/** The kubeconfig file of one EKS cluster, with our own program for tokens. */
export function eksKubeconfig(options: EksKubeconfigOptions): Resource<EksKubeconfigState> {
  const { cluster, account, stack } = options;
  return execKubeconfig({
    id: `aws/${account.name}/kubeconfig/${cluster.name}`,
    cluster: cluster.name,
    source: stack,
    findPlace,
    format: (state, place) => tryFormat(options, state, place),
    unlocatedHint: "are ClusterEndpoint, CertificateAuthorityData and ClusterName outputs of the template?",
    reachMs,
    admitMs,
    explain: (access) => explain(access, options),
  });
}

function findPlace(world: World): Promise<PluginPlace> {
  return findPluginPlace(world, eksPluginEnvironment(world.variables));
}

/** The cluster's connection from its stack, if there is no file; undefined until the stack has outputs. */
export async function eksEndpoint(
  world: World,
  options: EksClusterOptions,
  state: EksOutputs,
): Promise<Endpoint | undefined> {
  const kubeconfig = tryFormat(options, state, await findPlace(world));
  return kubeconfig === undefined ? undefined : endpointOf(kubeconfig, options.cluster.name);
}

/** Undefined until the stack has outputs. */
function tryFormat(
  { cluster, account, role, fleetFile }: EksClusterOptions,
  state: EksOutputs | undefined,
  place: PluginPlace,
): Kubeconfig | undefined {
  const { ClusterEndpoint: server, CertificateAuthorityData: authority, ClusterName: eksName } = state?.outputs ?? {};
  if (server === undefined || authority === undefined || eksName === undefined) return undefined;
  const { name, region } = cluster;
  const plugin = eksPlugin({ name, region, eksName, server, account, role: roleArn(account, role), fleetFile });
  return formatPluginKubeconfig(name, { server, authority }, formatPlugin(plugin, place));
}

function explain(
  access: Exclude<Access, { readonly kind: "open" }>,
  { cluster, account, role }: EksClusterOptions,
): FleetError {
  if (access.kind === "unreachable") {
    return new FleetError("ClusterUnreachable", `${cluster.name}: this computer does not reach the API server`, {
      hint: `add this computer's public address to publicAccessCidrs of ${cluster.name} (now ${cluster.publicAccessCidrs.join(", ") || "empty"}) in clusters/aws.ts, if it is missing`,
      details: [access.why],
    });
  }
  return new FleetError(
    "ClusterDenied",
    `${cluster.name}: the API server denies access to ${role} of ${account.name}`,
    {
      hint:
        access.status === 401
          ? [
              "the cluster's access entry must name this role: ",
              command("plan"),
              " shows whether its stack differs. A recreated role needs a new entry",
            ]
          : [
              "the cluster's access entry has no policy: its stack attaches AmazonEKSClusterAdminPolicy; ",
              command("plan"),
              " shows whether it differs",
            ],
      details: [access.why],
    },
  );
}
