import { beforeEach, describe, expect, test } from "bun:test";
import type { AzureRecordSet, RecordType } from "#lib/azure/clients.ts";
import { delegation } from "#lib/azure/zones/delegation.ts";
import { type ZoneState, zone, zoneAzureId } from "#lib/azure/zones/zone.ts";
import { cachedUntilTag } from "#lib/cloud/cached-delegation.ts";
import type { DelegationState } from "#lib/cloud/delegation.ts";
import type { Observed } from "#lib/graph/resource.ts";
import { type ArmMemory, armMemory } from "#tests/support/arm-memory.ts";
import { azureWorld, bound, testAccount } from "#tests/support/azure-world.ts";
import { failureOf } from "#tests/support/failure.ts";
import { fakeResource } from "#tests/support/fake-resource.ts";

const name = "k01.k8s.az.mylabs.test";
const place = { account: testAccount, group: name, name };
const ours = { project: "k8s-multicluster-gitops", fleet: "mylabs.test", cluster: name };
const row = { kind: "cluster", name, group: "azure" } as const;
const made = zone({ ...place, id: "zone", title: `${name}: zone`, row, needs: [], tags: ours });
const servers = ["ns1-01.azure-dns.com", "ns2-01.azure-dns.net"];

let memory: ArmMemory;
beforeEach(() => {
  memory = armMemory();
  memory.adds.set("dnszones", () => ({ properties: { nameServers: servers } }));
});

const set = (type: RecordType, label: string, ...values: readonly string[]): AzureRecordSet => ({
  id: `${zoneAzureId(place)}/${type}/${label}`,
  name: label,
  type,
  etag: "",
  ttl: 300,
  metadata: {},
  values,
});
const apex = [set("SOA", "@"), set("NS", "@", ...servers)];
const mark = `"heritage=external-dns,external-dns/owner=${name},external-dns/resource=ingress/a/b"`;
const add = (tags: Readonly<Record<string, string>> = ours) => memory.add(zoneAzureId(place), { tags });
const at = (flags: Parameters<typeof azureWorld>[1] = {}) => {
  const { world, outputs } = azureWorld(memory, flags);
  return {
    world,
    observe: (): Promise<Observed<ZoneState>> => made.observe(world, outputs),
    ensure: () => made.ensure(world, { kind: "absent" }, outputs),
    remove: () => made.remove(world, { kind: "absent" }, outputs),
    diff: (state: ZoneState) => made.diff(state, outputs),
  };
};
const changing = () => memory.calls.filter((call) => /^(put|remove)/.test(call));

describe("a zone of Azure DNS", () => {
  test("is created once, and knows its name servers", async () => {
    expect(await at().observe()).toEqual({ kind: "absent" });
    const state = await at().ensure();
    expect(state).toMatchObject({ tags: ours, nameServers: servers, records: { count: 0, others: [] } });
    expect(await at().observe()).toEqual({ kind: "present", state });
    expect(at().diff(state)).toEqual([]);
    await at().ensure();
    expect(changing()).toEqual([`putZone ${name} ${name}`]);
  });

  test("is not created beside one of its name in another resource group", async () => {
    const elsewhere = { ...place, group: "Dns" };
    memory.add(zoneAzureId(elsewhere), { tags: ours });
    const error = await failureOf(at({ adopt: true }).ensure());
    expect([error.code, error.message]).toEqual([
      "ZoneAmbiguous",
      `az-01 has the zone ${name} in the resource group Dns`,
    ]);
    expect(error.hint).toContain(zoneAzureId(elsewhere));
    expect(changing()).toEqual([]);
    // There is nothing of ours to delete.
    expect(await at().remove()).toEqual({ kind: "removed" });
  });

  test("of others is foreign", async () => {
    add({ fleet: "other.test", project: "k8s-multicluster-gitops" });
    expect((await at().observe()).kind).toBe("foreign");
    expect((await failureOf(at().remove())).code).toBe("ForeignResource");
  });

  test("is deleted with records that the cluster made, not with those of others", async () => {
    add();
    const own = [
      ...apex,
      set("TXT", "a-www", mark),
      set("A", "www", "10.0.0.1"),
      set("TXT", "_acme-challenge.www", "x"),
    ];
    memory.sets.set(name, [...own, set("MX", "mail", "10 mx."), set("A", "@", "10.0.0.2")]);
    const observed = await at().observe();
    if (observed.kind !== "present") throw new Error(observed.kind);
    expect(observed.state.records).toEqual({ count: 5, others: [`MX mail.${name}`, `A ${name}`] });
    const error = await failureOf(at().remove());
    expect([error.code, error.details]).toEqual(["ZoneNotEmpty", [`MX mail.${name}`, `A ${name}`]]);
    expect(changing()).toEqual([]);

    memory.sets.set(name, own);
    await at().remove();
    expect(memory.find(zoneAzureId(place))).toBeUndefined();
  });

  test("of an account is kept while clusters are delegated in it", async () => {
    add();
    memory.sets.set(name, [...apex, set("NS", "k01", "ns.k01.test")]);
    const { world, outputs } = azureWorld(memory);
    const accountRow = { kind: "account", name: "az-mgmt", group: "azure" } as const;
    const shared = zone({ ...place, id: "zone", title: "zone", row: accountRow, needs: [], tags: ours });
    expect((await failureOf(shared.remove(world, { kind: "absent" }, outputs))).message).toBe(
      `the zone ${name} of az-01 has a record of clusters, or that others made`,
    );
  });

  test("outlives what resolvers remember of its delegation, and is read again then", async () => {
    const until = { [cachedUntilTag]: new Date(300_000).toISOString() };
    const state = add({ ...ours, ...until });
    expect(at().diff({ ...state, nameServers: servers, records: { count: 0, others: [] } })).toMatchObject([
      { field: `tags.${cachedUntilTag}`, to: "" },
    ]);
    const { remove, world } = at();
    await remove();
    expect(world.clock.now()).toBe(300_000);

    add({ ...ours, ...until });
    let listings = 0;
    memory.onCall = (call) => {
      if (call.startsWith("recordSets") && ++listings === 2) memory.sets.set(name, [set("A", "late", "10.0.0.1")]);
    };
    expect((await failureOf(at().remove())).details).toEqual([`A late.${name}`]);

    memory.onCall = () => undefined;
    memory.sets.clear();
    const hasty = at({ skipDnsWait: true });
    await hasty.remove();
    expect(hasty.world.clock.now()).toBe(0);
  });
});

