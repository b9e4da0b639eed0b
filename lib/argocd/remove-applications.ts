import { argocdNamespace } from "#lib/argocd/managed-cluster.ts";
import { FleetError } from "#lib/errors.ts";
import type { World } from "#lib/graph/world.ts";
import { command } from "#lib/hint.ts";
import type { KubernetesApi } from "#lib/kubernetes/api.ts";
import { type KubernetesObject, referenceOf } from "#lib/kubernetes/object.ts";
import { listObjects } from "#lib/kubernetes/objects.ts";
import { removeObject } from "#lib/kubernetes/remove.ts";

/** Deleting load balancers and volumes of a cloud takes minutes. */
const removeTimeoutMs = 15 * 60_000;
const apiVersion = "argoproj.io/v1alpha1";
const cascade = "resources-finalizer.argocd.argoproj.io";
/** An Argo CD that manages itself must not delete itself before the other applications. */
const selfName = "argo-cd";

/**
 * Deletes everything that the applications created, so that no cloud resource outlives the cluster. First the objects that
 * generate applications, then the applications with their resources, then their projects.
 */
export async function removeApplications(world: World, api: KubernetesApi): Promise<void> {
  const list = (kind: string): Promise<readonly KubernetesObject[]> =>
    listObjects(api, { apiVersion, kind, namespace: argocdNamespace });
  const remove = (object: KubernetesObject, propagation: "Background" | "Orphan" = "Background") =>
    removeObject(api, referenceOf(object), { ...world, timeoutMs: removeTimeoutMs, propagation });

  const [root, others] = split(await list("Application"), ({ metadata }) => metadata.name === "root");
  await Promise.all(root.map((object) => setFinalizers(api, object, []).then(() => remove(object))));
  await Promise.all((await list("ApplicationSet")).map((object) => remove(object, "Orphan")));
  const [self, rest] = split(others, ({ metadata }) => metadata.name === selfName);
  await Promise.all(self.map((object) => setFinalizers(api, object, []).then(() => remove(object))));
  world.progress(`deleting ${rest.map(({ metadata }) => metadata.name).join(", ")}`);
  await Promise.all(
    rest.map(async (object) => {
      await setFinalizers(api, object, [cascade]);
      try {
        await remove(object);
      } catch (error) {
        if (!(error instanceof FleetError) || error.code !== "WaitTimedOut") throw error;
        throw new FleetError("ApplicationFailed", `${object.metadata.name} can't be deleted: ${error.message}`, {
          hint: [
            "inspect it with ",
            command("argocd:open"),
            ", or delete what it waits for, then run the same command again",
          ],
          cause: error,
        });
      }
    }),
  );
  await Promise.all(
    (await list("AppProject")).filter(({ metadata }) => metadata.name !== "default").map((object) => remove(object)),
  );
}

function split<Item>(items: readonly Item[], holds: (item: Item) => boolean): readonly [Item[], Item[]] {
  return [items.filter(holds), items.filter((item) => !holds(item))];
}

async function setFinalizers(
  api: KubernetesApi,
  object: KubernetesObject,
  finalizers: readonly string[],
): Promise<void> {
  const path = `/apis/${apiVersion}/namespaces/${argocdNamespace}/applications/${object.metadata.name}`;
  await api.patch(path, { metadata: { finalizers: finalizers.length === 0 ? null : finalizers } });
}
