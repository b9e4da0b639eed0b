import { createHash, randomBytes } from "node:crypto";
import {
  type Container,
  type Image,
  type Mount,
  NEVER,
  type Network,
  type PublishedPort,
} from "#sandbox/docker/model.ts";
import type { DockerState } from "#sandbox/docker/state.ts";

/** Docker says no: `Error response from daemon: …`. */
export class DockerError extends Error {}

export function randomId(): string {
  return randomBytes(32).toString("hex");
}

/** The time as Docker writes it, with nanoseconds. */
export function now(): string {
  const nanoseconds = String(Bun.nanoseconds() % 1_000_000).padStart(6, "0");
  return new Date().toISOString().replace("Z", `${nanoseconds}Z`);
}

export interface NewContainer {
  readonly name: string;
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly network: string;
  readonly networkMode: string;
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[] | null;
  readonly env: readonly string[];
  readonly tty: boolean;
  /** Anonymous volumes are made for these paths. */
  readonly anonymousVolumes: readonly string[];
  readonly mounts: readonly Mount[];
  readonly port?: PublishedPort;
  readonly restartPolicy: Container["restartPolicy"];
  readonly stopExitCode: number;
}

/** Makes a container, not yet started. One transaction: it exists with its volumes, or not at all. */
export function createContainer(state: DockerState, request: NewContainer): Container {
  return state.transaction(() => {
    const { anonymousVolumes, ...rest } = request;
    const holder = state.container(request.name);
    if (holder?.name === request.name) {
      throw new DockerError(
        `Conflict. The container name "/${request.name}" is already in use by container "${holder.id}". ` +
          "You have to remove (or rename) that container to be able to reuse that name.",
      );
    }
    const network = state.network(request.network);
    if (network === undefined) throw new DockerError(`network ${request.network} not found`);
    const image = findImage(state, request.image);
    if (image === undefined) throw new DockerError(`No such image: ${request.image}`);
    const address = freeAddress(state, network);
    const created = now();
    const volumes = anonymousVolumes.map((destination): Mount => {
      const name = randomId();
      state.saveVolume({ name, created, labels: {}, anonymous: true });
      return volumeMount(name, destination, "");
    });
    const [path = "", ...entryArgs] = request.entrypoint;
    const container: Container = {
      ...rest,
      id: randomId(),
      created,
      imageId: image.id,
      path,
      args: [...entryArgs, ...(request.cmd ?? [])],
      address,
      mac: `02:42:${address
        .split(".")
        .map((part) => Number(part).toString(16).padStart(2, "0"))
        .join(":")}`,
      endpointId: randomId(),
      mounts: [...request.mounts, ...volumes],
      state: { status: "created", exitCode: 0, error: "", startedAt: NEVER, finishedAt: NEVER },
    };
    state.saveContainer(container);
    return container;
  });
}

export function volumeMount(name: string, destination: string, mode: string): Mount {
  return { type: "volume", name, source: `/var/lib/docker/volumes/${name}/_data`, destination, mode, writable: true };
}

/** Removes what a removed container leaves: its anonymous volumes. */
export function removeAnonymousVolumes(state: DockerState, container: Container): void {
  state.transaction(() => {
    const anonymous = new Set(state.volumes().flatMap((volume) => (volume.anonymous ? [volume.name] : [])));
    for (const { name } of container.mounts) if (name !== undefined && anonymous.has(name)) state.removeVolume(name);
  });
}

/** Publishes on another port what was published on one; k3d reads it from a label. */
export function movePort(state: DockerState, from: number, to: number): void {
  const label = "k3d.server.api.port";
  state.transaction(() => {
    for (const container of state.containers()) {
      const { port, labels } = container;
      if (port?.hostPort !== from && labels[label] !== String(from)) continue;
      state.saveContainer({
        ...container,
        labels: { ...labels, ...(labels[label] === undefined ? {} : { [label]: String(to) }) },
        ...(port === undefined ? {} : { port: { ...port, hostPort: to } }),
      });
    }
  });
}

export interface NewNetwork {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly options?: Readonly<Record<string, string>>;
  readonly ipv6Subnet?: string;
  readonly subnet?: string;
}

export function createNetwork(state: DockerState, request: NewNetwork): Network {
  return state.transaction(() => {
    const networks = state.networks();
    if (networks.some(({ name }) => name === request.name)) {
      throw new DockerError(`network with name ${request.name} already exists`);
    }
    const wanted = [request.subnet, request.ipv6Subnet].filter((subnet) => subnet !== undefined);
    if (networks.some(({ subnet, ipv6Subnet }) => wanted.includes(subnet) || wanted.includes(ipv6Subnet ?? ""))) {
      throw new DockerError("Pool overlaps with other one on this address space");
    }
    const subnet = request.subnet ?? freeSubnet(networks);
    const network: Network = {
      id: randomId(),
      name: request.name,
      created: now(),
      driver: "bridge",
      labels: request.labels ?? {},
      options: request.options ?? {},
      ipv6: request.ipv6Subnet !== undefined,
      subnet,
      gateway: subnet.replace(/\.0\/\d+$/, ".1"),
      ...(request.ipv6Subnet === undefined ? {} : { ipv6Subnet: request.ipv6Subnet }),
      builtin: false,
    };
    state.saveNetwork(network);
    return network;
  });
}

