import { beforeEach, describe, expect, test } from "bun:test";
import type { ResourceRecordSet } from "@aws-sdk/client-route-53";
import type { AwsAccount } from "#lib/aws/fleet/types.ts";
import { type HostedZoneOptions, hostedZone } from "#lib/aws/route53/hosted-zone.ts";
import type { HostedZoneState } from "#lib/aws/route53/zone-lookup.ts";
import type { AwsWorld } from "#lib/aws/world.ts";
import { cachedUntilTag } from "#lib/cloud/cached-delegation.ts";
import type { Observed, Resource } from "#lib/graph/resource.ts";
import type { WorldOptions } from "#lib/graph/world.ts";
import { awsError } from "#tests/support/aws-error.ts";
import { abortOn, awsWorld } from "#tests/support/aws-world.ts";
import { failureOf } from "#tests/support/failure.ts";
import { type FakeRoute53, fakeRoute53 } from "#tests/support/fake-route53.ts";

const account: AwsAccount = { provider: "aws", name: "aws-01", role: "tenant", accountId: "210987654321" };
const name = "k01.k8s.aws.mylabs.test";
const tags = { project: "k8s-multicluster-gitops", fleet: "mylabs.test", cluster: name };
const comment = "made by k8s-multicluster-gitops for mylabs.test";
const options: HostedZoneOptions = {
  id: "aws/aws-01/zone",
  title: `${name}: zone`,
  row: { kind: "cluster", name, group: "aws" },
  actor: { account, as: "clusters" },
  name,
  needs: [],
  tags,
};

const a = (label: string): ResourceRecordSet => {
  return { Name: `${label}.${name}.`, Type: "A", TTL: 300, ResourceRecords: [{ Value: "10.0.0.1" }] };
};

let route53: FakeRoute53;
let zone: Resource<HostedZoneState, AwsWorld>;
beforeEach(() => {
  route53 = fakeRoute53();
  zone = hostedZone(options);
});

/** Only the role of the account's clusters has a way to its zones. */
const worldOf = (flags: Partial<WorldOptions> & { readonly signal?: AbortSignal } = {}) =>
  awsWorld({
    ...flags,
    route53(who) {
      expect(who).toBe("aws-01 clusters");
      return route53.client;
    },
  });
const observe = async (): Promise<Observed<HostedZoneState>> => {
  const { world, outputs } = worldOf();
  return await zone.observe(world, outputs);
};
const ensure = async (flags: Parameters<typeof worldOf>[0] = {}): Promise<HostedZoneState> => {
  const { world, outputs } = worldOf(flags);
  return await zone.ensure(world, await zone.observe(world, outputs), outputs);
};
const remove = async (flags: Parameters<typeof worldOf>[0] = {}) => {
  const { world, outputs, said } = worldOf(flags);
  const removal = await zone.remove(world, await zone.observe(world, outputs), outputs);
  return { removal, said, elapsedMs: world.clock.now() };
};
const changes = async () => {
  const observed = await observe();
  if (observed.kind !== "present") throw new Error(observed.kind);
  return zone.diff(observed.state, worldOf().outputs).map(({ field, from, to }) => [field, from, to]);
};
const only = () => {
  expect(route53.zones.size).toBe(1);
  const [found] = route53.zones.values();
  if (found === undefined) throw new Error("there is no zone");
  return found;
};
const changing = () => route53.calls.filter((call) => !/^(list|get)/.test(call));

