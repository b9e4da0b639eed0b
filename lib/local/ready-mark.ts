import { mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { isErrno } from "#lib/files.ts";
import type { World } from "#lib/graph/world.ts";
import type { KubernetesApi } from "#lib/kubernetes/api.ts";
import { fieldManager } from "#lib/kubernetes/field-manager.ts";

// Only a cluster that was never ready may be recreated. Two marks are needed to know that: a file on this computer, written before
// the tool starts and removed when the cluster is ready; and a ConfigMap in kube-system, written when it is ready. A cluster
// with neither mark was created by another program or from another checkout, and is never recreated.

const name = "k8s-multicluster-gitops-ready";
/** Path of the object in the cluster's API. */
export const readyMark = `/api/v1/namespaces/kube-system/configmaps/${name}`;

/** Called before the tool starts. */
export async function markUnfinished({ paths }: World, cluster: string): Promise<void> {
  await mkdir(paths.unfinished, { recursive: true, mode: 0o700 });
  await Bun.write(join(paths.unfinished, cluster), "");
}

/** True if a run started to create the cluster and never saw it ready. */
export async function isUnfinished({ paths }: World, cluster: string): Promise<boolean> {
  try {
    await stat(join(paths.unfinished, cluster));
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return false;
    throw error;
  }
}

/** Writes the mark in the cluster before it removes the file: at least one exists at any time. */
export async function markReady(world: World, cluster: string, api: KubernetesApi): Promise<void> {
  const object = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace: "kube-system" },
    data: { about: "This cluster was ready once: create never deletes it without --allow-replacement." },
  };
  await api.apply(`${readyMark}?fieldManager=${fieldManager}&force=true`, object, { signal: world.signal });
  await clearUnfinished(world, cluster);
}

/** Called when the cluster is ready, or removed. */
export async function clearUnfinished({ paths }: World, cluster: string): Promise<void> {
  await rm(join(paths.unfinished, cluster), { force: true });
}
