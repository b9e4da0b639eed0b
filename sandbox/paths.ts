import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** Files of one sandbox. */
export interface SandboxPaths {
  readonly state: string;
  /** The fake programs; first in PATH. */
  readonly bin: string;
  readonly database: string;
  /** Objects of the clusters, one file each. */
  readonly clusters: string;
  /** What stands for Argo CD's manifests, laid out as its own are. */
  readonly manifests: string;
  /** Commits that the fake git has taken of the checkout, one file each. */
  readonly commits: string;
  readonly socket: string;
  readonly pid: string;
  readonly log: string;
  /** Held while somebody starts the daemon. */
  readonly startLock: string;
  /** Held by the daemon as long as it lives. */
  readonly daemonLock: string;
  /** What `up` was told of the world outside. */
  readonly settings: string;
  readonly aws: AwsPaths;
}

/** Files of the sandbox's AWS. */
export interface AwsPaths {
  readonly cloud: string;
  /** Objects of its clusters, one file each. */
  readonly clusters: string;
  /** Where its name servers are, for those who ask them. */
  readonly dnsDirectory: string;
  readonly dnsState: string;
  /** Profiles and keys of the accounts' administrators, as the AWS CLI has them. */
  readonly config: string;
  readonly credentials: string;
}

/** Unix sockets have paths of at most 107 bytes on Linux and 103 on macOS. */
const LONGEST_SOCKET_PATH = 100;

export function sandboxPaths(directory: string): SandboxPaths {
  const state = resolve(directory);
  const socket = join(state, "daemon.sock");
  const short = join(tmpdir(), `k8s-sandbox-${Bun.hash(state).toString(16)}.sock`);
  return {
    state,
    bin: join(state, "bin"),
    database: join(state, "docker.db"),
    clusters: join(state, "clusters"),
    manifests: join(state, "argocd"),
    commits: join(state, "commits"),
    socket: Buffer.byteLength(socket) > LONGEST_SOCKET_PATH ? short : socket,
    pid: join(state, "daemon.pid"),
    log: join(state, "daemon.log"),
    startLock: join(state, "start.lock"),
    daemonLock: join(state, "daemon.lock"),
    settings: join(state, "settings.json"),
    aws: {
      cloud: join(state, "aws", "cloud.db"),
      clusters: join(state, "clusters"),
      dnsDirectory: join(state, "aws", "dns.json"),
      dnsState: join(state, "aws", "dns-state.json"),
      config: join(state, "aws", "config"),
      credentials: join(state, "aws", "credentials"),
    },
  };
}
