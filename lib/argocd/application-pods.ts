import { z } from "zod";
import { type ApplicationState, parseApplication } from "#lib/argocd/application-state.ts";
import type { KubernetesApi } from "#lib/kubernetes/api.ts";
import type { KubernetesObject } from "#lib/kubernetes/object.ts";
import { listObjects } from "#lib/kubernetes/objects.ts";
import { tryExplain } from "#lib/kubernetes/retry.ts";
import { describeWorkloadTrouble } from "#lib/kubernetes/workloads.ts";

const resourcesSchema = z.object({
  status: z.object({
    resources: z.array(
      z.object({
        group: z.string().default(""),
        version: z.string(),
        kind: z.string(),
        namespace: z.string().optional(),
        name: z.string(),
      }),
    ),
  }),
});
type Resource = z.infer<typeof resourcesSchema>["status"]["resources"][number];

const workloadKinds: ReadonlySet<string> = new Set(["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"]);

/** Adds what pods report to each unhealthy application: Argo CD itself only reports `Progressing`. */
export async function readApplications(
  api: KubernetesApi,
  objects: readonly KubernetesObject[],
): Promise<readonly ApplicationState[]> {
  return await Promise.all(
    objects.map(async (object) => {
      const state = parseApplication(object);
      if (state.health === "Healthy") return state;
      return { ...state, pods: await tryExplain(() => findTrouble(api, object)) };
    }),
  );
}

async function findTrouble(api: KubernetesApi, application: KubernetesObject): Promise<string | undefined> {
  const resources = resourcesSchema.safeParse(application).data?.status.resources ?? [];
  for (const resource of resources.filter(({ kind }) => workloadKinds.has(kind))) {
    const trouble = await explainResource(api, resource);
    if (trouble !== undefined) return trouble;
  }
  return undefined;
}

async function explainResource(
  api: KubernetesApi,
  { group, version, kind, namespace, name }: Resource,
): Promise<string | undefined> {
  if (namespace === undefined) return undefined;
  const [workloads, pods] = await Promise.all([
    listObjects(api, { apiVersion: `${group}/${version}`, kind, namespace }),
    listObjects(api, { apiVersion: "v1", kind: "Pod", namespace }),
  ]);
  const workload = workloads.find(({ metadata }) => metadata.name === name);
  return workload === undefined ? undefined : describeWorkloadTrouble(workload, pods);
}
