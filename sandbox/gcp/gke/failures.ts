import type { OpenCloud } from "#sandbox/cloud/cloud.ts";
import { UnknownUsage } from "#sandbox/docker/argv.ts";
import { fault } from "#sandbox/gcp/api/faults.ts";
import type { GcpCloud } from "#sandbox/gcp/cloud.ts";
import { type Failure, gkeOf } from "#sandbox/gcp/gke/state.ts";
import { tryFindProject } from "#sandbox/gcp/iam/state.ts";

/** The next failure of a kind that the sandbox was asked for in a project, once. */
export function takeFailure(
  cloud: GcpCloud,
  projectId: string,
  { isRefusal }: { readonly isRefusal: boolean },
): Failure | undefined {
  const { failures } = gkeOf(cloud, projectId);
  const [key, failure] = Object.entries(failures).find(([, one]) => (one.isRefusal ?? false) === isRefusal) ?? [];
  if (key === undefined) return undefined;
  delete failures[key];
  cloud.save();
  return failure;
}

/** @throws GcpFault if the sandbox was asked to refuse the next cluster of the project */
export function refuseIfAsked(cloud: GcpCloud, projectId: string): void {
  const refusal = takeFailure(cloud, projectId, { isRefusal: true });
  if (refusal !== undefined) throw fault(refusal.code, refusal.message);
}

/** Operations of the sandbox's command line on what GKE is to fail with. */
export function gkeOperations(cloud: GcpCloud): OpenCloud["operations"] {
  const keep = (project: string, failure: Failure, isRefusal: boolean): object => {
    const found = tryFindProject(cloud, project);
    if (found === undefined) throw new UnknownUsage(`the project "${project}"`);
    gkeOf(cloud, found.projectId).failures[crypto.randomUUID()] = { ...failure, isRefusal };
    cloud.save();
    return {};
  };
  return {
    /** The next operation on a cluster of `project` fails with `code`, such as GCE_STOCKOUT, and `message`. */
    "fail-operation": ({ project = "", code = "GCE_STOCKOUT", message = "" }) =>
      keep(project, { code, message }, false),
    /** The next cluster that is created in `project` is refused with `code` of google.rpc and `message`. */
    "refuse-cluster": ({ project = "", code = "PERMISSION_DENIED", message = "" }) =>
      keep(project, { code, message }, true),
  };
}
