import { accountKeys, cloudClusterKeys } from "#lib/fleet/keys.ts";
import { accountTasks } from "#lib/fleet/provider.ts";
import { gcpErrorCodes } from "#lib/gcp/error-codes.ts";
import { checkGcp } from "#lib/gcp/fleet/checks.ts";
import { kubernetesOfGke } from "#lib/gcp/fleet/defaults.ts";
import { isPlaceholder } from "#lib/gcp/fleet/placeholder.ts";
import { gcpRegions } from "#lib/gcp/fleet/regions.ts";
import type { GcpAccount, GkeCluster } from "#lib/gcp/fleet/types.ts";
import type { Provider } from "#lib/provider.ts";

/** GCP: GKE clusters, zones in Cloud DNS, service accounts and workload identity. */
export const gcp: Provider<GcpAccount, GkeCluster> = {
  name: "gcp",
  title: "GCP",
  product: "GKE",
  taskWord: "gke",
  place: "cloud",
  group: "gcp",
  icon: "google-cloud",
  keys: {
    account: { ...accountKeys, projectId: true, projectNumber: true, operators: true },
    cluster: { ...cloudClusterKeys, publicAccessCidrs: true, mode: true, releaseChannel: true, nodePool: true },
    nested: { nodePool: { machineType: true, countPerZone: true } },
  },
  regions: gcpRegions,
  errorCodes: gcpErrorCodes,
  checks: [checkGcp],
  accountTasks: [
    ...accountTasks(
      "management",
      "gcp-mgmt",
      "zones, service accounts and the trust in GitHub's jobs, as an owner of the management project",
    ),
    ...accountTasks(
      "tenants",
      "gcp-tenant",
      "the service accounts and roles that create clusters, as an owner of the project",
    ),
  ],
  lanes: { cluster: { limit: 32, jobs: true } },
  open: async (context) => (await import("#lib/gcp/open.ts")).openGcp(context),
  schema: () => import("#lib/gcp/fleet/schema.ts"),
  accountId: ({ projectId }) => projectId,
  isPlaceholder,
  kubernetes: kubernetesOfGke,
};
