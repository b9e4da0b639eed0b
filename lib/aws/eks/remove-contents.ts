import { type EksKubeconfigOptions, type EksOutputs, eksEndpoint } from "#lib/aws/eks/kubeconfig.ts";
import type { AwsWorld } from "#lib/aws/world.ts";
import { FleetError } from "#lib/errors.ts";
import type { KubernetesApi } from "#lib/kubernetes/api.ts";
import { type KubernetesObject, referenceOf } from "#lib/kubernetes/object.ts";
import { listObjects } from "#lib/kubernetes/objects.ts";
import { removeObject } from "#lib/kubernetes/remove.ts";

/** Deleting a load balancer or a volume takes a minute or two, and its network interfaces disappear later. */
const removeTimeoutMs = 10 * 60_000;

/** Kinds that create AWS resources outside of the cluster's stack, which would outlive it; in permanent namespaces too. */
const makers = [
  {
    apiVersion: "v1",
    kind: "Service",
    isMaker: ({ spec }: KubernetesObject) => fieldOf(spec, "type") === "LoadBalancer",
  },
  { apiVersion: "networking.k8s.io/v1", kind: "Ingress", isMaker: () => true },
  { apiVersion: "v1", kind: "PersistentVolumeClaim", isMaker: () => true },
] as const;

/** How a cluster is reached. */
export type EksAccess = Omit<EksKubeconfigOptions, "stack">;

/** Namespaces that are Kubernetes' own, and can't or needn't go. */
const permanent: ReadonlySet<string> = new Set(["default", "kube-system", "kube-public", "kube-node-lease"]);

/**
 * Deletes load balancers and volumes by deleting the Kubernetes objects that own them: only the cluster knows them all, and only
 * while it runs. Leftovers would block the deletion of the network, and cost money.
 */
export async function removeContents(world: AwsWorld, api: KubernetesApi): Promise<void> {
  const namespaces = await listObjects(api, { apiVersion: "v1", kind: "Namespace" });
  // Deleting the pods releases the volumes.
  await removeAll(
    world,
    api,
    namespaces.filter(({ metadata }) => !permanent.has(metadata.name)),
  );
  const left = await Promise.all(
    makers.map(async ({ apiVersion, kind, isMaker }) => (await listObjects(api, { apiVersion, kind })).filter(isMaker)),
  );
  await removeAll(world, api, left.flat());
}

async function removeAll(world: AwsWorld, api: KubernetesApi, objects: readonly KubernetesObject[]): Promise<void> {
  if (objects.length === 0) return;
  world.progress(`deleting ${objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`).join(", ")}`);
  await Promise.all(
    objects.map(async (object) => {
      try {
        await removeObject(api, referenceOf(object), { ...world, timeoutMs: removeTimeoutMs });
      } catch (error) {
        if (!(error instanceof FleetError) || error.code !== "WaitTimedOut") throw error;
        throw new FleetError("StackFailed", `something in the cluster can't be deleted: ${error.message}`, {
          hint: "look at its events with kubectl describe, then run the same command again",
          cause: error,
        });
      }
    }),
  );
}

function fieldOf(spec: unknown, field: string): unknown {
  return typeof spec === "object" && spec !== null ? Reflect.get(spec, field) : undefined;
}

/**
 * The same for an EKS cluster whose stack will be deleted. A cluster that was never ready has none; an unreachable one
 * keeps its resources, and the stack's failure names what blocks it.
 */
export async function removeClusterContents(world: AwsWorld, access: EksAccess, state: EksOutputs): Promise<void> {
  const endpoint = await eksEndpoint(world, access, state);
  if (endpoint === undefined) return;
  try {
    await removeContents(world, world.kubernetes(endpoint));
  } catch (error) {
    if (!(error instanceof FleetError) || !unreachable.has(error.code)) throw error;
    world.output(`load balancers and volumes were not looked for: ${error.message}`);
  }
}

const unreachable: ReadonlySet<string> = new Set(["ClusterUnreachable", "ClusterDenied", "CredentialPluginFailed"]);
