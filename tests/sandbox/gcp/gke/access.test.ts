import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { listAt, objectAt, stringAt, valueAt } from "#sandbox/json.ts";
import { conditionStatus } from "#sandbox/kubernetes/behaviours/conditions.ts";
import { deployments, nodes, pods, services } from "#sandbox/kubernetes/kinds.ts";
import { create } from "#sandbox/kubernetes/operations.ts";
import { autopilot, cluster, GkeWorld, project, standard, until } from "#tests/sandbox/gcp/gke/world.ts";

let world: GkeWorld;
beforeEach(() => {
  world = new GkeWorld();
});
afterEach(() => world.close());

const ann = { kind: "user", email: "ann@example.com" } as const;
const maps = "/api/v1/namespaces/default/configmaps";
const newMap = { method: "POST", body: JSON.stringify({ metadata: { name: "x" } }) };

async function answerOf(path: string, token: string, init?: RequestInit): Promise<readonly [number, string]> {
  const { status, body } = await world.server(path, token, init);
  return [status, stringAt(body, "message")];
}

describe("the API server of a cluster", () => {
  test("admits by IAM: first to the name, then to each kind of objects", async () => {
    await world.make();
    const token = world.token(ann);
    const denied =
      'nodes is forbidden: User "ann@example.com" cannot list resource "nodes" in API group "" at the cluster scope: ';
    expect(await answerOf("/api/v1/nodes", "x")).toEqual([401, "Unauthorized"]);
    expect(await answerOf("/api/v1/nodes", token)).toEqual([
      403,
      `${denied}Permission 'container.clusters.connect' denied on resource (or it may not exist).`,
    ]);
    await world.grant("roles/container.clusterViewer", "user:ann@example.com");
    expect(await answerOf("/api/v1/nodes", token)).toEqual([
      403,
      `${denied}requires one of ["container.nodes.list"] permission(s).`,
    ]);
    await world.grant("roles/container.viewer", "user:ann@example.com");
    expect(await answerOf("/api/v1/nodes", token)).toEqual([200, ""]);
    expect((await answerOf(maps, token, newMap))[0]).toBe(403);
    await world.grant("roles/container.admin", "user:ann@example.com");
    expect((await answerOf(maps, token, newMap))[0]).toBe(201);
    for (const path of ["/apis/apps/v1/deployments", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"]) {
      expect((await answerOf(path, token))[0]).toBe(200);
    }
  });

  test("by its address does not ask who may connect", async () => {
    await world.make(
      autopilot({
        controlPlaneEndpointsConfig: {
          dnsEndpointConfig: { allowExternalTraffic: false },
          ipEndpointsConfig: { enabled: true },
        },
      }),
    );
    const token = world.token(ann);
    expect((await answerOf("/api/v1/nodes", token))[1]).toEndWith(
      'requires one of ["container.nodes.list"] permission(s).',
    );
    const closed = { dnsEndpointConfig: { allowExternalTraffic: false }, ipEndpointsConfig: { enabled: false } };
    await world.work("PUT", cluster, { update: { desiredControlPlaneEndpointsConfig: closed } });
    expect((await answerOf("/api/v1/nodes", world.token()))[1]).toEndWith("open to external traffic.");
  });

  test("knows a service account by its number where the token does not tell its email", async () => {
    await world.make();
    const { body } = await world.ask("POST", `v1/projects/${project.projectId}/serviceAccounts`, {
      accountId: "clusters",
    });
    const account = {
      kind: "serviceAccount",
      email: stringAt(body, "email"),
      uniqueId: stringAt(body, "uniqueId"),
    } as const;
    const whole = "https://www.googleapis.com/auth/cloud-platform";
    const nameIn = (message: string) => /User "([^"]+)"/.exec(message)?.[1];
    expect(nameIn((await answerOf("/api/v1/nodes", world.token(account)))[1])).toBe(account.email);
    expect(nameIn((await answerOf("/api/v1/nodes", world.token(account, [whole])))[1])).toBe(account.uniqueId);
    const dns = world.token(account, ["https://www.googleapis.com/auth/ndev.clouddns.readwrite"]);
    expect((await answerOf("/api/v1/nodes", dns))[0]).toBe(401);
  });

  test("signs tokens that Google exchanges for pods of the cluster, until it is gone", async () => {
    await world.make();
    const path = "/api/v1/namespaces/default/serviceaccounts/default/token";
    const pool = `${project.projectId}.svc.id.goog`;
    const spec = { spec: { audiences: [pool] } };
    const { status, body } = await world.server(path, world.token(), { method: "POST", body: JSON.stringify(spec) });
    expect(status).toBe(201);
    world.advance(61_000);
    const exchange = () =>
      world.ask("POST", "v1/token", {
        grantType: "urn:ietf:params:oauth:grant-type:token-exchange",
        audience: `identitynamespace:${pool}:https://container.googleapis.com/${cluster}`,
        scope: "https://www.googleapis.com/auth/cloud-platform",
        requestedTokenType: "urn:ietf:params:oauth:token-type:access_token",
        subjectTokenType: "urn:ietf:params:oauth:token-type:jwt",
        subjectToken: stringAt(body, "status", "token"),
      });
    expect(await exchange()).toMatchObject({ status: 200, body: { access_token: expect.any(String) } });
    await world.work("DELETE", cluster);
    expect((await exchange()).status).toBe(400);
  });
});

