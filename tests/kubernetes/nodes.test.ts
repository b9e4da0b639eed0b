import { expect, test } from "bun:test";
import type { KubernetesApi } from "#lib/kubernetes/api.ts";
import { countNodes, listNodes, versionOf } from "#lib/kubernetes/nodes.ts";

const node = (name: string, status: string, kubeletVersion?: string) => ({
  metadata: { name },
  status: {
    conditions: [{ type: "Ready", status, reason: "KubeletNotReady" }],
    ...(kubeletVersion === undefined ? {} : { nodeInfo: { kubeletVersion } }),
  },
});

test("nodes are counted, and have the versions of their kubelets", async () => {
  const items = [node("a", "True", "v1.36.1"), node("b", "True", "v1.35.4+k3s1"), node("c", "Unknown")];
  const api = { get: () => Promise.resolve({ items }) } as unknown as KubernetesApi;
  const nodes = await listNodes(api, new AbortController().signal);
  expect([countNodes(nodes), versionOf(nodes)]).toEqual(["2 of 3", "1.35.4+k3s1, 1.36.1"]);
  expect([countNodes(nodes.slice(0, 2)), countNodes([]), versionOf([])]).toEqual(["2", "0", undefined]);
});