describe("the delegation of a zone of Azure DNS", () => {
  const parentName = "k8s.az.mylabs.test";
  const parent = fakeResource("parent").resource;
  const led = delegation({
    id: "delegation",
    title: `${name}: delegation`,
    row,
    parent,
    parentOf: () => ({ zoneId: "parent", name: parentName, nameServers: ["ns.parent.test"] }),
    parentPlace: { account: testAccount, group: "mgmt" },
    zone: bound(made),
    place,
  });
  /** Without questions to name servers: those are the same in all clouds. */
  const stage = async () => {
    const { world, outputs } = azureWorld(memory);
    const quiet = { ...world, options: { ...world.options, skipDnsCheck: true } };
    outputs.set(parent, { value: 1 });
    const state = await made.ensure(quiet, { kind: "absent" }, outputs);
    outputs.set(bound(made), state);
    memory.calls.length = 0;
    return {
      observe: (): Promise<Observed<DelegationState>> => led.observe(quiet, outputs),
      ensure: async () => await led.ensure(quiet, await led.observe(quiet, outputs), outputs),
      remove: async () => await led.remove(quiet, await led.observe(quiet, outputs), outputs),
    };
  };

  test("is written into the parent by its relative name, and found again", async () => {
    const { observe, ensure } = await stage();
    expect(await observe()).toEqual({ kind: "absent" });
    await ensure();
    expect(memory.sets.get(parentName)).toMatchObject([{ name: "k01", type: "NS", ttl: 300, values: servers }]);
    expect(await observe()).toMatchObject({ kind: "present", state: { nameServers: servers, ttlSeconds: 300 } });
    await ensure();
    expect(changing()).toEqual([`putRecordSet ${parentName} k01 NS`]);
  });

  test("is deleted, and marks the zone before and after", async () => {
    const { ensure, remove } = await stage();
    await ensure();
    memory.calls.length = 0;
    await remove();
    const marked = `putZone ${name} ${name}`;
    expect(changing()).toEqual([marked, `removeRecordSet ${parentName} k01`, marked]);
    expect(memory.find(zoneAzureId(place))?.tags).toEqual({
      ...ours,
      [cachedUntilTag]: new Date(300_000).toISOString(),
    });
  });

  test("marks a zone that somebody else writes at the same time once more, and none that is gone", async () => {
    const { ensure, remove } = await stage();
    await ensure();
    let writes = 0;
    memory.onCall = (call) => {
      if (call.startsWith("putZone") && ++writes === 1) add({ ...ours, team: "x" });
    };
    await remove();
    expect(memory.find(zoneAzureId(place))?.tags).toHaveProperty("team", "x");
    memory.onCall = () => undefined;
    await ensure();
    await memory.dns.removeZone(at().world, name, name);
    await remove();
    expect(memory.sets.get(parentName)).toEqual([]);
  });
});