export function removeNetwork(state: DockerState, reference: string): Network {
  return state.transaction(() => {
    const network = state.network(reference);
    if (network === undefined) throw new DockerError(`network ${reference} not found`);
    if (network.builtin) throw new DockerError(`${network.name} is a pre-defined network and cannot be removed`);
    const users = state.containers().filter((one) => one.network === network.name && one.state.status === "running");
    if (users.length > 0) {
      throw new DockerError(
        `error while removing network: network ${network.name} id ${network.id} has active endpoints`,
      );
    }
    state.removeNetwork(network.id);
    return network;
  });
}

export function removeVolume(state: DockerState, name: string): void {
  state.transaction(() => {
    if (!state.volumes().some((volume) => volume.name === name)) throw new DockerError(`get ${name}: no such volume`);
    const users = state.containers().filter(({ mounts }) => mounts.some((mount) => mount.name === name));
    if (users.length > 0) {
      throw new DockerError(`remove ${name}: volume is in use - [${users.map(({ id }) => id).join(", ")}]`);
    }
    state.removeVolume(name);
  });
}

export interface ImageReference {
  /** Short, as Docker shows it: `kindest/node`. */
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

export function parseImageReference(text: string): ImageReference {
  const match = /^(?<repository>[a-z0-9._:/-]+?)(?::(?<tag>[\w.-]+))?(?:@(?<digest>sha256:[0-9a-f]{64}))?$/.exec(text);
  if (match?.groups === undefined) throw new DockerError(`invalid reference format: ${text}`);
  const { repository = "", tag, digest } = match.groups;
  return {
    repository: repository.replace(/^docker\.io\//, "").replace(/^library\//, ""),
    tag: tag ?? (digest === undefined ? "latest" : undefined),
    digest,
  };
}

export function findImage(state: DockerState, text: string): Image | undefined {
  const images = state.images();
  const byId = images.find(({ id }) => id === text || id === `sha256:${text}`);
  if (byId !== undefined) return byId;
  const { repository, tag, digest } = parseImageReference(text);
  return images.find(
    (image) => image.repository === repository && (digest === undefined ? image.tag === tag : image.digest === digest),
  );
}

/** What the simulated registries hold: repository, tags, size. */
const CATALOGUE: readonly { readonly repository: string; readonly tags: RegExp; readonly size: number }[] = [
  { repository: "kindest/node", tags: /^v1\.3\d\.\d{1,2}$/, size: 450_000_000 },
  { repository: "rancher/k3s", tags: /^v1\.3\d\.\d{1,2}-k3s\d$/, size: 240_000_000 },
  { repository: "ghcr.io/k3d-io/k3d-proxy", tags: /^5\.\d+\.\d+$/, size: 60_000_000 },
  { repository: "ghcr.io/k3d-io/k3d-tools", tags: /^5\.\d+\.\d+$/, size: 20_000_000 },
];

/** The image as the registry has it; throws what a registry answers for one that it does not have. */
export function lookUpImage(text: string): Image {
  const { repository, tag, digest } = parseImageReference(text);
  const entry = CATALOGUE.find((one) => one.repository === repository);
  if (entry === undefined) {
    throw new DockerError(
      `pull access denied for ${repository}, repository does not exist or may require 'docker login': ` +
        "denied: requested access to the resource is denied",
    );
  }
  if (tag !== undefined && !entry.tags.test(tag)) {
    throw new DockerError(`manifest for ${repository}:${tag} not found: manifest unknown: manifest unknown`);
  }
  const found = digest ?? `sha256:${createHash("sha256").update(`${repository}:${tag}`).digest("hex")}`;
  return {
    id: `sha256:${createHash("sha256").update(found).digest("hex")}`,
    repository,
    // As with Docker: pulled by digest, it gets no tag.
    ...(digest === undefined && tag !== undefined ? { tag } : {}),
    digest: found,
    created: "2026-09-01T00:00:00.000000000Z",
    size: entry.size,
  };
}

function freeSubnet(networks: readonly Network[]): string {
  const taken = new Set(networks.map(({ subnet }) => subnet));
  const pools = [
    ...Array.from({ length: 14 }, (_, index) => `172.${18 + index}.0.0/16`),
    ...Array.from({ length: 16 }, (_, index) => `192.168.${index * 16}.0/20`),
  ];
  const free = pools.find((pool) => !taken.has(pool));
  if (free === undefined) {
    throw new DockerError(
      "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network",
    );
  }
  return free;
}

function freeAddress(state: DockerState, network: Network): string {
  const prefix = network.subnet.split(".").slice(0, 3).join(".");
  const taken = new Set(state.containers().flatMap((one) => (one.network === network.name ? [one.address] : [])));
  for (let last = 2; last < 255; last++) if (!taken.has(`${prefix}.${last}`)) return `${prefix}.${last}`;
  throw new DockerError("no available IPv4 addresses on this network's address pools");
}

/** The networks that every Docker has. */
export function createBuiltinNetworks(state: DockerState): void {
  state.transaction(() => {
    if (state.networks().length > 0) return;
    for (const [name, driver, subnet] of [
      ["bridge", "bridge", "172.17.0.0/16"],
      ["host", "host", ""],
      ["none", "null", ""],
    ] as const) {
      state.saveNetwork({
        id: randomId(),
        name,
        created: now(),
        driver,
        labels: {},
        options: name === "bridge" ? { "com.docker.network.driver.mtu": "1500" } : {},
        ipv6: false,
        subnet,
        // Containers of the sandbox are on this computer itself: this is where they find it.
        gateway: subnet === "" ? "" : "127.0.0.1",
        builtin: true,
      });
    }
  });
}
