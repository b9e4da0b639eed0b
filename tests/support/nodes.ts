import { createKubernetesApi } from "#lib/kubernetes/api.ts";
import { endpointOf, parseKubeconfig } from "#lib/kubernetes/kubeconfig.ts";
import { probe } from "#lib/local/readiness.ts";

/** Names of the Ready nodes, for machines without kubectl. */
export async function countReadyNodes(path: string): Promise<readonly string[]> {
  const api = createKubernetesApi(endpointOf(parseKubeconfig(await Bun.file(path).text(), path), path));
  const { nodes } = await probe(api, [], new AbortController().signal);
  return nodes.filter((node) => node.ready).map((node) => node.name);
}
