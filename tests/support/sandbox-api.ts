import type { Endpoint } from "#lib/kubernetes/kubeconfig.ts";
import { makeCertificates } from "#sandbox/kubernetes/certificates.ts";
import type { Cluster } from "#sandbox/kubernetes/operations.ts";
import { seedControlPlane, seedNetwork, seedNode } from "#sandbox/kubernetes/seed.ts";
import { ApiServer, type Controller } from "#sandbox/kubernetes/server.ts";
import { paceOf } from "#sandbox/pace.ts";
import type { Usage } from "#sandbox/usage.ts";

export interface SandboxApi {
  readonly endpoint: Endpoint;
  readonly cluster: Cluster;
  close(): Promise<void>;
}

/** The API server of one sandboxed kind cluster, with a node, on a free port of this process. */
export async function openSandboxApi(controllers: readonly Controller[] = [], usage?: Usage): Promise<SandboxApi> {
  const certificates = await makeCertificates({ dns: ["localhost"], ip: ["127.0.0.1"] });
  const token = "secret";
  const version = "v1.36.1";
  const server = new ApiServer({
    database: ":memory:",
    certificates,
    token,
    version,
    networkDaemonSet: "kindnet",
    pace: paceOf(() => 20),
    controllers,
    usage,
  });
  const seed = {
    distribution: "kind",
    version,
    podSubnet: "10.244.0.0/16",
    serviceSubnet: "10.96.0.0/16",
  } as const;
  seedControlPlane(server.cluster, seed);
  seedNetwork(server.cluster);
  seedNode(server.cluster, seed, {
    name: "node",
    role: "control-plane",
    address: "172.18.0.2",
    labels: {},
    index: 0,
    tainted: false,
    kindCluster: "one",
    cpus: 2,
    memoryBytes: 2 ** 32,
  });
  server.listen("127.0.0.1", 0);
  server.setRunningNodes(new Set(["node"]));
  return {
    endpoint: {
      server: `https://127.0.0.1:${server.port}`,
      ca: certificates.authority,
      token,
      certificate: undefined,
      key: undefined,
    },
    cluster: server.cluster,
    close: () => server.dispose(),
  };
}
