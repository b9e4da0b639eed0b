import { beforeEach, describe, expect, test } from "bun:test";
import { cachedUntilTag } from "#lib/cloud/cached-delegation.ts";
import type { DelegationState } from "#lib/cloud/delegation.ts";
import type { GcpRecordSet, GcpZone } from "#lib/gcp/clients.ts";
import { delegation } from "#lib/gcp/zones/delegation.ts";
import { cachedUntilLabel, type ZoneState, zone } from "#lib/gcp/zones/zone.ts";
import type { Observed } from "#lib/graph/resource.ts";
import { failureOf } from "#tests/support/failure.ts";
import { fakeResource } from "#tests/support/fake-resource.ts";
import { bound, type GcpMemory, gcpMemory, gcpWorld, testAccount, testActor } from "#tests/support/gcp-memory.ts";

const dnsName = "k01.k8s.gcp.mylabs.test";
const name = "k01-k8s-gcp-mylabs-test";
const labels = { project: "k8s-multicluster-gitops", fleet: "mylabs-test", cluster: name };
const row = { kind: "cluster", name: dnsName, group: "gcp" } as const;
const servers = ["ns-cloud-a1.googledomains.com", "ns-cloud-a2.googledomains.com"];
const made = zone({
  id: "zone",
  title: `${dnsName}: zone`,
  label: "zone",
  row,
  needs: [],
  actor: testActor,
  dnsName,
  labels,
});

let memory: GcpMemory;
beforeEach(() => {
  memory = gcpMemory();
});

const set = (type: string, at: string, ...values: readonly string[]): GcpRecordSet => ({
  name: at,
  type,
  ttl: 300,
  values,
});
const apex = [set("SOA", dnsName, "x"), set("NS", dnsName, ...servers.map((server) => `${server}.`))];
const mark = `"heritage=external-dns,external-dns/owner=${dnsName},external-dns/resource=ingress/a/b"`;
const add = (fields: Partial<GcpZone> = {}): void => {
  const added: GcpZone = {
    name,
    id: "1",
    dnsName,
    description: "",
    labels,
    nameServers: servers,
    visibility: "public",
    ...fields,
  };
  memory.zones.set(added.name, added);
};
const at = (flags: Parameters<typeof gcpWorld>[1] = {}) => {
  const { world, outputs } = gcpWorld(memory, flags);
  return {
    world,
    observe: (): Promise<Observed<ZoneState>> => made.observe(world, outputs),
    ensure: () => made.ensure(world, { kind: "absent" }, outputs),
    remove: () => made.remove(world, { kind: "absent" }, outputs),
    diff: (state: ZoneState) => made.diff(state, outputs),
  };
};

describe("a zone of Cloud DNS", () => {
  test("is created once, and knows its name servers", async () => {
    expect(await at().observe()).toEqual({ kind: "absent" });
    const state = await at().ensure();
    expect(state).toMatchObject({ name, labels, nameServers: servers, records: { count: 0, others: [] } });
    expect(await at().observe()).toEqual({ kind: "present", state });
    expect(at().diff(state)).toEqual([]);
    await at().ensure();
    expect(memory.calls).toEqual([`create ${name}`]);
  });

  test("is found by its labels among others of the same DNS name", async () => {
    add({ name: "private", visibility: "private", labels: {} });
    add({ name: "of-others", labels: {} });
    add({ name: "renamed", nameServers: ["ns.test"] });
    expect(await at().observe()).toMatchObject({
      kind: "present",
      state: { name: "renamed", nameServers: ["ns.test"] },
    });
    add();
    expect((await failureOf(at().observe())).code).toBe("ZoneAmbiguous");
  });

  test("of others is foreign, and adopted only when that is asked for", async () => {
    add({ name: "of-others", labels: { team: "a" } });
    expect((await at().observe()).kind).toBe("foreign");
    for (const attempt of [at().ensure, at().remove]) {
      expect((await failureOf(attempt())).code).toBe("ForeignResource");
    }
    expect(memory.calls).toEqual([]);
    expect(await at({ adopt: true }).ensure()).toMatchObject({ name: "of-others", labels: { team: "a", ...labels } });
  });

  test("is not made of a private one that has its name", async () => {
    add({ visibility: "private" });
    expect((await failureOf(at({ adopt: true }).ensure())).message).toContain("is private");
  });

  test("is deleted with records that the cluster made, not with those of others", async () => {
    add();
    const own = [...apex, set("TXT", `a-www.${dnsName}`, mark), set("A", `www.${dnsName}`, "10.0.0.1")];
    memory.sets.set(name, [...own, set("MX", `mail.${dnsName}`, "10 mx."), set("A", dnsName, "10.0.0.2")]);
    const error = await failureOf(at().remove());
    expect([error.code, error.details]).toEqual(["ZoneNotEmpty", [`MX mail.${dnsName}`, `A ${dnsName}`]]);
    expect(memory.calls).toEqual([]);

    memory.sets.set(name, own);
    await at().remove();
    expect(memory.calls).toEqual([`change ${name}`, `remove ${name}`]);
    expect(memory.sets.get(name)).toEqual(apex);
  });

  test("is deleted with marks of delegations, not with the delegations", async () => {
    add();
    const marks = [set("TXT", `k01._delegation.${dnsName}`, '"heritage=k8s-multicluster-gitops,fleet=f,project=1"')];
    memory.sets.set(name, [...apex, set("NS", `k01.${dnsName}`, "ns.test."), ...marks]);
    expect((await failureOf(at().remove())).details).toEqual([`NS k01.${dnsName}`]);
    memory.sets.set(name, [...apex, ...marks]);
    await at().remove();
    expect(memory.sets.get(name)).toEqual(apex);
  });

  test("outlives what resolvers remember of its delegation", async () => {
    const { remove, world } = at();
    add({ labels: { ...labels, [cachedUntilTag]: cachedUntilLabel(world, 300) } });
    const state = await at().observe();
    expect(state.kind === "present" && at().diff(state.state)).toMatchObject([
      { field: `labels.${cachedUntilTag}`, to: "" },
    ]);
    const began = world.clock.now();
    await remove();
    expect(world.clock.now() - began).toBeGreaterThanOrEqual(300_000);
    expect(memory.zones.size).toBe(0);
  });
});

