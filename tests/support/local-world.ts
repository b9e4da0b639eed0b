import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecOptions } from "#lib/exec.ts";
import { cautious, type World, type WorldOptions } from "#lib/graph/world.ts";
import type { KubernetesApi } from "#lib/kubernetes/api.ts";
import type { KubernetesObject } from "#lib/kubernetes/object.ts";
import { fleetLabel } from "#lib/local/config.ts";
import { readyMark } from "#lib/local/ready-mark.ts";
import { type FakeResult, fakeExec } from "#tests/support/fake-exec.ts";
import { freePort } from "#tests/support/free-port.ts";
import { virtualClock } from "#tests/support/virtual-clock.ts";

/** One kind cluster on a computer that exists in memory: docker, kind and the cluster's API answer from these fields. */
export interface Machine {
  /** Status of each container by its name; empty: there is no cluster. */
  containers: Record<string, string>;
  /** Names of the nodes that have joined, and whether they are Ready. */
  nodes: Record<string, boolean>;
  /** Label of the fleet on the nodes. */
  owner: string | undefined;
  image: string;
  hasNetwork: boolean;
  /** The mark in the cluster that it was ready once. */
  isMarked: boolean;
  /** What `kind get kubeconfig` fails with, instead of what it says of a cluster without one. */
  kubeconfigFault: string | (() => string) | undefined;
  dnsUp: boolean;
  /** Message of the Ready condition of nodes that aren't. */
  kubeletMessage: string;
  /** Pods of kube-system. */
  pods: KubernetesObject[];
  /** Lines of `ps`. */
  processes: string[];
  /** What `kind create` does instead of making a cluster. */
  onCreate: ((options: ExecOptions) => Promise<FakeResult> | FakeResult) | undefined;
}

const ok = (stdout = ""): FakeResult => ({ stdout, stderr: "", exitCode: 0 });
export const failed = (stderr: string): FakeResult => ({ stdout: "", stderr, exitCode: 1 });
export const clusterName = "kind01.internal";
const controlPlane = `${clusterName}-control-plane`;
const worker = `${clusterName}-worker`;
/** Really free: `create` tries to listen on it, and test files that run beside may hold the default fleet's ports. */
export const apiPort = freePort();
const server = `https://127.0.0.1:${apiPort}`;

export function emptyMachine(): Machine {
  return {
    containers: {},
    nodes: {},
    owner: "mylabs.dev",
    image: "node:1",
    hasNetwork: true,
    isMarked: false,
    kubeconfigFault: undefined,
    dnsUp: true,
    kubeletMessage: "",
    pods: [],
    processes: [],
    onCreate: undefined,
  };
}

export function finish(machine: Machine): void {
  machine.containers = { [controlPlane]: "running", [worker]: "running" };
  machine.nodes = { [controlPlane]: true, [worker]: true };
}

export function machineWithCluster(change: Partial<Machine> = {}): Machine {
  const machine = emptyMachine();
  finish(machine);
  return Object.assign(machine, { isMarked: true }, change);
}