const readyNodes = () =>
  world
    .objects()
    .store.list(nodes)
    .filter((node) => conditionStatus(node, "Ready") === "True");

describe("the machines of a cluster", () => {
  test("are those of its pools in three zones, and new ones after an upgrade", async () => {
    await world.make(standard());
    await until(() => readyNodes().length === 3);
    const names = () => readyNodes().map(({ metadata }) => metadata.name);
    const before = names();
    for (const name of before) expect(name).toMatch(/^gke-k01-default-[0-9a-f]{8}-[0-9a-z]{4}$/);
    expect(readyNodes().map((node) => stringAt(node, "spec", "providerID"))).toContain(
      `gce://${project.projectId}/us-east1-b/${before.find(
        (name) =>
          objectAt(
            readyNodes().find((node) => node.metadata.name === name),
            "metadata",
            "labels",
          )["topology.kubernetes.io/zone"] === "us-east1-b",
      )}`,
    );
    expect(readyNodes()[0]).toMatchObject({ status: { capacity: { cpu: "4", memory: "16Gi" } } });
    await world.work("PUT", cluster, { update: { desiredMasterVersion: "1.36" } });
    await until(() => readyNodes().length === 3 && !names().some((name) => before.includes(name)));
    expect(stringAt(readyNodes()[0], "status", "nodeInfo", "kubeletVersion")).toBe("v1.36.3-gke.1018000");
  });

  test("come for pods in Autopilot, pull images once there is NAT, and a load balancer has an address", async () => {
    await world.make();
    const labels = { app: "web" };
    create(world.objects(), deployments, "default", {
      metadata: { name: "web" },
      spec: {
        replicas: 2,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: "web", image: "x" }] } },
      },
    });
    const deployment = () => world.objects().store.get(deployments, "default", "web");
    await until(() => readyNodes().length === 2);
    for (const { metadata } of readyNodes()) expect(metadata.name).toMatch(/^gk3-k01-pool-1-/);
    expect((await world.read()).currentNodeCount).toBe(2);
    const waiting = { state: { waiting: { reason: "ImagePullBackOff", message: 'Back-off pulling image "x"' } } };
    const web = () =>
      world
        .objects()
        .store.list(pods)
        .filter(({ metadata }) => metadata.name.startsWith("web-"));
    await until(() => web().every((pod) => listAt(pod, "status", "containerStatuses").length > 0));
    for (const pod of web()) expect(pod).toMatchObject({ status: { phase: "Pending", containerStatuses: [waiting] } });
    await world.ask("POST", `compute/v1/projects/${project.projectId}/regions/us-east1/routers`, {
      name: "nat",
      network: "global/networks/default",
      nats: [{ name: "nat", sourceSubnetworkIpRangesToNat: "ALL_SUBNETWORKS_ALL_IP_RANGES" }],
    });
    await until(() => valueAt(deployment(), "status", "availableReplicas") === 2);
    create(world.objects(), services, "default", {
      metadata: { name: "web" },
      spec: { type: "LoadBalancer", ports: [{ port: 443 }] },
    });
    const ingress = () =>
      listAt(world.objects().store.get(services, "default", "web"), "status", "loadBalancer", "ingress");
    await until(() => ingress().length > 0);
    expect(ingress()).toEqual([{ ip: expect.stringMatching(/^198\.1[89]\.\d+\.\d+$/) }]);
  });
});