describe("the delegation of a zone", () => {
  const parent = fakeResource("parent").resource;
  const parentZone = { zoneId: "k8s-gcp-mylabs-test", name: "k8s.gcp.mylabs.test", nameServers: servers };
  const own = bound(made);
  const led = delegation({
    id: "delegation",
    title: "delegation",
    row,
    place: { actor: testActor, dnsName },
    parentActor: testActor,
    parent,
    parentOf: () => parentZone,
    zone: own,
    tags: { fleet: "mylabs.test", project: testAccount.projectNumber },
  });
  const mark = set(
    "TXT",
    "k01._delegation.k8s.gcp.mylabs.test",
    '"heritage=k8s-multicluster-gitops,fleet=mylabs.test,project=222222222222"',
  );
  const wanted = set("NS", dnsName, ...servers.map((server) => `${server}.`));
  const sibling = set("NS", "k02.k8s.gcp.mylabs.test", "ns.test.");
  const stage = async () => {
    const { world, outputs } = gcpWorld(memory, { skipDnsCheck: true, skipDnsWait: true });
    outputs.set(parent, { value: 1 });
    outputs.set(own, await made.ensure(world, { kind: "absent" }, outputs));
    memory.calls.length = 0;
    const observe = (): Promise<Observed<DelegationState>> => led.observe(world, outputs);
    return { world, outputs, observe, ensure: async () => await led.ensure(world, await observe(), outputs) };
  };
  const inParent = () => memory.sets.get(parentZone.zoneId);

  test("writes and removes one NS set with the mark of its project, and no other", async () => {
    memory.sets.set(parentZone.zoneId, [sibling]);
    const { world, outputs, observe, ensure } = await stage();
    // Asked of Cloud DNS, because a server of both zones answers for the child even without a delegation.
    expect(await observe()).toEqual({ kind: "absent" });
    await ensure();
    expect(inParent()).toEqual([sibling, wanted, mark]);
    expect((await observe()).kind).toBe("present");
    await led.remove(world, await observe(), outputs);
    expect(inParent()).toEqual([sibling]);
    expect(memory.calls.filter((call) => call.startsWith("change"))).toHaveLength(2);
    // Before and after, for a run that is killed between them.
    expect(memory.calls.filter((call) => call.startsWith("labels"))).toHaveLength(2);
  });

  test("is completed where its mark is missing, and the NS set stays", async () => {
    const { outputs, observe, ensure } = await stage();
    memory.sets.set(parentZone.zoneId, [wanted]);
    const found = await observe();
    if (found.kind !== "present") throw new Error(found.kind);
    expect(led.diff(found.state, outputs)).toMatchObject([
      { field: "tags.fleet", from: "", to: "mylabs.test", effect: "in-place" },
      { field: "tags.project", from: "", to: "222222222222", effect: "in-place" },
    ]);
    await ensure();
    expect(inParent()).toEqual([wanted, mark]);
    await ensure();
    expect(memory.calls).toEqual([`change ${parentZone.zoneId}`]);
  });

  test("that is marked as another project's is foreign, and replaced only when it is adopted", async () => {
    const { world, outputs, observe, ensure } = await stage();
    const others = [wanted, set("TXT", mark.name, mark.values[0]?.replace("222222222222", "1") ?? "")];
    memory.sets.set(parentZone.zoneId, others);
    expect(await observe()).toEqual({
      kind: "foreign",
      why: "k8s.gcp.mylabs.test delegates k01.k8s.gcp.mylabs.test for the project 1",
    });
    expect((await failureOf(led.remove(world, await observe(), outputs))).code).toBe("ForeignResource");
    expect(inParent()).toEqual(others);
    // Verbs ask for --adopt before.
    await ensure();
    expect(inParent()).toEqual([wanted, mark]);
  });

  test("is read again once when others wrote it in between", async () => {
    const { ensure } = await stage();
    const old = set("NS", dnsName, "old.test.");
    memory.sets.set(parentZone.zoneId, [old]);
    let times = 0;
    memory.onCall = (call) => {
      if (call.startsWith("change") && times++ === 0) memory.sets.set(parentZone.zoneId, [{ ...old, ttl: 60 }]);
    };
    await ensure();
    expect(inParent()).toEqual([wanted, mark]);

    memory.sets.set(parentZone.zoneId, [old]);
    memory.onCall = (call) => {
      if (call.startsWith("change")) memory.sets.set(parentZone.zoneId, [{ ...old, ttl: ++times }]);
    };
    expect((await failureOf(ensure())).message).toContain("changed by others");
  });
});