describe("a zone that is absent", () => {
  test("is made with our tags and comment, and waited for until all servers have it", async () => {
    expect(await observe()).toEqual({ kind: "absent" });
    route53.slowness = 4;
    const state = await ensure();
    const { id, servers } = only();
    expect(state).toEqual({
      id,
      name,
      nameServers: [...servers],
      comment,
      tags,
      records: { count: 0, others: [] },
    });
    expect(only()).toMatchObject({ tags, comment, isPrivate: false });
    expect(route53.calls.filter((call) => call === "getChange").length).toBe(4);
    expect(await changes()).toEqual([]);
    expect(await observe()).toEqual({ kind: "present", state });
  });

  test("is one beside private zones, zones below and zones above of the like name, on any page", async () => {
    route53 = fakeRoute53({ pageSize: 1 });
    route53.add({ name, isPrivate: true });
    for (const other of ["k8s.aws.mylabs.test", `a.${name}`, "k02.k8s.aws.mylabs.test"]) route53.add({ name: other });
    expect(await observe()).toEqual({ kind: "absent" });
    const state = await ensure();
    expect(await observe()).toEqual({ kind: "present", state });
  });

  test("is waited for five minutes at most", async () => {
    route53.slowness = Number.POSITIVE_INFINITY;
    const error = await failureOf(ensure());
    expect([error.code, error.message]).toEqual([
      "WaitTimedOut",
      "the zone is not at all servers of Route 53 after 5 minutes: PENDING",
    ]);
    // What was made is ours, and a rerun goes on from it.
    expect(await changes()).toEqual([]);
  });

  test("is made once, when the answer to the first request was lost", async () => {
    const { world, outputs } = worldOf();
    const absent = await zone.observe(world, outputs);
    const first = await ensure();
    route53.calls.length = 0;
    expect(await zone.ensure(world, absent, outputs)).toEqual(first);
    expect(only().id).toBe(first.id);
    expect(changing()).toEqual(["createHostedZone"]);
  });

  test("is made anew after it was deleted in the same minute", async () => {
    const first = await ensure();
    await remove();
    const second = await ensure();
    expect(second.id).not.toBe(first.id);
    expect(second.nameServers).not.toEqual(first.nameServers);
    expect(only().id).toBe(second.id);
  });

  test("is given up when something deletes it again and again", async () => {
    const seen = () => awsError("HostedZoneAlreadyExists", "A hosted zone has already been created", 409);
    route53.failures.set("createHostedZone", Array.from({ length: 10 }, seen));
    const error = await failureOf(ensure());
    expect([error.code, error.message]).toEqual([
      "AwsFailed",
      `Route 53 was asked for the zone ${name} 10 times within a minute`,
    ]);
  });

  test("is known again by a run that comes after one that was killed before it could tag it", async () => {
    route53.failures.set("changeTagsForResource", [awsError("ServiceUnavailable", "try again", 503)]);
    expect((await failureOf(ensure())).code).toBe("AwsUnreachable");
    expect(only().tags).toEqual({});
    expect(await changes()).toEqual(Object.entries(tags).map(([key, value]) => [`tags.${key}`, "", value]));
    expect((await ensure()).tags).toEqual(tags);
    expect(only().tags).toEqual(tags);
  });

  test("is not made by a run that is interrupted first, and waits no longer when one is", async () => {
    route53.slowness = 100;
    const controller = new AbortController();
    const { world, outputs } = worldOf({ signal: controller.signal });
    const interrupted = abortOn(controller, /^waiting until all servers/, world);
    await expect(zone.ensure(interrupted, { kind: "absent" }, outputs)).rejects.toThrow("interrupted");
  });
});

describe("a zone that is present", () => {
  test("is left alone", async () => {
    await ensure();
    route53.calls.length = 0;
    await ensure();
    expect(changing()).toEqual([]);
  });

  test("gets back what was changed, and keeps the tags of others", async () => {
    await ensure();
    Object.assign(only(), {
      comment: "mine",
      tags: { ...tags, cluster: "other", cost: "1", [cachedUntilTag]: "2026" },
    });
    expect(await changes()).toEqual([
      ["tags.cluster", "other", name],
      [`tags.${cachedUntilTag}`, "2026", ""],
      ["comment", "mine", comment],
    ]);
    expect(await ensure()).toMatchObject({ comment, tags: { ...tags, cost: "1" } });
    expect([only().comment, only().tags]).toEqual([comment, { ...tags, cost: "1" }]);
    expect(await changes()).toEqual([]);
  });

  test("tells its servers and records", async () => {
    route53.add({ name, tags, comment, records: [a("www")] });
    const observed = await observe();
    if (observed.kind !== "present") throw new Error(observed.kind);
    expect(observed.state.records).toEqual({ count: 1, others: [`A www.${name}`] });
    expect(zone.health(observed.state)).toEqual({ kind: "healthy", summary: "Z1 · 1 record" });
  });
});

