import { mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { isErrno } from "#lib/files.ts";
import type { World } from "#lib/graph/world.ts";
import type { KubernetesApi } from "#lib/kubernetes/api.ts";
import { fieldManager } from "#lib/kubernetes/field-manager.ts";

// Only a cluster that was never ready may be recreated. Two signs say so, and both are needed: a file here, from before the
// tool begins until the cluster is ready; and in the cluster, from then on, an object in kube-system. A cluster without either
// was made by somebody else or from another checkout, and is left alone.

const name = "k8s-multicluster-gitops-ready";
/** Path of the object in the cluster's API. */
export const readyMark = `/api/v1/namespaces/kube-system/configmaps/${name}`;

/** Notes that the creation of a cluster begins. */
export async function markBegun({ paths }: World, cluster: string): Promise<void> {
  await mkdir(paths.unfinished, { recursive: true, mode: 0o700 });
  await Bun.write(join(paths.unfinished, cluster), "");
}

/** Did a run begin to create it that has not seen it ready? */
export async function isBegun({ paths }: World, cluster: string): Promise<boolean> {
  try {
    await stat(join(paths.unfinished, cluster));
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return false;
    throw error;
  }
}

/** Notes in the cluster itself that it was ready once; first, so that no moment has neither sign. */
export async function markReady(world: World, cluster: string, api: KubernetesApi): Promise<void> {
  const object = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace: "kube-system" },
    data: { about: "This cluster was ready once: create never deletes it without --allow-replacement." },
  };
  await api.apply(`${readyMark}?fieldManager=${fieldManager}&force=true`, object, { signal: world.signal });
  await forgetBegun(world, cluster);
}

/** The cluster is ready, or gone. */
export async function forgetBegun({ paths }: World, cluster: string): Promise<void> {
  await rm(join(paths.unfinished, cluster), { force: true });
}
