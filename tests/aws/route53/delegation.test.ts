import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { AwsAccount } from "#lib/aws/fleet/types.ts";
import { delegatedServers, delegation } from "#lib/aws/route53/delegation.ts";
import { hostedZone } from "#lib/aws/route53/hosted-zone.ts";
import type { HostedZoneState } from "#lib/aws/route53/zone-lookup.ts";
import type { AwsWorld } from "#lib/aws/world.ts";
import { cachedUntilTag } from "#lib/cloud/cached-delegation.ts";
import type { DelegationState, ParentZone } from "#lib/cloud/delegation.ts";
import type { DnsRoot } from "#lib/dns/directory.ts";
import { formatChange } from "#lib/graph/change.ts";
import type { Observed, Resource } from "#lib/graph/resource.ts";
import { type DnsServer, openDnsServer } from "#sandbox/dns/server.ts";
import { awsError } from "#tests/support/aws-error.ts";
import { type AwsWorldOptions, abortOn, awsWorld, bound } from "#tests/support/aws-world.ts";
import { failureOf } from "#tests/support/failure.ts";
import { fakeResource } from "#tests/support/fake-resource.ts";
import { type FakeRoute53, fakeRoute53, servedZone } from "#tests/support/fake-route53.ts";

const management: AwsAccount = { provider: "aws", name: "aws-mgmt", role: "management", accountId: "123456789012" };
const account: AwsAccount = { provider: "aws", name: "aws-01", role: "tenant", accountId: "210987654321" };
const parentName = "k8s.aws.mylabs.test";
const name = `k01.${parentName}`;
const tags = { project: "k8s-multicluster-gitops", fleet: "mylabs.test", cluster: name };
const owner = { kind: "cluster", name, group: "aws" } as const;
const actors = {
  parent: { account: management, as: "management" },
  zone: { account, as: "clusters" },
} as const;

let above: FakeRoute53;
let below: FakeRoute53;
let parent: ReturnType<typeof above.add>;
/** One server per name of a zone's servers: what it tells is what the zones say now. */
let servers: Map<string, DnsServer>;
/** A server that tells nothing of its zones for now. */
let silent: Set<string>;
let zone: Resource<HostedZoneState, AwsWorld>;
let made: Resource<DelegationState, AwsWorld>;

/** Something that has the parent zone among other things, as a stack has. */
const parentResource = fakeResource("aws/aws-mgmt/stack").resource;

beforeEach(async () => {
  [above, below, servers, silent] = [fakeRoute53(), fakeRoute53(), new Map(), new Set()];
  parent = above.add({ name: parentName, servers: ["a.parent.test", "b.parent.test"] });
  for (const host of ["a.parent.test", "b.parent.test", "a.k01.test", "b.k01.test", "a.other.test"]) {
    const told = () => {
      const all = [...above.zones.values(), ...below.zones.values()];
      return silent.has(host) ? [] : all.filter((one) => one.servers.includes(host)).map(servedZone);
    };
    servers.set(host, await openDnsServer(told, "127.0.0.1"));
  }
  zone = hostedZone({ id: "zone", title: `${name}: zone`, row: owner, actor: actors.zone, name, tags, needs: [] });
  made = delegation({
    id: "delegation",
    title: `${name}: delegation`,
    row: owner,
    actor: actors.parent,
    parent: parentResource,
    parentOf: (): ParentZone => ({ zoneId: parent.id, name: parentName, nameServers: parent.servers }),
    name,
    zone: bound(zone),
    zoneActor: actors.zone,
  });
});
afterEach(async () => {
  await Promise.all([...servers.values()].map((server) => server.close()));
});

const dns: DnsRoot = {
  async addressesOf(host) {
    const server = servers.get(host);
    return server === undefined ? [] : [{ name: host, address: server.address, port: server.port }];
  },
  serversOf: () => Promise.reject(new Error("the parent's servers are known")),
};

/** A child zone with servers of its own, as the zone's resource makes it. */
const addZone = (given: object = {}) =>
  below.add({
    name,
    tags,
    servers: ["a.k01.test", "b.k01.test"],
    comment: `made by ${tags.project} for ${tags.fleet}`,
    ...given,
  });

/** The world as it is when the needs have been looked at. */
async function stage(flags: AwsWorldOptions = {}) {
  const staged = awsWorld({
    dns,
    route53(who) {
      if (who === "aws-mgmt management") return above.client;
      if (who === "aws-01 clusters") return below.client;
      throw new Error(`${who} has no business here`);
    },
    ...flags,
  });
  const { world, outputs } = staged;
  outputs.set(parentResource, { value: 1 });
  const child = await zone.observe(world, outputs);
  if (child.kind === "present") outputs.set(bound(zone), child.state);
  const observe = async (): Promise<Observed<DelegationState>> => await made.observe(world, outputs);
  return {
    ...staged,
    observe,
    ensure: async () => await made.ensure(world, await observe(), outputs),
    remove: async () => await made.remove(world, await observe(), outputs),
    async changes() {
      const observed = await observe();
      if (observed.kind !== "present") throw new Error(observed.kind);
      return made.diff(observed.state, outputs).map(formatChange);
    },
    async health() {
      const observed = await observe();
      if (observed.kind !== "present") throw new Error(observed.kind);
      return made.health(observed.state);
    },
  };
}

