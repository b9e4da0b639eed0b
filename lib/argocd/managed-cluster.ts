import { FleetError } from "#lib/errors.ts";
import type { Cluster } from "#lib/fleet/types.ts";
import type { AnyResource, Outputs, RowRef } from "#lib/graph/resource.ts";
import type { World } from "#lib/graph/world.ts";
import { command } from "#lib/hint.ts";
import type { KubernetesApi } from "#lib/kubernetes/api.ts";
import { fieldManager } from "#lib/kubernetes/field-manager.ts";
import type { Endpoint } from "#lib/kubernetes/kubeconfig.ts";

/** A cluster as the resources inside of it see it, wherever it runs. */
export interface ManagedCluster {
  readonly cluster: Cluster;
  /** Id by which the cloud knows its account; empty for a local cluster. */
  readonly accountId: string;
  /**
   * Id of the cloud's identity for the workloads of the cluster that write records into its zone; undefined until it is known.
   * @default their service accounts are bound to identities by name alone
   */
  readonly workloadIdentity?: (outputs: Outputs) => string | undefined;
  /** `major.minor`; undefined where the node image's tag names none. */
  readonly kubernetes: string | undefined;
  readonly row: RowRef;
  /** Prefix of the ids of its resources: `local/kind01.internal`. */
  readonly prefix: string;
  /** Dependency of all resources in the cluster. */
  readonly running: AnyResource;
  /** Set if resources in the cluster need no separate removal: they have no external resources and are deleted with it. */
  readonly goesWith?: AnyResource;
  access(outputs: Outputs): Access;
  /** Address under which its containers reach this computer; undefined if they can't. */
  readonly findHost?: (world: World) => Promise<HostAddress>;
}

export interface HostAddress {
  /** Name or address of this computer in containers of every network. */
  readonly name: string;
  /** Address on which a server must listen to be reachable under that name. */
  readonly listen: string;
}

export type Access =
  | { readonly kind: "reachable"; readonly endpoint: Endpoint }
  | { readonly kind: "absent" }
  /** It exists, but its API is not available now. */
  | { readonly kind: "closed"; readonly why: string };

/** Namespace of Argo CD; fixed by its manifests. */
export const argocdNamespace = "argocd";
export const managedBy = { "app.kubernetes.io/managed-by": fieldManager } as const;

/** Undefined if the cluster is absent. @throws FleetError OutputMissing if its API is not available */
export function findApi(world: World, managed: ManagedCluster, outputs: Outputs): KubernetesApi | undefined {
  const access = managed.access(outputs);
  switch (access.kind) {
    case "reachable":
      return world.kubernetes(access.endpoint);
    case "absent":
      return undefined;
    case "closed":
      throw new FleetError("OutputMissing", `${managed.cluster.name} ${access.why}: its content can't be read`, {
        hint: ["start it: ", command("create-all", managed.cluster.name)],
      });
    default:
      return access satisfies never;
  }
}

/** @throws FleetError OutputMissing if the cluster is absent or its API is not available */
export function apiOf(world: World, managed: ManagedCluster, outputs: Outputs): KubernetesApi {
  const api = findApi(world, managed, outputs);
  if (api !== undefined) return api;
  throw new FleetError("OutputMissing", `known after ${managed.running.title}`, {
    hint: `make ${managed.running.id} first`,
  });
}
