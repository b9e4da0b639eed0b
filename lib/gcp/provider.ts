import { malformedAccountId } from "#lib/fleet/checks/accounts.ts";
import { cloudKubernetes } from "#lib/fleet/defaults.ts";
import type { Fault } from "#lib/fleet/fault.ts";
import { accountKeys, cloudClusterKeys } from "#lib/fleet/keys.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { gcpRegions } from "#lib/gcp/fleet/regions.ts";
import type { GcpAccount, GkeCluster } from "#lib/gcp/fleet/types.ts";
import type { Provider } from "#lib/provider.ts";

/** https://cloud.google.com/resource-manager/docs/creating-managing-projects#before_you_begin */
const projectIdForm = /^[a-z][a-z0-9-]{4,28}[a-z0-9]$/;

/** GCP: declared in fleets; its clusters cannot be created yet. */
export const gcp: Provider<GcpAccount, GkeCluster> = {
  name: "gcp",
  title: "GCP",
  product: "GKE",
  taskWord: "gke",
  place: "cloud",
  group: "gcp",
  icon: "google-cloud",
  keys: { account: { ...accountKeys, projectId: true }, cluster: cloudClusterKeys },
  regions: gcpRegions,
  checks: [checkAccountIds],
  schema: () => import("#lib/gcp/fleet/schema.ts"),
  accountId: ({ projectId }) => projectId,
  isPlaceholder: ({ projectId }) => projectId.startsWith("example-"),
  kubernetes: () => cloudKubernetes,
};

function checkAccountIds({ accounts }: Fleet): readonly Fault[] {
  return accounts
    .filter((account) => account.provider === "gcp")
    .filter(({ projectId }) => !projectIdForm.test(projectId))
    .map((account) =>
      malformedAccountId(
        account,
        "projectId",
        account.projectId,
        "use 6 to 30 lower-case letters, digits and hyphens, as `gcloud projects list` shows under PROJECT_ID",
      ),
    );
}
