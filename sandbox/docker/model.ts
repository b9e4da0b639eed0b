/** What the fake Docker daemon remembers. Times are RFC 3339 with nanoseconds, as Docker writes them. */

export const NEVER = "0001-01-01T00:00:00Z";

export interface PublishedPort {
  /** As Docker shows it: `6443/tcp`, or `6443` for k3d's. */
  readonly container: string;
  readonly hostIp: string;
  readonly hostPort: number;
}

export interface ContainerState {
  readonly status: "created" | "running" | "exited";
  readonly exitCode: number;
  readonly error: string;
  readonly startedAt: string;
  readonly finishedAt: string;
}

export interface Container {
  readonly id: string;
  readonly name: string;
  readonly created: string;
  readonly image: string;
  readonly imageId: string;
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[] | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly network: string;
  /** `HostConfig.NetworkMode`: kind gives the network's name, k3d connects afterwards. */
  readonly networkMode: string;
  readonly address: string;
  /** Names of its volumes. */
  readonly volumes: readonly string[];
  readonly port?: PublishedPort;
  /** Exit code when it is stopped politely: 130 for kind's init, 143 for k3s. */
  readonly stopExitCode: number;
  readonly state: ContainerState;
}

export interface Network {
  readonly id: string;
  readonly name: string;
  readonly created: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  readonly subnet: string;
  readonly gateway: string;
  readonly ipv6Subnet?: string | undefined;
}

export interface Volume {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface Image {
  readonly id: string;
  readonly repository: string;
  /** Missing when it was pulled by digest. */
  readonly tag?: string;
  readonly digest: string;
}

/** The Kubernetes cluster inside the containers: there once its control plane is initialised. */
export interface ControlPlane {
  /** Container that it lives and dies with. */
  readonly container: string;
  readonly name: string;
  readonly distribution: "kind" | "k3s";
  readonly version: string;
  readonly podSubnet: string;
  readonly serviceSubnet: string;
  /** Container that publishes its port: the same one for kind, the load balancer for k3d. */
  readonly publisher: string;
  readonly hostname: string;
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
  readonly token: string;
}

/** A failure on request: the n-th matching call of a program does something else than it would. */
export interface Fault {
  readonly id: number;
  readonly program: string;
  /** Words that must all be in the command line, in this order. */
  readonly match: string;
  readonly effect: string;
  /** From which matching call on, beginning with 1. */
  readonly nth: number;
  /** How often; 0 means always. */
  readonly times: number;
  readonly seen: number;
}