const written = () => parent.records.find(({ Name }) => Name === `${name}.`);
const write = (...values: readonly string[]): void => {
  const set = { Name: `${name}.`, Type: "NS", TTL: 300, ResourceRecords: values.map((Value) => ({ Value })) } as const;
  parent.records = [...parent.records.filter(({ Name }) => Name !== set.Name), set];
};
const changing = () => [...above.calls, ...below.calls].filter((call) => !/^(list|get)/.test(call));

describe("a delegation that is absent", () => {
  test("is written into the parent, and proved at the servers of both", async () => {
    addZone();
    const { observe, ensure, changes, health } = await stage();
    expect(await observe()).toEqual({ kind: "absent" });
    const state = await ensure();
    expect(written()).toEqual({
      Name: `${name}.`,
      Type: "NS",
      TTL: 300,
      ResourceRecords: [{ Value: "a.k01.test" }, { Value: "b.k01.test" }],
    });
    expect(state).toMatchObject({ nameServers: ["a.k01.test", "b.k01.test"], proof: { edge: { state: "ok" } } });
    expect(await changes()).toEqual([]);
    expect(await health()).toEqual({ kind: "healthy", summary: "proved at 2 name servers" });
    const { world } = await stage();
    expect(await delegatedServers(world, actors.parent, { zoneId: parent.id }, name)).toEqual([
      "a.k01.test",
      "b.k01.test",
    ]);
  });

  test("is absent too while the parent is, or when the parent's zone was deleted by hand", async () => {
    addZone();
    const { observe, outputs, world } = await stage();
    outputs.clear(parentResource);
    expect(await observe()).toEqual({ kind: "absent" });
    outputs.set(parentResource, { value: 1 });
    above.zones.clear();
    expect(await observe()).toEqual({ kind: "absent" });
    expect(await made.remove(world, { kind: "absent" }, outputs)).toEqual({ kind: "removed" });
  });

  test("needs the zone", async () => {
    const { ensure } = await stage();
    expect((await failureOf(ensure())).code).toBe("OutputMissing");
    expect(changing()).toEqual([]);
  });

  test("is not done until name servers tell it: what each says is told, and a rerun goes on waiting", async () => {
    addZone();
    silent.add("b.k01.test");
    const { ensure, said, world } = await stage();
    const error = await failureOf(ensure());
    expect([error.code, error.message]).toEqual([
      "DelegationUnproved",
      `${name}: not at every server yet: b.k01.test answers REFUSED, after 60 s`,
    ]);
    expect(error.details).toEqual([
      `records that ${parentName} must tell:`,
      `${name}. 300 IN NS a.k01.test.`,
      `${name}. 300 IN NS b.k01.test.`,
    ]);
    expect(world.clock.now()).toBeLessThan(70_000);
    expect(said).toContain("waiting for the name servers: not at every server yet: b.k01.test answers REFUSED · 0 s");
    const again = await stage();
    expect(await again.changes()).toEqual(["proof: not yet → ok"]);
    expect((await again.health()).kind).toBe("degraded");
    silent.clear();
    above.calls.length = 0;
    expect((await again.ensure()).proof).toMatchObject({ edge: { state: "ok" } });
    expect(changing()).toEqual([]);
  });

  test("is believed without proof where that is asked for, and says so", async () => {
    addZone();
    const { ensure, changes, health } = await stage({
      skipDnsCheck: true,
      dns: { ...dns, addressesOf: () => Promise.reject(new Error("not to be asked")) },
    });
    expect((await ensure()).proof).toEqual({ kind: "skipped" });
    expect(await changes()).toEqual([]);
    expect(await health()).toEqual({ kind: "healthy", summary: "to 2 name servers, not proved by queries" });
  });

  test("hints at port 53 where no server of the parent can be asked", async () => {
    addZone();
    const { ensure } = await stage({ dns: { ...dns, addressesOf: async () => [] } });
    const error = await failureOf(ensure());
    expect(error.message).toContain("the servers of k8s.aws.mylabs.test can't be asked: a.parent.test has no address");
    expect(error.hint).toContain("--skip-dns-check");
  });

  test("is left as far as it came by a run that is interrupted", async () => {
    addZone();
    silent.add("b.k01.test");
    const controller = new AbortController();
    const { world, outputs } = await stage({ signal: controller.signal });
    const interrupted = abortOn(controller, /^waiting for the name servers/, world);
    await expect(made.ensure(interrupted, { kind: "absent" }, outputs)).rejects.toThrow("interrupted");
  });
});

