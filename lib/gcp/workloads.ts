import type { GcpAccount } from "#lib/gcp/fleet/types.ts";
import { workloadPoolOf } from "#lib/gcp/gke/cluster-body.ts";
import { predefinedRoles } from "#lib/gcp/permissions.ts";
import type { Grant } from "#lib/gcp/policy.ts";

/** Namespaces and service accounts of the applications that write records into a cluster's zone: see argocd/apps. */
const recordWriters = ["cert-manager", "external-dns"];

/** Write records into the zone that has this in its policy. */
export function zoneWriters(account: GcpAccount): readonly Grant[] {
  return recordWriters.map((name) => ({ role: predefinedRoles.dnsAdmin, member: podsOf(account, name) }));
}

/** Look for their zone in the list of all zones of the project, which only the project's policy lets them read. */
export function zoneReaders(account: GcpAccount): readonly Grant[] {
  return recordWriters.map((name) => ({ role: predefinedRoles.dnsReader, member: podsOf(account, name) }));
}

/** Pods with a service account, in whatever cluster of the project: https://cloud.google.com/kubernetes-engine/docs/concepts/workload-identity#identity_sameness */
function podsOf(account: GcpAccount, name: string): string {
  const pool = `projects/${account.projectNumber}/locations/global/workloadIdentityPools/${workloadPoolOf(account)}`;
  return `principal://iam.googleapis.com/${pool}/subject/ns/${name}/sa/${name}`;
}
