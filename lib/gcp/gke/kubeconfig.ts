import { readCaBundle } from "#lib/cloud/ca-bundle.ts";
import { type ExecKubeconfigState, execKubeconfig } from "#lib/cloud/exec-kubeconfig.ts";
import { findPluginPlace, formatPlugin, formatPluginKubeconfig, type PluginPlace } from "#lib/cloud/exec-plugin.ts";
import { FleetError } from "#lib/errors.ts";
import type { GcpAccount, GkeCluster } from "#lib/gcp/fleet/types.ts";
import type { GkeState } from "#lib/gcp/gke/cluster.ts";
import { gkePlugin, gkePluginEnvironment } from "#lib/gcp/gke/token-plugin.ts";
import type { Resource } from "#lib/graph/resource.ts";
import type { World } from "#lib/graph/world.ts";
import { command } from "#lib/hint.ts";
import type { Access } from "#lib/kubernetes/access.ts";

export interface GkeKubeconfigOptions {
  readonly cluster: GkeCluster;
  readonly account: GcpAccount;
  readonly management: GcpAccount;
  /** The cluster itself. */
  readonly gke: Resource<GkeState>;
  /** Absolute path. @default clusters/fleet.ts */
  readonly fleetFile?: string | undefined;
}

interface GkePlace extends PluginPlace {
  /** In base64: what this computer trusts instead of public authorities. */
  readonly bundle: string | undefined;
}

export type GkeKubeconfigState = ExecKubeconfigState<GkePlace>;

/** The name of a new API server is in all resolvers within a minute or two. */
const reachMs = 3 * 60_000;
/** https://cloud.google.com/iam/docs/access-change-propagation: two minutes, or seven and more. */
const admitMs = 8 * 60_000;

/** The kubeconfig file of one GKE cluster, with our own program for tokens: gcloud and its plugin are not required. */
export function gkeKubeconfig({
  cluster,
  account,
  management,
  gke,
  fleetFile,
}: GkeKubeconfigOptions): Resource<GkeKubeconfigState> {
  return execKubeconfig<GkeState, GkePlace>({
    id: `gcp/${account.name}/kubeconfig/${cluster.name}`,
    cluster: cluster.name,
    source: gke,
    findPlace,
    format({ endpoint }, place) {
      if (endpoint === undefined) return undefined;
      const { server, authority = place.bundle } = endpoint;
      const plugin = gkePlugin({ cluster, account, management, server, fleetFile });
      return formatPluginKubeconfig(cluster.name, { server, authority }, formatPlugin(plugin, place));
    },
    unlocatedHint: `gcloud container clusters describe shows controlPlaneEndpointsConfig; ${cluster.name} has no endpoint for the way that the fleet names`,
    reachMs,
    admitMs,
    explain: (denied) => explain(denied, cluster, account),
  });
}

async function findPlace(world: World): Promise<GkePlace> {
  const place = await findPluginPlace(world, gkePluginEnvironment(world.variables));
  const path = world.variables.REQUESTS_CA_BUNDLE ?? "";
  if (path === "") return { ...place, bundle: undefined };
  return { ...place, bundle: Buffer.from(readCaBundle("REQUESTS_CA_BUNDLE", path)).toString("base64") };
}

function explain(
  access: Exclude<Access, { readonly kind: "open" }>,
  { name, publicAccessCidrs: ranges }: GkeCluster,
  account: GcpAccount,
): FleetError {
  if (access.kind === "unreachable") {
    return new FleetError("ClusterUnreachable", `${name}: this computer does not reach the API server`, {
      hint:
        ranges === undefined
          ? "the API server has a name below gke.goog: see whether this computer resolves it, and reaches port 443 of Google"
          : `add this computer's public address to publicAccessCidrs of ${name} (now ${ranges.join(", ")}) in clusters/gcp.ts, if it is missing`,
      details: [access.why],
    });
  }
  return new FleetError("ClusterDenied", `${name}: the API server denies access to the caller in ${account.name}`, {
    hint: [
      command("create:gcp-tenant", account.name),
      " gives the service account of the project its roles (container.clusters.connect for the DNS endpoint); Google takes some minutes to propagate them",
    ],
    details: [access.why],
  });
}