/** The world of that machine. `calls` are the commands that change something, `said` the progress. */
export function localWorld(machine: Machine, options: Partial<WorldOptions> = {}) {
  const calls: string[] = [];
  const said: string[] = [];
  const clock = virtualClock();

  const attempt = async (program: string, args: readonly string[], given: ExecOptions): Promise<FakeResult> => {
    given.signal?.throwIfAborted();
    const line = [program, ...args].join(" ");
    if (program === "ps") return ok(machine.processes.join("\n"));
    if (/^docker container ls/.test(line)) return ok(listed(args).join("\n"));
    if (/^docker container inspect/.test(line)) return ok(JSON.stringify(args.slice(2).map(inspect)));
    if (line === `kind get kubeconfig --name ${clusterName}`) {
      const { kubeconfigFault: fault } = machine;
      if (fault !== undefined) return failed(typeof fault === "function" ? fault() : fault);
      return machine.containers[controlPlane] === "running"
        ? ok(kubeconfig())
        : failed(`ERROR: could not locate any control plane nodes for cluster named '${clusterName}'.`);
    }
    calls.push(line.replaceAll(/\S*\/k8s-multicluster-gitops-\w+\//g, ""));
    if (/^docker container start/.test(line)) {
      machine.containers[args[2] ?? ""] = "running";
      return ok();
    }
    if (/^kind delete cluster/.test(line)) {
      Object.assign(machine, { containers: {}, nodes: {}, isMarked: false });
      return ok();
    }
    if (/^kind create cluster/.test(line)) {
      if (machine.onCreate !== undefined) return await machine.onCreate(given);
      finish(machine);
      machine.owner = "mylabs.dev";
      machine.image = args[args.indexOf("--image") + 1] ?? "";
      return ok();
    }
    throw new Error(`the machine does not know: ${line}`);
  };

  const listed = (args: readonly string[]): readonly string[] => {
    const filters = args.flatMap((arg, index) => (args[index - 1] === "--filter" ? [arg] : []));
    const all = Object.keys(machine.containers);
    return filters.every((filter) => filter === `label=io.x-k8s.kind.cluster=${clusterName}`) ? all : [];
  };
  const inspect = (name: string): object => ({
    Id: name,
    Name: `/${name}`,
    Config: {
      Image: machine.image,
      Labels: {
        "io.x-k8s.kind.cluster": clusterName,
        "io.x-k8s.kind.role": name === controlPlane ? "control-plane" : "worker",
      },
    },
    State: { Status: machine.containers[name], StartedAt: "" },
    HostConfig: {
      PortBindings: name === controlPlane ? { "6443/tcp": [{ HostIp: "127.0.0.1", HostPort: `${apiPort}` }] } : {},
    },
  });

  const api: KubernetesApi = {
    async get(path) {
      if (path === "/readyz") return "ok";
      const [pods, selector] = path.split("/kube-system/pods?labelSelector=k8s-app");
      if (pods === "/api/v1/namespaces" && selector !== undefined) {
        const isDns = ({ metadata: { labels } }: KubernetesObject) => labels?.["k8s-app"] === "kube-dns";
        return { items: machine.pods.filter((pod) => isDns(pod) === (selector === "%3Dkube-dns")) };
      }
      if (path !== "/api/v1/nodes") throw new Error(`the API does not know GET ${path}`);
      const reason = "KubeletNotReady";
      const labels = machine.owner === undefined ? {} : { [fleetLabel]: machine.owner };
      return {
        items: Object.entries(machine.nodes).map(([name, ready]) => ({
          metadata: { name, labels },
          status: {
            conditions: [{ type: "Ready", status: ready ? "True" : "False", reason, message: machine.kubeletMessage }],
          },
        })),
      };
    },
    async find(path) {
      if (path === readyMark) return machine.isMarked ? {} : undefined;
      if (path.endsWith("/daemonsets/kindnet")) return machine.hasNetwork ? {} : undefined;
      return { status: { availableReplicas: machine.dnsUp ? 1 : 0 } };
    },
    async patch(path, body) {
      calls.push(`PATCH ${path} ${JSON.stringify(body)}`);
      machine.owner = "mylabs.dev";
      return {};
    },
    async apply(path) {
      if (!path.startsWith(`${readyMark}?`)) throw new Error(`the API does not know PATCH ${path}`);
      machine.isMarked = true;
      return {};
    },
    remove: refuse,
    waitForEvent: refuse,
  };

  const world: World = {
    exec: fakeExec(attempt),
    variables: {},
    clock,
    paths: {
      root: "/nowhere",
      kubeconfigs: "/nowhere",
      runs: "/nowhere",
      locks: "/nowhere",
      cache: "/nowhere",
      unfinished: join(tmpdir(), `unfinished-${Bun.randomUUIDv7()}`),
    },
    kubernetes: () => api,
    dns: { addressesOf: refuse, serversOf: refuse },
    download: refuse,
    locks: { hold: (_name, _waiting, work) => work() },
    signal: new AbortController().signal,
    progress: (message) => void said.push(message),
    output: () => undefined,
    options: { ...cautious, ...options },
  };
  return { world, calls, said, clock };
}

function refuse(): never {
  throw new Error("nothing here asks for that");
}

function kubeconfig(): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster: { server } }],
    users: [{ name: "u", user: {} }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  });
}
