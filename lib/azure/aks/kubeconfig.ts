import type { AksState } from "#lib/azure/aks/cluster.ts";
import { aksPlugin, aksPluginEnvironment } from "#lib/azure/aks/token-plugin.ts";
import type { ArmResource } from "#lib/azure/clients.ts";
import type { AksCluster, AzureAccount } from "#lib/azure/fleet/types.ts";
import type { Member } from "#lib/azure/members.ts";
import type { AzureWorld } from "#lib/azure/world.ts";
import { type ExecKubeconfigState, execKubeconfig } from "#lib/cloud/exec-kubeconfig.ts";
import { findPluginPlace, formatPlugin, formatPluginKubeconfig, type PluginPlace } from "#lib/cloud/exec-plugin.ts";
import { FleetError } from "#lib/errors.ts";
import type { Outputs, Resource } from "#lib/graph/resource.ts";
import { command } from "#lib/hint.ts";
import type { Access } from "#lib/kubernetes/access.ts";

export interface AksKubeconfigOptions {
  readonly cluster: AksCluster;
  readonly account: AzureAccount;
  /** The cluster itself. */
  readonly aks: Resource<AksState>;
  /** What gives access to it: role assignments. */
  readonly admins: readonly Resource<ArmResource>[];
  /** Who gets no access, whatever is waited for: read-only jobs. */
  readonly readers: readonly Member[];
  /** Absolute path. @default clusters/fleet.ts */
  readonly fleetFile?: string | undefined;
}

export type AksKubeconfigState = ExecKubeconfigState<PluginPlace>;

/** The name of a new API server is in all resolvers within a minute or two. */
const reachMs = 3 * 60_000;
/** Role assignments reach API servers within five minutes: https://learn.microsoft.com/azure/aks/manage-azure-rbac */
const admitMs = 6 * 60_000;

/** The kubeconfig file of one AKS cluster, with our own program for tokens: neither az nor kubelogin is required. */
export function aksKubeconfig(options: AksKubeconfigOptions): Resource<AksKubeconfigState, AzureWorld> {
  const { admins, readers } = options;
  const made = kubeconfigFor(options, admitMs);
  return {
    ...made,
    needs: [...made.needs, ...admins, ...readers.flatMap((member) => member.needs)],
    ensure: async (world, observed, outputs) =>
      await kubeconfigFor(options, await admissionMs(world, outputs, options)).ensure(world, observed, outputs),
  };
}

function kubeconfigFor(options: AksKubeconfigOptions, waitMs: number): Resource<AksKubeconfigState> {
  const { cluster, account, aks, fleetFile } = options;
  return execKubeconfig<AksState, PluginPlace>({
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
    admitMs: waitMs,
    explain: (denied) => explain(denied, options),
  });
}

/** How long a denial may still be caused by a role assignment that is new. */
async function admissionMs(
  world: AzureWorld,
  outputs: Outputs,
  { account, admins, readers }: AksKubeconfigOptions,
): Promise<number> {
  const { objectId } = await world.azure.caller(account);
  if (readers.some(({ principal }) => principal(outputs)?.objectId === objectId)) return 0;
  const created = admins.map((admin) => Date.parse(String(outputs.find(admin)?.properties?.createdOn)));
  const leftMs = Math.max(...created) + admitMs - world.clock.now();
  return Number.isNaN(leftMs) ? admitMs : Math.min(Math.max(leftMs, 0), admitMs);
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
            `${admitted(account)}. If the caller is one of them, `,
            command("plan"),
            " shows whether a role assignment is missing. Azure takes some minutes to propagate a new one",
          ],
    details: [access.why],
  });
}

function admitted({ operators }: AzureAccount): string {
  return operators === undefined
    ? "only who created the cluster and GitHub's jobs are let in"
    : `only GitHub's jobs and members of the group ${operators} (\`operators\`) are let in, not owners of the subscription`;
}
