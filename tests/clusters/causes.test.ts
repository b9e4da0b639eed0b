import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { systemClock } from "#lib/clock.ts";
import { createKubernetesApi, type KubernetesApi } from "#lib/kubernetes/api.ts";
import { endpointOf, parseKubeconfig } from "#lib/kubernetes/kubeconfig.ts";
import { removeObject } from "#lib/kubernetes/remove.ts";
import { failureOf } from "#tests/support/failure.ts";
import { type Harness, openHarness, whyNot } from "#tests/support/harness.ts";

// Noisy machines have been seen to take ten times as long as quiet ones.
setDefaultTimeout(15 * 60_000);

const cluster = "test-kind.internal";
const reason = await whyNot();

describe.skipIf(reason !== undefined)("on a real cluster, the cause is named of", () => {
  let harness: Harness;
  let api: KubernetesApi;
  const kubectl = (...args: readonly string[]) =>
    harness.program("kubectl", ["--kubeconfig", harness.kubeconfig(cluster), ...args]);

  /** What `status` says of the cluster, once that matches. */
  async function statusLike(pattern: RegExp): Promise<void> {
    for (;;) {
      const { exitCode, results } = await harness.run("status", [cluster, "--no-gitops"]);
      const summary = results[`local/${cluster}/cluster`]?.health?.summary ?? "";
      if (pattern.test(summary)) {
        expect(exitCode).toBe(1);
        return;
      }
      await Bun.sleep(1_000);
    }
  }

  beforeAll(async () => {
    harness = await openHarness();
    expect((await harness.run("create-all", [cluster, "--no-gitops"])).exitCode).toBe(0);
    const path = harness.kubeconfig(cluster);
    api = createKubernetesApi(endpointOf(parseKubeconfig(await Bun.file(path).text(), path), path));
  });
  afterAll(async () => await harness.close());

  test("a namespace that does not go: the object in it with a finalizer", async () => {
    await kubectl("create", "namespace", "stuck");
    await kubectl("create", "configmap", "held", "--namespace", "stuck");
    const finalizers = (list: readonly string[]) =>
      api.patch("/api/v1/namespaces/stuck/configmaps/held", { metadata: { finalizers: list } });
    await finalizers(["example.org/hold"]);
    const options = {
      timeoutMs: 20_000,
      clock: systemClock,
      signal: new AbortController().signal,
      progress: () => undefined,
    };
    const namespace = { apiVersion: "v1", kind: "Namespace", name: "stuck" };
    const error = await failureOf(removeObject(api, namespace, options));
    expect(error.message).toBe("Namespace stuck still exists after 20 s, held by configmaps held (example.org/hold)");
    await finalizers([]);
    expect(await removeObject(api, namespace, { ...options, timeoutMs: 300_000 })).toBe("removed");
  });

  test("a cluster that is not ready: an image that can't be pulled, then the pod network of a node", async () => {
    await kubectl("--namespace", "kube-system", "scale", "deployment/coredns", "--replicas=0");
    await kubectl("--namespace", "kube-system", "set", "image", "deployment/coredns", "coredns=example.invalid/dns:1");
    await kubectl("--namespace", "kube-system", "scale", "deployment/coredns", "--replicas=1");
    await statusLike(
      /^starting: CoreDNS: pod coredns-\S+: ImagePullBackOff: Back-off pulling image "example.invalid\/dns:1"/,
    );

    // After CoreDNS, which is waited for only once all nodes are ready.
    await harness.program("docker", [
      "exec",
      `${cluster}-worker`,
      "sh",
      "-c",
      "rm -rf /etc/cni/net.d && touch /etc/cni/net.d",
    ]);
    await statusLike(/^starting: 1 of 2 nodes \(test-kind.internal-worker: NetworkPluginNotReady: .*cni/);
  });
});