describe("a delegation that is there", () => {
  test("is left alone, in whatever order its servers stand", async () => {
    addZone();
    write("B.k01.test.", "a.k01.test");
    const { ensure, changes } = await stage();
    expect(await changes()).toEqual([]);
    await ensure();
    expect(changing()).toEqual([]);
  });

  test("to other servers than the zone's is changed in place", async () => {
    addZone();
    write("a.k01.test", "a.other.test");
    const { ensure, changes, health } = await stage();
    expect(await changes()).toEqual(["name servers: + b.k01.test, - a.other.test"]);
    expect(await health()).toEqual({
      kind: "degraded",
      summary: `${parentName} leads to other servers: a.k01.test, a.other.test`,
    });
    expect((await ensure()).nameServers).toEqual(["a.k01.test", "b.k01.test"]);
    expect(written()?.ResourceRecords).toEqual([{ Value: "a.k01.test" }, { Value: "b.k01.test" }]);
  });

  test("with another time to live is changed in place", async () => {
    addZone();
    write("a.k01.test", "b.k01.test");
    const set = written();
    if (set !== undefined) set.TTL = 86_400;
    const { ensure, changes } = await stage();
    expect(await changes()).toEqual(["ttl: 86400 s → 300 s"]);
    await ensure();
    expect(written()?.TTL).toBe(300);
  });

  test("to a zone that is no more is dangling, and says what it waits for", async () => {
    write("a.k01.test", "b.k01.test");
    const { changes, health } = await stage();
    expect(await health()).toEqual({
      kind: "degraded",
      summary: "dangling: it leads to a.k01.test, b.k01.test, and the zone is not there",
    });
    expect((await changes())[0]).toBe(`name servers: a.k01.test, b.k01.test → those of ${name}: zone, once it is made`);
  });

  test("to somebody else's zone is foreign, in this account or elsewhere, and stays", async () => {
    addZone({ tags: {} });
    write("a.k01.test", "b.k01.test");
    const here = await stage();
    expect(await here.observe()).toEqual({
      kind: "foreign",
      why: `the zone ${name} (Z1) in aws-01 is without the tags of a fleet`,
    });
    expect((await failureOf(here.remove())).code).toBe("ForeignResource");
    below.zones.clear();
    above.add({ name, servers: ["a.other.test"] });
    write("a.other.test");
    const elsewhere = await stage();
    expect(await elsewhere.observe()).toEqual({
      kind: "foreign",
      why: `${parentName} leads ${name} to a zone elsewhere that answers: a.other.test`,
    });
    expect((await failureOf(elsewhere.remove())).code).toBe("ForeignResource");
    expect(written()).toBeDefined();
  });
});

describe("the removal of a delegation", () => {
  test("takes the records as they are, and tells the zone until when resolvers know it", async () => {
    const child = addZone();
    write("a.k01.test", "b.k01.test");
    const { remove, observe, world } = await stage();
    above.slowness = 6;
    expect(await remove()).toEqual({ kind: "removed" });
    expect(await observe()).toEqual({ kind: "absent" });
    const until = Date.parse(child.tags[cachedUntilTag] ?? "");
    expect(until).toBe(Math.floor(world.clock.now()) + 300_000);
    // The zone goes one TTL later, in whatever run.
    const later = await stage();
    await zone.remove(later.world, await zone.observe(later.world, later.outputs), later.outputs);
    expect([below.zones.size, later.world.clock.now()]).toEqual([0, until]);
  });

  test("tells the zone before the records go, for a run that is killed between", async () => {
    const child = addZone();
    write("a.k01.test", "b.k01.test");
    above.failures.set("changeResourceRecordSets", [awsError("Throttling", "Rate exceeded")]);
    const { remove } = await stage();
    expect((await failureOf(remove())).code).toBe("AwsThrottled");
    expect([child.tags[cachedUntilTag], written() !== undefined]).toEqual([new Date(300_000).toISOString(), true]);
  });

  test("takes away what dangles", async () => {
    write("a.k01.test", "b.k01.test");
    const { remove } = await stage();
    expect(await remove()).toEqual({ kind: "removed" });
    expect([written(), below.calls.includes("changeTagsForResource")]).toEqual([undefined, false]);
  });

  test("is done when somebody else was faster", async () => {
    addZone();
    write("a.k01.test", "b.k01.test");
    const gone = "[Tried to delete resource record set [name='x', type='NS'] but it was not found]";
    above.failures.set("changeResourceRecordSets", [awsError("InvalidChangeBatch", gone)]);
    const { remove } = await stage();
    expect(await remove()).toEqual({ kind: "removed" });
  });

  test("fails when the records were changed in that moment", async () => {
    addZone();
    write("a.k01.test", "b.k01.test");
    const changed = "[Tried to delete resource record set x but the values provided do not match the current values]";
    above.failures.set("changeResourceRecordSets", [awsError("InvalidChangeBatch", changed)]);
    const { remove } = await stage();
    expect((await failureOf(remove())).code).toBe("AwsFailed");
  });
});
