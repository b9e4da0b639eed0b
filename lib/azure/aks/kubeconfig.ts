import type { AksState } from "#lib/azure/aks/cluster.ts";
import { aksPlugin, aksPluginEnvironment } from "#lib/azure/aks/token-plugin.ts";
import type { AksCluster, AzureAccount } from "#lib/azure/fleet/types.ts";
import { type ExecKubeconfigState, execKubeconfig } from "#lib/cloud/exec-kubeconfig.ts";
import { findPluginPlace, formatPlugin, formatPluginKubeconfig, type PluginPlace } from "#lib/cloud/exec-plugin.ts";
import { FleetError } from "#lib/errors.ts";
import type { AnyResource, Resource } from "#lib/graph/resource.ts";
import { command } from "#lib/hint.ts";
import type { Access } from "#lib/kubernetes/access.ts";

export interface AksKubeconfigOptions {
  readonly cluster: AksCluster;
  readonly account: AzureAccount;
  /** The cluster itself. */
  readonly aks: Resource<AksState>;
  /** What gives access to it, beside the cluster: role assignments. */
  readonly needs: readonly AnyResource[];
  /** Absolute path. @default clusters/fleet.ts */
  readonly fleetFile?: string;
}

export type AksKubeconfigState = ExecKubeconfigState<PluginPlace>;

/** The name of a new API server is in all resolvers within a minute or two. */
const reachMs = 3 * 60_000;
/** Role assignments reach API servers within five minutes: https://learn.microsoft.com/azure/aks/manage-azure-rbac */
const admitMs = 6 * 60_000;

/** The kubeconfig file of one AKS cluster, with our own program for tokens: neither az nor kubelogin is required. */
export function aksKubeconfig(options: AksKubeconfigOptions): Resource<AksKubeconfigState> {
  const { cluster, account, aks, needs, fleetFile } = options;
  const made = execKubeconfig<AksState, PluginPlace>({
    id: `azure/${account.name}/kubeconfig/${cluster.name}`,
    cluster: cluster.name,
    source: aks,
    findPlace: (world) => findPluginPlace(world, aksPluginEnvironment(world.variables)),
    format({ endpoint }, place) {
      if (endpoint === undefined) return undefined;
      const { server } = endpoint;
      return formatPluginKubeconfig(
        cluster.name,
        endpoint,
        formatPlugin(aksPlugin({ cluster, account, server, fleetFile }), place),
      );
    },
    unlocatedHint:
      "its identity may not read the cluster's kubeconfig: listClusterUserCredential/action on the cluster",
    reachMs,
    admitMs,
    explain: (denied) => explain(denied, options),
  });
  return { ...made, needs: [...made.needs, ...needs] };
}

function explain(
  access: Exclude<Access, { readonly kind: "open" }>,
  { cluster, account }: AksKubeconfigOptions,
): FleetError {
  const { name, publicAccessCidrs: ranges } = cluster;
  if (access.kind === "unreachable") {
    return new FleetError("ClusterUnreachable", `${name}: this computer does not reach the API server`, {
      hint: `add this computer's public address to publicAccessCidrs of ${name} (now ${ranges.join(", ") || "empty"}) in clusters/azure.ts, if it is missing`,
      details: [access.why],
    });
  }
  return new FleetError("ClusterDenied", `${name}: the API server denies access to the caller in ${account.name}`, {
    hint:
      access.status === 401
        ? [command("whoami"), " shows who calls: the cluster accepts identities of its tenant only"]
        : [
            "the caller has no role on the cluster: ",
            command("plan"),
            " shows whether a role assignment is missing. Azure takes some minutes to propagate a new one",
          ],
    details: [access.why],
  });
}