describe("a zone that isn't ours", () => {
  test.each([
    ["without tags", {}, "without the tags of a fleet"],
    ["of another fleet", { ...tags, fleet: "example.org" }, "of the fleet example.org"],
  ])("is foreign, %s, until it is adopted", async (_what, found, owner) => {
    route53.add({ name, tags: { ...found, cost: "1" } });
    expect(await observe()).toEqual({ kind: "foreign", why: `the zone ${name} (Z1) in aws-01 is ${owner}` });
    const state = await ensure({ adopt: true });
    expect([state.id, only().tags, route53.calls.includes("createHostedZone")]).toEqual([
      "Z1",
      { cost: "1", ...tags },
      false,
    ]);
    expect((await observe()).kind).toBe("present");
  });

  test("is foreign too when somebody has taken over what we asked for", async () => {
    await ensure();
    only().tags = { project: "somebody-else" };
    expect((await observe()).kind).toBe("foreign");
  });

  test("is refused when it turns up while ours is being made", async () => {
    route53.add({ name });
    route53.failures.set("createHostedZone", [awsError("HostedZoneAlreadyExists", "seen before", 409)]);
    const { world, outputs } = worldOf();
    expect((await failureOf(zone.ensure(world, { kind: "absent" }, outputs))).code).toBe("ForeignResource");
    expect(only().tags).toEqual({});
  });

  test("is never deleted unless it is adopted", async () => {
    route53.add({ name });
    expect((await failureOf(remove())).code).toBe("ForeignResource");
    expect(only().id).toBe("Z1");
    expect((await remove({ adopt: true })).removal).toEqual({ kind: "removed" });
    expect(route53.zones.size).toBe(0);
  });
});

test("several zones of one name are told with the one that counts", async () => {
  const first = route53.add({ name, tags });
  const second = route53.add({ name });
  const error = await failureOf(observe());
  expect([error.code, error.message, error.hint]).toEqual([
    "ZoneAmbiguous",
    `2 public zones are called ${name}: Z1, Z2`,
    "nothing leads to any of them yet: delete all but one",
  ]);
  zone = hostedZone({ ...options, delegatedTo: async () => [...second.servers, ...second.servers] });
  const told = await failureOf(observe());
  expect([told.hint, told.details]).toEqual([
    "delete all but Z2, the one that is delegated to",
    ["Z1: of this fleet, 0 records", "Z2: without the tags of a fleet, 0 records, the one that is delegated to"],
  ]);
  route53.zones.delete(second.id);
  expect(await observe()).toMatchObject({ kind: "present", state: { id: first.id } });
});

test("what AWS doesn't allow is told with the account and the action", async () => {
  const message = `User: arn:aws:sts::210987654321:assumed-role/aws-01-iam-role/x is not authorized to perform: route53:ListHostedZonesByName`;
  route53.failures.set("listHostedZonesByName", [awsError("AccessDenied", message, 403)]);
  const error = await failureOf(observe());
  expect([error.code, error.message]).toEqual(["AwsDenied", expect.stringContaining("aws-01: ")]);
  expect(error.message).toContain("route53:ListHostedZonesByName");
});

