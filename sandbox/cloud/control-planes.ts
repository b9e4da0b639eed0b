import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Paced } from "#sandbox/cloud/later.ts";
import { showNodes } from "#sandbox/cloud/nodes.ts";
import { makeCertificates, type ServerCertificates } from "#sandbox/kubernetes/certificates.ts";
import type { Cluster } from "#sandbox/kubernetes/operations.ts";
import { ApiServer, type ApiServerOptions, type Controller } from "#sandbox/kubernetes/server.ts";
import type { NewObject } from "#sandbox/kubernetes/store.ts";
import type { Pace } from "#sandbox/pace.ts";
import { listenAnywhere } from "#sandbox/ports.ts";
import type { Usage } from "#sandbox/usage.ts";

/** What answers at the endpoint of a cluster, as its cloud keeps it. */
export interface ControlPlane extends ServerCertificates {
  readonly port: number;
  /** File of its objects, in the folder of the sandbox. */
  readonly file: string;
}

/** What a cloud knows of a cluster whose API server comes up. */
export interface ControlPlaneSetup
  extends Pick<ApiServerOptions, "token" | "issueToken" | "version" | "networkDaemonSet" | "canPull" | "controllers"> {
  /** Makes the objects of a new cluster; called again after a restart. */
  seed(api: Cluster): void;
}

export interface ControlPlanesOptions {
  /** Folder of the clusters' objects. @default in memory: nothing is left of them */
  readonly folder?: string;
  /** Of what goes on inside clusters: pods start as fast as those of the sandbox's local clusters. @default the cloud's own */
  readonly pace?: Pace;
  /** What else is at work in each cluster. */
  readonly controllers?: readonly Controller[];
  readonly usage?: Usage | undefined;
  /** What a new API server proves itself with. @default certificates of an authority of its own */
  readonly certificates?: (() => Promise<ServerCertificates>) | undefined;
}

const loopback = {
  dns: ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost"],
  ip: ["127.0.0.1"],
} as const;

/** The API servers behind the clusters of a cloud, by the ids of the clusters. */
export class ControlPlanes {
  readonly #cloud: Paced;
  readonly #options: ControlPlanesOptions;
  readonly #servers = new Map<string, ApiServer>();

  constructor(cloud: Paced, options: ControlPlanesOptions) {
    this.#cloud = cloud;
    this.#options = options;
  }

  /**
   * Brings up the API server of a cluster.
   *
   * @param known the one that the cluster had; undefined for a new one
   * @throws when its port is taken
   */
  async open(id: string, known: ControlPlane | undefined, setup: ControlPlaneSetup): Promise<ControlPlane> {
    const { folder, pace = this.#cloud.pace, controllers = [], usage } = this.#options;
    const { certificates = () => makeCertificates(loopback) } = this.#options;
    const file = known?.file ?? (folder === undefined ? ":memory:" : join(folder, `${crypto.randomUUID()}.db`));
    const { authority, certificate, key } = known ?? (await certificates());
    const { seed, ...own } = setup;
    const api = new ApiServer({
      ...own,
      database: file,
      certificates: { authority, certificate, key },
      pace,
      controllers: [...(own.controllers ?? []), ...controllers],
      usage,
    });
    seed(api.cluster);
    const listen = (port: number) => api.listen("127.0.0.1", port);
    if (known === undefined) await listenAnywhere(listen);
    else listen(known.port);
    this.#servers.set(id, api);
    return { authority, certificate, key, file, port: api.port ?? 0 };
  }

  /** The objects of a cluster; undefined while nothing answers for it. */
  objects(id: string): Cluster | undefined {
    return this.#servers.get(id)?.cluster;
  }

  /** Makes a cluster's machines its nodes, and no others. */
  showNodes(id: string, machines: readonly NewObject[]): void {
    const api = this.#servers.get(id);
    if (api === undefined) return;
    showNodes(api.cluster, machines);
    api.setRunningNodes(new Set(machines.map(({ metadata }) => metadata.name)));
  }

  /** @param version as in `v1.36.1` */
  setVersion(id: string, version: string): void {
    this.#servers.get(id)?.setVersion(version);
  }

  /** Takes a cluster's API server away, with its objects. */
  async remove(id: string, controlPlane: ControlPlane | undefined): Promise<void> {
    await this.#servers.get(id)?.dispose();
    this.#servers.delete(id);
    if (controlPlane === undefined || controlPlane.file === ":memory:") return;
    for (const suffix of ["", "-wal", "-shm"]) rmSync(`${controlPlane.file}${suffix}`, { force: true });
  }

  /** Closes everything; objects stay on disk. */
  async close(): Promise<void> {
    for (const api of this.#servers.values()) await api.dispose();
    this.#servers.clear();
  }
}

const all = new WeakMap<Paced, ControlPlanes>();

/** Says where and how the API servers of a cloud's clusters run, before there is any. */
export function openControlPlanes(cloud: Paced, options: ControlPlanesOptions): ControlPlanes {
  const planes = new ControlPlanes(cloud, options);
  all.set(cloud, planes);
  return planes;
}

/** Those of a cloud. @default in memory */
export function controlPlanesOf(cloud: Paced): ControlPlanes {
  return all.get(cloud) ?? openControlPlanes(cloud, {});
}
