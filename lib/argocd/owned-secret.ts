import { apiOf, argocdNamespace, findApi, type ManagedCluster, managedBy } from "#lib/argocd/managed-cluster.ts";
import type { Observed, Outputs, Removal } from "#lib/graph/resource.ts";
import type { World } from "#lib/graph/world.ts";
import { applyObjects } from "#lib/kubernetes/apply.ts";
import { fieldManager } from "#lib/kubernetes/field-manager.ts";
import type { KubernetesObject, ObjectReference } from "#lib/kubernetes/object.ts";
import { findObject } from "#lib/kubernetes/objects.ts";
import { removeObject } from "#lib/kubernetes/remove.ts";

/** Content of a secret of ours. Values are plain here and base64 in the cluster. */
export interface SecretContent {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly data: Readonly<Record<string, string>>;
}

/** A secret created by this project in Argo CD's namespace, found by its label. */
export interface OwnedSecret {
  observe<State>(
    world: World,
    outputs: Outputs,
    read: (object: KubernetesObject) => State | Promise<State>,
  ): Promise<Observed<State>>;
  apply(world: World, outputs: Outputs, content: SecretContent): Promise<void>;
  remove(world: World, outputs: Outputs): Promise<Removal>;
}

const removeTimeoutMs = 30_000;

export function ownedSecret(managed: ManagedCluster, name: string): OwnedSecret {
  const reference: ObjectReference = { apiVersion: "v1", kind: "Secret", name, namespace: argocdNamespace };
  return {
    async observe(world, outputs, read) {
      const api = findApi(world, managed, outputs);
      const found = api === undefined ? undefined : await findObject(api, reference);
      if (found === undefined) return { kind: "absent" };
      if (found.metadata.labels?.["app.kubernetes.io/managed-by"] === fieldManager) {
        return { kind: "present", state: await read(found) };
      }
      return { kind: "foreign", why: `secret ${name} in ${argocdNamespace} is not of this project` };
    },
    async apply(world, outputs, { labels, annotations, data }) {
      const object: KubernetesObject = {
        apiVersion: reference.apiVersion,
        kind: reference.kind,
        metadata: {
          name,
          namespace: argocdNamespace,
          labels: { ...managedBy, ...labels },
          ...(annotations === undefined ? {} : { annotations }),
        },
        // Not stringData: the server converts it to data, and a field that is not stored can't be owned.
        data: encode(data),
      };
      await applyObjects(apiOf(world, managed, outputs), [object], {
        manager: fieldManager,
        force: true,
        signal: world.signal,
        clock: world.clock,
      });
    },
    async remove(world, outputs) {
      const api = findApi(world, managed, outputs);
      if (api !== undefined) await removeObject(api, reference, { ...world, timeoutMs: removeTimeoutMs });
      return { kind: "removed" };
    },
  };
}

/** In the format of a Kubernetes secret. */
export function encode(data: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString("base64")]));
}
