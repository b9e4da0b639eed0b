import type { HttpApi } from "#sandbox/cloud/http-server.ts";
import type { CloudTls } from "#sandbox/cloud/tls.ts";
import type { Zone } from "#sandbox/dns/zone.ts";
import type { Controller } from "#sandbox/kubernetes/server.ts";
import type { Usage } from "#sandbox/usage.ts";

/** An account as the fleet declares it; the other fields are those of its cloud. */
export interface CloudAccount {
  /** Name of the cloud: `aws`. */
  readonly provider: string;
  readonly name: string;
  readonly [field: string]: unknown;
}

export interface CloudOptions {
  /** Its declared accounts; `up` may add some. */
  readonly accounts: () => readonly CloudAccount[];
  /** URL of its API; empty until the sandbox listens. */
  readonly endpoint: () => string;
  /** State of all services; the cloud creates it when there is something to save. */
  readonly stateFile: string;
  /** Key of the emulated issuer of GitHub, which all clouds trust. */
  readonly githubKey: string;
  /** Folder for the objects of its Kubernetes clusters. */
  readonly clusters: string;
  /** The sandbox's speed, on top of the cloud's own. */
  readonly speed: () => number;
  /** Controllers that run in each cluster. */
  readonly controllers: readonly Controller[];
  readonly usage?: Usage;
  /** Undefined for plain HTTP. */
  readonly tls?: CloudTls | undefined;
  readonly log: (line: string) => void;
}

/** A cloud that the sandbox emulates. */
export interface SandboxCloud {
  /** Names of its DNS servers. */
  readonly nameServers: readonly string[];
  /** Public host names that the proxy leads to it. Such a cloud speaks HTTPS. @default none, and plain HTTP */
  readonly hosts?: readonly string[];
  /** What is wrong with the declaration of an account; undefined when nothing is. */
  checkAccount(account: CloudAccount): string | undefined;
  /** Variables that point programs at the sandbox, as the administrator of the first account; may write files to `folder` and programs to `bin`. */
  env(place: CloudPlace): Promise<Readonly<Record<string, string>>>;
  /** Loads the services with their saved state. */
  open(options: CloudOptions): Promise<OpenCloud>;
}

export interface CloudPlace {
  readonly endpoint: string;
  readonly folder: string;
  readonly accounts: readonly CloudAccount[];
  /** PEM file of the authority that its clients have to trust; empty for a cloud with plain HTTP. */
  readonly authorityPath: string;
  /** The proxy that leads its public host names to it; empty like `authorityPath`. */
  readonly proxyUrl: string;
  /** Folder of programs that come first in PATH. */
  readonly bin: string;
}

export interface OpenCloud {
  readonly api: HttpApi;
  /** Zones that its DNS servers answer for, the oldest first. */
  zones(): readonly Zone[];
  status(): object;
  /** Operations of the sandbox's command line that only this cloud has. */
  readonly operations: Readonly<Record<string, (input: Readonly<Record<string, string>>, endpoint: string) => object>>;
  /** Stops everything that runs; the state stays on disk. */
  close(): Promise<void>;
}
