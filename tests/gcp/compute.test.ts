import { beforeEach, describe, expect, test } from "bun:test";
import { clusterNat } from "#lib/gcp/compute/nat.ts";
import { clusterNetwork } from "#lib/gcp/compute/network.ts";
import { waitForCompute } from "#lib/gcp/compute/operation.ts";
import { clusterSubnetwork } from "#lib/gcp/compute/subnetwork.ts";
import type { GkeCluster } from "#lib/gcp/fleet/types.ts";
import { failureOf } from "#tests/support/failure.ts";
import { type GcpMemory, gcpError, gcpMemory, gcpWorld, testActor } from "#tests/support/gcp-memory.ts";

const mark = "k8s-multicluster-gitops, fleet mylabs.test";
const fqdn = "k01.k8s.gcp.mylabs.test";
const name = "k01-k8s-gcp-mylabs-test";
const cluster: GkeCluster = { provider: "gcp", name: fqdn, account: "gcp-01", region: "us-east1" };
const row = { kind: "cluster", name: fqdn, group: "gcp" } as const;
const options = { id: "it", title: `${fqdn}: it`, label: "it", row, needs: [], actor: testActor, cluster, mark };
const project = "projects/test-01";
const network = `${project}/global/networks/${name}`;
const subnetwork = `${project}/regions/us-east1/subnetworks/${name}`;
const router = `${project}/regions/us-east1/routers/${name}`;
const link = (path: string): string => `https://www.googleapis.com/compute/v1/${path}`;

let memory: GcpMemory;
beforeEach(() => {
  memory = gcpMemory();
});

describe.each([
  ["a network", clusterNetwork(options), network, { autoCreateSubnetworks: false }],
  [
    "a subnetwork",
    clusterSubnetwork(options),
    subnetwork,
    { ipCidrRange: "10.128.0.0/20", privateIpGoogleAccess: true },
  ],
  ["NAT", clusterNat(options), router, { nats: [{ name: "nat", natIpAllocateOption: "AUTO_ONLY" }] }],
] as const)("%s", (_, resource, path, wanted) => {
  test("is created once, marked by its description, and deleted", async () => {
    const { world, outputs } = gcpWorld(memory);
    expect(await resource.observe(world, outputs)).toEqual({ kind: "absent" });
    const state = await resource.ensure(world, { kind: "absent" }, outputs);
    expect(state).toMatchObject({ name, description: mark, ...wanted });
    expect(resource.diff(state, outputs)).toEqual([]);
    await resource.ensure(world, { kind: "present", state }, outputs);
    expect(memory.calls).toHaveLength(1);
    await resource.remove(world, { kind: "present", state }, outputs);
    expect(memory.documents.has(path)).toBe(false);
  });

  test("of others is not taken, unless it is adopted", async () => {
    memory.documents.set(path, { name, ...wanted, network: link(network), description: "theirs" });
    const { world, outputs } = gcpWorld(memory);
    expect(await resource.observe(world, outputs)).toMatchObject({ kind: "foreign" });
    for (const work of ["ensure", "remove"] as const) {
      const failure = await failureOf(resource[work](world, { kind: "absent" }, outputs));
      expect(failure.code).toBe("ForeignResource");
    }
    expect(memory.calls).toEqual([]);
  });

  test("that another run makes at the same time is joined, and so is one that is not ready yet", async () => {
    const { world, outputs, said } = gcpWorld(memory);
    let asked = 0;
    memory.onCall = (call) => {
      if (!call.startsWith("POST")) return;
      asked++;
      if (asked === 1) throw gcpError(400, "resourceNotReady", "The resource is not ready", ["resourceNotReady"]);
      memory.documents.set(path, { name, ...wanted, network: link(network), description: mark, nats: [nat] });
      throw gcpError(409, "alreadyExists", "already exists", ["alreadyExists"]);
    };
    await resource.ensure(world, { kind: "absent" }, outputs);
    expect(asked).toBe(2);
    expect(said).toContain("Google is still at work on it, or on what it is in");
  });
});

const nat = {
  name: "nat",
  natIpAllocateOption: "AUTO_ONLY",
  sourceSubnetworkIpRangesToNat: "ALL_SUBNETWORKS_ALL_IP_RANGES",
};

describe("NAT", () => {
  const theirs = { name: "theirs", natIps: ["a"], sourceSubnetworkIpRangesToNat: "LIST_OF_SUBNETWORKS" };
  const resource = clusterNat(options);

  test.each([
    ["removed", [theirs], [theirs, { ...nat, logConfig: { enable: true, filter: "ERRORS_ONLY" } }]],
    [
      "changed",
      [{ ...nat, natIpAllocateOption: "MANUAL_ONLY", natIps: ["b"], minPortsPerVm: 128 }, theirs],
      [theirs, { ...nat, minPortsPerVm: 128 }],
    ],
  ] as const)("that somebody %s is repaired, and other gateways stay", async (_, before, after) => {
    const bgp = { asn: 64_512 };
    memory.documents.set(router, { name, network: link(network), description: mark, nats: before, bgp });
    const { world, outputs } = gcpWorld(memory);
    const observed = await resource.observe(world, outputs);
    if (observed.kind !== "present") throw new Error(observed.kind);
    const changes = resource.diff(observed.state, outputs);
    expect(changes.map(({ effect }) => effect)).toEqual(changes.map(() => "in-place"));
    expect(changes).not.toEqual([]);
    const state = await resource.ensure(world, observed, outputs);
    expect(state).toMatchObject({ nats: after, bgp });
    expect(memory.calls).toEqual([`PATCH ${router}`]);
  });
});

