import { createHash, randomBytes } from "node:crypto";
import { type Container, type Image, NEVER, type Network } from "#sandbox/docker/model.ts";
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

export interface NewContainer extends Omit<Container, "id" | "created" | "imageId" | "address" | "state"> {
  /** How many anonymous volumes it gets besides. */
  readonly anonymousVolumes: number;
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
    const anonymous = Array.from({ length: anonymousVolumes }, randomId);
    for (const name of anonymous) state.saveVolume({ name, labels: {} });
    const container: Container = {
      ...rest,
      id: randomId(),
      created: now(),
      imageId: image.id,
      address: freeAddress(state, network),
      volumes: [...rest.volumes, ...anonymous],
      state: { status: "created", exitCode: 0, error: "", startedAt: NEVER, finishedAt: NEVER },
    };
    state.saveContainer(container);
    return container;
  });
}

/** Removes what a removed container leaves: its anonymous volumes, which have ids for names. */
export function removeAnonymousVolumes(state: DockerState, { volumes }: Container): void {
  state.transaction(() => {
    for (const name of volumes) if (/^[0-9a-f]{64}$/.test(name)) state.removeVolume(name);
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

export type NewNetwork = Pick<Network, "name" | "labels" | "options" | "ipv6Subnet">;

export function createNetwork(state: DockerState, request: NewNetwork): Network {
  return state.transaction(() => {
    const networks = state.networks();
    if (networks.some(({ name }) => name === request.name)) {
      throw new DockerError(`network with name ${request.name} already exists`);
    }
    if (request.ipv6Subnet !== undefined && networks.some(({ ipv6Subnet }) => ipv6Subnet === request.ipv6Subnet)) {
      throw new DockerError("Pool overlaps with other one on this address space");
    }
    const subnet = freeSubnet(networks);
    const gateway = subnet.replace(/\.0\/\d+$/, ".1");
    const network: Network = { ...request, id: randomId(), created: now(), subnet, gateway };
    state.saveNetwork(network);
    return network;
  });
}

export function removeNetwork(state: DockerState, reference: string): Network {
  return state.transaction(() => {
    const network = state.network(reference);
    if (network === undefined) throw new DockerError(`network ${reference} not found`);
    if (network.name === "bridge")
      throw new DockerError(`${network.name} is a pre-defined network and cannot be removed`);
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
    const users = state.containers().filter(({ volumes }) => volumes.includes(name));
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

/** What the simulated registries hold. */
const CATALOGUE: readonly { readonly repository: string; readonly tags: RegExp }[] = [
  { repository: "kindest/node", tags: /^v1\.3\d\.\d{1,2}$/ },
  { repository: "rancher/k3s", tags: /^v1\.3\d\.\d{1,2}-k3s\d$/ },
  { repository: "ghcr.io/k3d-io/k3d-proxy", tags: /^5\.\d+\.\d+$/ },
  { repository: "ghcr.io/k3d-io/k3d-tools", tags: /^5\.\d+\.\d+$/ },
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

/** The network that every Docker has. */
export function createBuiltinNetwork(state: DockerState): void {
  state.transaction(() => {
    if (state.networks().length > 0) return;
    state.saveNetwork({
      id: randomId(),
      name: "bridge",
      created: now(),
      labels: {},
      options: { "com.docker.network.driver.mtu": "1500" },
      subnet: "172.17.0.0/16",
      // Containers of the sandbox are on this computer itself: this is where they find it.
      gateway: "127.0.0.1",
    });
  });
}
