import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { computeOperations, resumeCompute } from "#sandbox/gcp/compute/operations.ts";
import { type JsonObject, listAt, stringAt } from "#sandbox/json.ts";
import { services } from "#sandbox/kubernetes/kinds.ts";
import { create } from "#sandbox/kubernetes/operations.ts";
import { autopilot, cluster, clusters, GkeWorld, project, until } from "#tests/sandbox/gcp/gke/world.ts";

let world: GkeWorld;
beforeEach(() => {
  world = new GkeWorld();
});
afterEach(() => world.close());

const name = `projects/${project.projectId}`;
const base = `compute/v1/${name}`;
const networks = `${base}/global/networks`;
const subnetworks = `${base}/regions/us-east1/subnetworks`;
const routers = `${base}/regions/us-east1/routers`;
const firewalls = `${base}/global/firewalls`;
const network = { name: "n", autoCreateSubnetworks: false, description: "d" };
const subnetwork = { name: "s", network: "global/networks/n", ipCidrRange: "10.128.0.0/20" };
const nat = {
  name: "nat",
  natIpAllocateOption: "AUTO_ONLY",
  sourceSubnetworkIpRangesToNat: "ALL_SUBNETWORKS_ALL_IP_RANGES",
};
const router = { name: "r", network: "global/networks/n", nats: [nat] };

/** Ends an operation. @returns its error */
async function work(method: string, path: string, body?: JsonObject): Promise<unknown> {
  const { status, body: operation } = await world.ask(method, path, body);
  if (status !== 200) throw new Error(JSON.stringify(operation));
  for (;;) {
    const at = stringAt(operation, "selfLink").replace("https://www.googleapis.com/", "");
    const { body: found } = await world.ask("GET", at);
    if (found.status === "DONE") return listAt(found, "error", "errors")[0];
    await Bun.sleep(2);
  }
}

async function makeAll(): Promise<void> {
  await work("POST", networks, network);
  await work("POST", subnetworks, subnetwork);
}

async function rulesIn(link = "/n"): Promise<readonly string[]> {
  const { body } = await world.ask("GET", firewalls);
  return listAt(body, "items")
    .filter((rule) => stringAt(rule, "network").endsWith(link))
    .map((rule) => stringAt(rule, "name"));
}

describe("networks", () => {
  test("are made, shown with their subnetworks, and deleted", async () => {
    const { body: operation } = await world.ask("POST", networks, network);
    expect(operation).toMatchObject({
      kind: "compute#operation",
      operationType: "insert",
      status: "RUNNING",
      targetLink: `https://www.googleapis.com/compute/v1/${name}/global/networks/n`,
    });
    expect(await world.refused("POST", networks, network)).toEqual([
      409,
      `The resource '${name}/global/networks/n' already exists`,
    ]);
    expect(await world.refused("POST", subnetworks, subnetwork)).toEqual([
      400,
      `The resource '${name}/global/networks/n' is not ready`,
    ]);
    for (;;) {
      const { status } = await world.ask("POST", subnetworks, subnetwork);
      if (status === 200) break;
      await Bun.sleep(2);
    }
    const { body } = await world.ask("GET", `${networks}/n`);
    expect(body).toMatchObject({
      name: "n",
      description: "d",
      subnetworks: [expect.stringMatching(/\/subnetworks\/s$/)],
    });
  });

  test("can't be deleted with something in them, which their operation tells", async () => {
    await makeAll();
    await work("POST", routers, router);
    for (const user of [`regions/us-east1/subnetworks/s`, `regions/us-east1/routers/r`]) {
      expect(await work("DELETE", `${networks}/n`)).toMatchObject({
        code: "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE",
        message: `The network resource '${name}/global/networks/n' is already being used by '${name}/${user}'`,
      });
      await work("DELETE", `${base}/${user}`);
    }
    expect(await work("DELETE", `${networks}/n`)).toBeUndefined();
    expect(await world.refused("GET", `${networks}/n`)).toEqual([
      404,
      `The resource '${name}/global/networks/n' was not found`,
    ]);
  });

  test("refuse what Google refuses", async () => {
    await makeAll();
    const overlapping = { ...subnetwork, name: "t", ipCidrRange: "10.128.8.0/24" };
    expect((await world.refused("POST", subnetworks, overlapping))[1]).toBe(
      "Invalid IPCidrRange: 10.128.8.0/24 conflicts with existing subnetwork.",
    );
    const nowhere = { ...router, network: "global/networks/m" };
    expect(await world.refused("POST", routers, nowhere)).toEqual([
      404,
      `The resource '${name}/global/networks/m' was not found`,
    ]);
    const twice = { ...router, nats: [nat, { ...nat, name: "other" }] };
    expect((await world.refused("POST", routers, twice))[0]).toBe(400);
    for (const one of ["a", "b", "c"]) await work("POST", networks, { ...network, name: one });
    expect(await world.refused("POST", networks, { ...network, name: "e" })).toEqual([
      403,
      "Quota 'NETWORKS' exceeded.  Limit: 5.0 globally.",
    ]);
  });

  test("change by PATCH, where a list replaces the whole list, and do a request once", async () => {
    await makeAll();
    await work("POST", routers, router);
    await work("PATCH", `${routers}/r`, { nats: [] });
    expect((await world.ask("GET", `${routers}/r`)).body).toMatchObject({ name: "r", nats: [] });
    const id = "7b1a7b1e-1111-4111-8111-111111111111";
    const { body: first } = await world.ask("DELETE", `${routers}/r?requestId=${id}`);
    const { body: second } = await world.ask("DELETE", `${routers}/r?requestId=${id}`);
    expect(second.name).toBe(first.name);
  });

  test("fail at the end of an operation, when that is asked for, and go on after a restart", async () => {
    const message = "Quota 'NETWORKS' exceeded.  Limit: 5.0 globally.";
    computeOperations(world.cloud)["fail-network-operation"]?.({ project: project.projectId, message }, "");
    expect(await work("POST", networks, network)).toEqual({ code: "QUOTA_EXCEEDED", message });
    expect((await world.ask("GET", `${networks}/n`)).status).toBe(404);
    const { body } = await world.ask("POST", networks, network);
    await world.leave();
    world = new GkeWorld(world.folder);
    resumeCompute(world.cloud);
    const at = stringAt(body, "selfLink").replace("https://www.googleapis.com/", "");
    while ((await world.ask("GET", at)).body.status !== "DONE") await Bun.sleep(2);
    expect((await world.ask("GET", `${networks}/n`)).status).toBe(200);
  });
});

