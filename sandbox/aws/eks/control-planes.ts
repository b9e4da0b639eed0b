import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Cloud } from "#sandbox/aws/cloud.ts";
import { authenticator } from "#sandbox/aws/eks/authenticator.ts";
import { AutoMode } from "#sandbox/aws/eks/auto-mode.ts";
import { LoadBalancers } from "#sandbox/aws/eks/load-balancers.ts";
import { registerNodes } from "#sandbox/aws/eks/nodes.ts";
import { isAutoMode, networkDaemonSet, seedCluster } from "#sandbox/aws/eks/seed.ts";
import { type ClusterRecord, type ControlPlane, changeRecord, type Place, recordOf } from "#sandbox/aws/eks/state.ts";
import { gitVersionOf } from "#sandbox/aws/eks/versions.ts";
import { makeCertificates } from "#sandbox/kubernetes/certificates.ts";
import type { Cluster } from "#sandbox/kubernetes/operations.ts";
import { ApiServer, type Controller } from "#sandbox/kubernetes/server.ts";
import type { Pace } from "#sandbox/pace.ts";
import { listenAnywhere } from "#sandbox/ports.ts";
import type { Usage } from "#sandbox/usage.ts";

export interface ControlPlanesOptions {
  /** Folder of the clusters' objects. @default in memory: nothing is left of them */
  readonly folder?: string;
  /** Of what goes on inside clusters: pods start as fast as those of the sandbox's local clusters. @default the cloud's own */
  readonly pace?: Pace;
  /** What else is at work in each cluster. */
  readonly controllers?: readonly Controller[];
  readonly usage?: Usage | undefined;
}

/** The API servers behind the clusters of a cloud. */
export class ControlPlanes {
  readonly #cloud: Cloud;
  readonly #options: ControlPlanesOptions;
  readonly #servers = new Map<string, ApiServer>();

  constructor(cloud: Cloud, options: ControlPlanesOptions) {
    this.#cloud = cloud;
    this.#options = options;
  }

  /** Brings up the API server of a cluster: a new one, or the one that it had. @throws when its port is taken */
  async open(place: Place, name: string): Promise<ControlPlane> {
    const { cluster, controlPlane: known } = recordOf(place, name);
    const folder = this.#options.folder;
    const file = known?.file ?? (folder === undefined ? ":memory:" : join(folder, `${crypto.randomUUID()}.db`));
    const certificates =
      known ??
      (await makeCertificates({
        dns: ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost"],
        ip: ["127.0.0.1"],
      }));
    const { authority, certificate, key } = certificates;
    const record = recordOf(place, name);
    const api = new ApiServer({
      database: file,
      certificates: { authority, certificate, key },
      token: authenticator(place, name),
      version: gitVersionOf(cluster.version),
      networkDaemonSet: isAutoMode(record) ? undefined : networkDaemonSet,
      pace: this.#options.pace ?? this.#cloud.pace,
      controllers: [
        (objects) => new LoadBalancers(objects, place, name),
        (objects) => new AutoMode(objects, place, name, () => this.refreshNodes(place, name)),
        ...(this.#options.controllers ?? []),
      ],
      usage: this.#options.usage,
    });
    seedCluster(api.cluster, record);
    const listen = (port: number) => api.listen("127.0.0.1", port);
    if (known === undefined) await listenAnywhere(listen);
    else listen(known.port);
    this.#servers.set(cluster.arn, api);
    const controlPlane = { authority, certificate, key, file, port: api.port ?? 0 };
    changeRecord(place, name, () => ({ controlPlane }));
    this.refreshNodes(place, name);
    return controlPlane;
  }

  /** The objects of a cluster; undefined while nothing answers for it. */
  objects({ cluster }: Pick<ClusterRecord, "cluster">): Cluster | undefined {
    return this.#servers.get(cluster.arn)?.cluster;
  }

  /** After any change of a cluster's machines. */
  refreshNodes(place: Place, name: string): void {
    const record = recordOf(place, name);
    const api = this.#servers.get(record.cluster.arn);
    if (api === undefined) return;
    registerNodes(api.cluster, place, record);
    api.setRunningNodes(new Set(record.nodes.map((node) => node.name)));
  }

  setVersion({ cluster }: ClusterRecord): void {
    this.#servers.get(cluster.arn)?.setVersion(gitVersionOf(cluster.version));
  }

  /** Takes a cluster's API server away, with its objects. */
  async remove({ cluster, controlPlane }: ClusterRecord): Promise<void> {
    await this.#servers.get(cluster.arn)?.dispose();
    this.#servers.delete(cluster.arn);
    if (controlPlane === undefined || controlPlane.file === ":memory:") return;
    for (const suffix of ["", "-wal", "-shm"]) rmSync(`${controlPlane.file}${suffix}`, { force: true });
  }

  /** Closes everything; objects stay on disk. */
  async close(): Promise<void> {
    for (const api of this.#servers.values()) await api.dispose();
    this.#servers.clear();
  }
}

const all = new WeakMap<Cloud, ControlPlanes>();

/** Says where and how the API servers of a cloud's clusters run, before there is any. */
export function openControlPlanes(cloud: Cloud, options: ControlPlanesOptions): ControlPlanes {
  const planes = new ControlPlanes(cloud, options);
  all.set(cloud, planes);
  return planes;
}

/** Those of a cloud. @default in memory */
export function controlPlanesOf(cloud: Cloud): ControlPlanes {
  return all.get(cloud) ?? openControlPlanes(cloud, {});
}
