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
  /** What `up` declared of the world outside. */
  readonly settings: string;
  /** Addresses of the DNS servers, for programs. */
  readonly dnsDirectory: string;
  readonly dnsState: string;
  /** Key of the emulated issuer of GitHub. */
  readonly githubKey: string;
  /** Folder of the authority and the certificates of clouds with HTTPS. */
  readonly tls: string;
  /** State of a cloud, in a folder of its own. */
  cloud(name: string): string;
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
    dnsDirectory: join(state, "dns.json"),
    dnsState: join(state, "dns-state.json"),
    githubKey: join(state, "github.pem"),
    tls: join(state, "tls"),
    cloud: (name) => join(state, name, "cloud.db"),
  };
}