describe("a cluster in a network", () => {
  const given = autopilot({ network: "n", subnetwork: "s" });

  test("needs a network, a subnetwork in it, and ranges of its own", async () => {
    expect(await world.refused("POST", clusters, { cluster: given })).toEqual([
      400,
      `Project "${project.projectId}" has no network named "n".`,
    ]);
    await work("POST", networks, network);
    expect(await world.refused("POST", clusters, { cluster: given })).toEqual([
      400,
      `Subnetwork "${name}/regions/us-east1/subnetworks/s" is not valid for Network "n".`,
    ]);
    const { subnetwork: _, ...manual } = given;
    expect((await world.refused("POST", clusters, { cluster: manual }))[1]).toBe(
      'Network "n" uses manual subnet mode and requires specifying a subnetwork.',
    );
    await work("POST", subnetworks, subnetwork);
    const inNodes = { ...given, ipAllocationPolicy: { clusterIpv4CidrBlock: "10.128.0.0/16" } };
    expect((await world.refused("POST", clusters, { cluster: inNodes }))[0]).toBe(400);
    expect(await world.make(given)).toMatchObject({
      network: "n",
      subnetwork: "s",
      networkConfig: { network: `${name}/global/networks/n`, subnetwork: `${name}/regions/us-east1/subnetworks/s` },
    });
  });

  test("holds its subnetwork, and leaves rules of load balancers behind", async () => {
    await makeAll();
    await world.make(given);
    expect((await rulesIn()).every((rule) => /^gke-k01-[0-9a-f]{8}-\w+$/.test(rule))).toBe(true);
    expect(await world.refused("DELETE", `${subnetworks}/s`)).toEqual([
      400,
      expect.stringMatching(/^The subnetwork resource '.*\/s' is already being used by '.*\/gk3-k01-[0-9a-f]{8}-pe'$/),
    ]);
    const spec = { type: "LoadBalancer", ports: [{ port: 443 }] };
    create(world.objects(), services, "default", { metadata: { name: "web" }, spec });
    const ingress = () =>
      listAt(world.objects().store.get(services, "default", "web"), "status", "loadBalancer", "ingress");
    await until(() => ingress().length > 0);
    await world.work("DELETE", cluster);
    expect((await rulesIn()).toSorted()).toEqual([
      expect.stringMatching(/^k8s-[0-9a-f]{16}-node-http-hc$/),
      expect.stringMatching(/^k8s-fw-a[0-9a-f]{31}$/),
    ]);
  });
});
