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
  /** `major.minor`; undefined where the node image's tag names none. */
  readonly kubernetes: string | undefined;
  readonly row: RowRef;
  /** Begins the ids of what is inside: `local/kind01.internal`. */
  readonly prefix: string;
  /** Needed by everything inside. */
  readonly running: AnyResource;
  /** Set where what is inside needs no removal of its own: it reaches nothing outside, and goes as a whole. */
  readonly goesWith?: AnyResource;
  access(outputs: Outputs): Access;
  /** Where its containers find this computer; undefined for a cluster that cannot reach it. */
  readonly findHost?: (world: World) => Promise<HostAddress>;
}

export interface HostAddress {
  /** Name or address of this computer in containers of every network. */
  readonly name: string;
  /** Address of this computer where a server must listen to be reached by that name. */
  readonly listen: string;
}

export type Access =
  | { readonly kind: "reachable"; readonly endpoint: Endpoint }
  | { readonly kind: "absent" }
  /** It is there, but can't be looked into now. */
  | { readonly kind: "closed"; readonly why: string };

/** Namespace of Argo CD; its manifests name it, so that it can't be another one. */
export const argocdNamespace = "argocd";
export const managedBy = { "app.kubernetes.io/managed-by": fieldManager } as const;

/** Undefined while the cluster is absent. @throws FleetError OutputMissing while it can't be looked into */
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

/** @throws FleetError OutputMissing while the cluster is absent or can't be looked into */
export function apiOf(world: World, managed: ManagedCluster, outputs: Outputs): KubernetesApi {
  const api = findApi(world, managed, outputs);
  if (api !== undefined) return api;
  throw new FleetError("OutputMissing", `known after ${managed.running.title}`, {
    hint: `make ${managed.running.id} first`,
  });
}