describe("the removal of a zone", () => {
  const claim = (owner: string) =>
    `"heritage=external-dns,external-dns/owner=${owner},external-dns/resource=service/a/b"`;
  const txt = (label: string, ...values: readonly string[]): ResourceRecordSet => {
    return { Name: `${label}.${name}.`, Type: "TXT", TTL: 300, ResourceRecords: values.map((Value) => ({ Value })) };
  };

  test("takes along what external-dns and cert-manager of the cluster have made", async () => {
    const target = { HostedZoneId: "ZELB", DNSName: "lb.", EvaluateTargetHealth: true };
    const records: ResourceRecordSet[] = [
      a("www"),
      txt("a-www", claim(name)),
      { Name: `\\052.${name}.`, Type: "A", AliasTarget: target },
      txt("cname-\\052", claim(name)),
      txt("_acme-challenge.www", '"token"'),
    ];
    route53 = fakeRoute53({ pageSize: 2 });
    route53.add({ name, tags, records });
    const { removal, said } = await remove();
    expect([removal, route53.zones.size]).toEqual([{ kind: "removed" }, 0]);
    expect(said).toEqual(["deleting 5 records that the cluster made", "deleting the zone"]);
  });

  test.each([
    ["a record without an owner", [a("www")], `A www.${name}`],
    ["a record of another cluster", [a("www"), txt("a-www", claim("k02"))], `A www.${name}`],
    ["a mark that claims for two", [txt("a-www", claim(name), claim("k02"))], `TXT a-www.${name}`],
    ["a record of another type than the claimed one", [txt("aaaa-www", claim(name)), a("www")], `A www.${name}`],
  ])("is refused for %s", async (_what, records, named) => {
    route53.add({ name, tags, records: [...records] });
    const error = await failureOf(remove());
    expect(error.code).toBe("ZoneNotEmpty");
    expect(error.details).toContain(named);
    expect(only().records.length).toBe(2 + records.length);
  });

  test("names twenty records and counts the rest", async () => {
    route53.add({ name, tags, records: Array.from({ length: 23 }, (_, index) => a(`n${index}`)) });
    const error = await failureOf(remove());
    expect(error.message).toBe(`the zone ${name} (Z1) has 23 records that nothing of the cluster made`);
    expect([error.details.length, error.details.at(-1)]).toEqual([21, "and 3 more"]);
  });

  test("waits until no resolver remembers its delegation, and says so", async () => {
    route53.add({ name, tags: { ...tags, [cachedUntilTag]: new Date(300_000).toISOString() } });
    const { said, elapsedMs } = await remove();
    expect(elapsedMs).toBe(300_000);
    expect(said[0]).toBe("waiting until no resolver remembers its delegation · 300 s to go");
    expect(route53.zones.size).toBe(0);
  });

  test("takes nothing along that somebody writes during that wait", async () => {
    const found = route53.add({ name, tags: { ...tags, [cachedUntilTag]: new Date(60_000).toISOString() } });
    const { world, outputs } = worldOf();
    const meanwhile: AwsWorld = {
      ...world,
      progress() {
        found.records = [...found.records.slice(0, 2), a("www")];
      },
    };
    const removal = zone.remove(meanwhile, await zone.observe(world, outputs), outputs);
    const error = await failureOf(removal);
    expect([error.code, route53.calls.includes("deleteHostedZone")]).toEqual(["ZoneNotEmpty", false]);
  });

  test.each([
    ["that lasts for a day, a quarter of an hour at most", 86_400_000, {}, 900_000],
    ["that is over, not at all", -1, {}, 0],
    ["not at all when it is told not to", 86_400_000, { skipDnsWait: true }, 0],
  ])("waits for a delegation %s", async (_what, until, flags, elapsed) => {
    route53.add({ name, tags: { ...tags, [cachedUntilTag]: new Date(until).toISOString() } });
    expect((await remove(flags)).elapsedMs).toBe(elapsed);
  });

  test("is over at once when the zone is gone already, or goes meanwhile", async () => {
    expect((await remove()).removal).toEqual({ kind: "removed" });
    route53.add({ name, tags });
    route53.failures.set("deleteHostedZone", [awsError("NoSuchHostedZone", "gone", 404)]);
    expect((await remove()).removal).toEqual({ kind: "removed" });
  });

  test("tells what else keeps a zone that looks empty", async () => {
    route53.add({ name, tags });
    route53.failures.set("deleteHostedZone", [awsError("HostedZoneNotEmpty", "DNSSEC is on")]);
    const error = await failureOf(remove());
    expect([error.code, error.details[0]]).toEqual(["ZoneNotEmpty", "HostedZoneNotEmpty: DNSSEC is on"]);
    expect(error.hint).toContain("DNSSEC");
  });
});