describe("a subnetwork", () => {
  const resource = clusterSubnetwork(options);
  const found = { name, network: link(network), description: mark, privateIpGoogleAccess: true };
  const changesOf = (fields: object) => resource.diff({ ...found, ...fields }, gcpWorld(memory).outputs);

  test("may have been expanded, and another range replaces it", () => {
    expect(changesOf({ ipCidrRange: "10.128.0.0/19" })).toEqual([]);
    expect(changesOf({ ipCidrRange: "10.129.0.0/20" })).toMatchObject([{ field: "ipCidrRange", effect: "replace" }]);
  });

  test("gets Private Google Access back by a method of its own", async () => {
    memory.documents.set(subnetwork, { ...found, ipCidrRange: "10.128.0.0/20", privateIpGoogleAccess: false });
    memory.answers.set("setPrivateIpGoogleAccess", (body) => {
      memory.documents.set(subnetwork, { ...found, ipCidrRange: "10.128.0.0/20", ...body });
      return {};
    });
    const { world, outputs } = gcpWorld(memory);
    await resource.ensure(world, { kind: "absent" }, outputs);
    expect(memory.calls).toEqual([`POST ${subnetwork}/setPrivateIpGoogleAccess`]);
  });
});

describe("deleting a subnetwork", () => {
  const remove = async (user: string, times: number) => {
    memory.documents.set(subnetwork, { name, description: mark });
    let refused = 0;
    memory.onCall = (call) => {
      if (!call.startsWith("DELETE") || refused++ >= times) return;
      const message = `The subnetwork resource '${subnetwork}' is already being used by '${user}'`;
      throw gcpError(400, "resourceInUseByAnotherResource", message, ["resourceInUseByAnotherResource"]);
    };
    const { world, outputs } = gcpWorld(memory);
    await clusterSubnetwork(options).remove(world, { kind: "absent" }, outputs);
  };

  test("waits until GKE has left it, and for nobody else", async () => {
    await remove(`${project}/regions/us-east1/addresses/gk3-k01-1234-pe`, 2);
    expect(memory.documents.has(subnetwork)).toBe(false);
    expect((await failureOf(remove(`${project}/zones/us-east1-b/instances/theirs`, 1))).code).toBe("StillNeeded");
  });
});

describe("deleting a network", () => {
  const resource = clusterNetwork(options);
  const rule = (one: string, of = network) => ({ name: one, network: link(of) });
  const inUse = (user: string) =>
    gcpError(
      400,
      "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE",
      `The network resource '${network}' is already being used by '${user}'`,
    );
  const remove = async () => {
    const { world, outputs } = gcpWorld(memory);
    await resource.remove(world, { kind: "absent" }, outputs);
  };
  beforeEach(() => {
    memory.documents.set(network, { name, autoCreateSubnetworks: false, description: mark });
  });

  test("deletes the firewall rules that GKE left in it, and no others", async () => {
    const items = [
      rule("k8s-1234-node-http-hc"),
      rule("theirs"),
      rule("gke-k02-1-all", `${project}/global/networks/default`),
    ];
    memory.answers.set("LIST", () => ({ items }));
    await remove();
    expect(memory.calls).toEqual([`DELETE ${project}/global/firewalls/k8s-1234-node-http-hc`, `DELETE ${network}`]);
  });

  test("stops at what others made, in Google's words", async () => {
    const user = `${project}/global/firewalls/theirs`;
    memory.onCall = (call) => {
      if (call === `DELETE ${network}`) throw inUse(user);
    };
    const failure = await failureOf(remove());
    expect([failure.code, failure.message]).toEqual(["StillNeeded", expect.stringContaining(user)]);
    expect(memory.calls).toHaveLength(1);
  });

  test("waits while Google still counts what GKE had in it", async () => {
    let refused = 0;
    memory.onCall = (call) => {
      if (call === `DELETE ${network}` && refused++ < 2) throw inUse(`${project}/global/firewalls/k8s-1-node-hc`);
    };
    await remove();
    expect(refused).toBe(3);
  });
});

describe("an operation of Compute Engine", () => {
  const path = `${project}/regions/us-east1/operations/operation-1`;
  const running = { name: "operation-1", operationType: "insert", status: "RUNNING", selfLink: link(path) };
  const wait = async (ended: object) => {
    let looks = 0;
    memory.answers.set(`GET ${path}`, () => (looks++ < 2 ? running : { ...running, status: "DONE", ...ended }));
    const { world } = gcpWorld(memory);
    await waitForCompute(world, memory.rest, running, { account: "gcp-01", what: "a test", timeoutMs: 60_000 });
  };

  test("is waited for", async () => {
    await wait({});
  });

  test("fails in Google's words", async () => {
    const message = "Quota 'NETWORKS' exceeded.  Limit: 5.0 globally.";
    const failure = await failureOf(wait({ error: { errors: [{ code: "QUOTA_EXCEEDED", message }] } }));
    expect([failure.code, failure.message]).toEqual([
      "QuotaExceeded",
      expect.stringContaining("Quota 'NETWORKS' exceeded"),
    ]);
  });
});
