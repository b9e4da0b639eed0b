import { expect, setDefaultTimeout, test } from "bun:test";
import type { KubernetesApi } from "#lib/kubernetes/api.ts";
import { eks, fleetOf, inAws } from "#tests/support/aws-story.ts";
import { endedAs, openCluster, well } from "#tests/support/story.ts";

// Some wait until others are done.
setDefaultTimeout(240_000);

const k01 = "aws/aws-01/k01.k8s.aws.mylabs.dev";

const service = "/api/v1/namespaces/default/services/web";

/** In a namespace that nobody can delete with all that is in it. */
async function putService(api: KubernetesApi, finalizers: readonly string[] = []): Promise<void> {
  await api.apply(`${service}?fieldManager=somebody`, {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", finalizers },
    spec: { type: "LoadBalancer", selector: { app: "web" }, ports: [{ port: 80 }] },
  });
}

test.concurrent("a load balancer that a cluster asked for goes before it, and its network with it", async () => {
  await inAws(async (aws) => {
    const fleet = fleetOf(eks(1, "aws-01", { nodes: { instanceType: "m7g.large", count: 2 } }));
    await well(aws.run("create-eks-all", [], { fleet }));
    const api = await openCluster(aws, "k01.k8s.aws.mylabs.dev");
    await putService(api);
    for (;;) {
      const { status } = (await api.get(service)) as { status?: { loadBalancer?: { ingress?: unknown } } };
      if (status?.loadBalancer?.ingress !== undefined) break;
      await Bun.sleep(50);
    }
    const deleted = await well(aws.run("delete-eks-all", ["--yes"], { fleet }));
    const lines = deleted.events.flatMap((event) => (event.kind === "output" ? [event.line] : []));
    expect(lines.filter((line) => line.includes("DELETE_FAILED"))).toEqual([]);
    const { clusters, stacks } = JSON.parse(await aws.sandbox("status")).aws;
    expect([clusters.length, stacks.length]).toEqual([0, 2]);
  });
});

test.concurrent("a load balancer that somebody holds back keeps its cluster whole, and the next delete goes on without it", async () => {
  await inAws(async (aws) => {
    const fleet = fleetOf(eks(1));
    await well(aws.run("create-eks-all", [], { fleet }));
    const api = await openCluster(aws, "k01.k8s.aws.mylabs.dev");
    await putService(api, ["example.com/mine"]);
    const started = aws.start("delete-eks-all", ["--yes"], { fleet });
    // It waits for ten minutes; the finalizer is found before that.
    for (;;) {
      const { metadata } = (await api.get(service)) as {
        metadata: { deletionTimestamp?: string };
      };
      if (metadata.deletionTimestamp !== undefined) break;
      await Bun.sleep(50);
    }
    // Time for a look at what is left, which names the finalizer.
    await Bun.sleep(3_000);
    started.kill("SIGINT");
    const interrupted = await started.ended;
    expect(interrupted.exitCode).toBe(130);
    const waited = interrupted.events.flatMap((event) =>
      event.kind === "progress" && event.id === `${k01}/stack` ? [event.message] : [],
    );
    expect(waited.some((text) => text.includes("example.com/mine"))).toBe(true);
    expect((await aws.calls()).filter(({ action }) => action === "DeleteStack")).toEqual([]);

    await api.patch(service, { metadata: { finalizers: null } });
    const deleted = await well(aws.run("delete-eks-all", ["--yes"], { fleet }));
    expect(endedAs(deleted, "removed")).toContain(`${k01}/stack`);
    expect(JSON.parse(await aws.sandbox("status")).aws.clusters).toEqual([]);
  });
});
