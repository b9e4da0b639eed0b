import type { OpenCloud } from "#sandbox/cloud/cloud.ts";
import { failNext, takeFailure } from "#sandbox/gcp/api/failures.ts";
import { fault } from "#sandbox/gcp/api/faults.ts";
import type { GcpCloud } from "#sandbox/gcp/cloud.ts";
import { gkeOf } from "#sandbox/gcp/gke/state.ts";

/** @throws GcpFault if the sandbox was asked to refuse the next cluster of the project */
export function refuseIfAsked(cloud: GcpCloud, projectId: string): void {
  const refusal = takeFailure(cloud, gkeOf(cloud, projectId).refusals);
  if (refusal !== undefined) throw fault(refusal.code, refusal.message);
}

/** Operations of the sandbox's command line on what GKE is to fail with. */
export function gkeOperations(cloud: GcpCloud): OpenCloud["operations"] {
  return {
    /** The next operation on a cluster of `project` fails with `code`, such as GCE_STOCKOUT, and `message`. */
    "fail-operation": failNext(cloud, ({ projectId }) => gkeOf(cloud, projectId).failures, "GCE_STOCKOUT"),
    /** The next cluster that is created in `project` is refused with `code` of google.rpc and `message`. */
    "refuse-cluster": failNext(cloud, ({ projectId }) => gkeOf(cloud, projectId).refusals, "PERMISSION_DENIED"),
  };
}
