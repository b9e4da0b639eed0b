import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { registrarDelegation } from "#lib/cloud/registrar-delegation.ts";
import type { DnsRoot } from "#lib/dns/directory.ts";
import { FleetError } from "#lib/errors.ts";
import { create } from "#lib/verbs/create.ts";
import { type DnsServer, openDnsServer } from "#sandbox/dns/server.ts";
import type { Zone } from "#sandbox/dns/zone.ts";
import { awsWorld } from "#tests/support/aws-world.ts";
import { fakeResource } from "#tests/support/fake-resource.ts";

const domain = "mylabs.test";
const name = `aws.${domain}`;
const nameServers = ["a.aws.test", "b.aws.test"];
const primary = fakeResource("aws/aws-mgmt/stack").resource;
const registrar = registrarDelegation({
  id: "aws/aws-mgmt/registrar",
  title: `${name}: delegation from ${domain}`,
  row: { kind: "account", name: "aws-mgmt", group: "aws" },
  domain,
  primary,
  primaryOf: () => ({ zoneId: "Z1", name, nameServers }),
});

let servers: Map<string, DnsServer>;
/** What the domain's own servers name for the zone; the zone's servers always speak for it. */
let delegated: readonly string[];
beforeEach(async () => {
  delegated = nameServers;
  servers = new Map();
  const above = (): readonly Zone[] => [
    {
      name: domain,
      servers: ["ns.registrar.test"],
      records: delegated.length === 0 ? [] : [{ name, type: "NS", ttl: 300, values: delegated }],
    },
  ];
  servers.set("ns.registrar.test", await openDnsServer(above, "127.0.0.1"));
  for (const host of nameServers) {
    servers.set(host, await openDnsServer(() => [{ name, servers: nameServers, records: [] }], "127.0.0.1"));
  }
});
afterEach(async () => {
  await Promise.all([...servers.values()].map((server) => server.close()));
});

const addressesOf: DnsRoot["addressesOf"] = async (host) => {
  const server = servers.get(host);
  return server === undefined ? [] : [{ name: host, address: server.address, port: server.port }];
};
const dns: DnsRoot = { addressesOf, serversOf: () => addressesOf("ns.registrar.test") };

async function look(flags: Parameters<typeof awsWorld>[0] = {}) {
  const { world, outputs } = awsWorld({ dns, ...flags });
  outputs.set(primary, { value: 1 });
  const observed = await registrar.observe(world, outputs);
  if (observed.kind !== "present") throw new Error(observed.kind);
  expect(registrar.diff(observed.state, outputs)).toEqual([]);
  return { health: registrar.health(observed.state), removal: await registrar.remove(world, observed, outputs) };
}

const records = `${name}. 86400 IN NS a.aws.test.; ${name}. 86400 IN NS b.aws.test.`;

describe("the delegation that is made by hand", () => {
  test("is well when the domain's servers lead to the zone's", async () => {
    expect((await look()).health).toEqual({ kind: "healthy", summary: "proved at 2 name servers" });
  });

  test.each([
    ["missing", [], `not delegated in ${domain} yet`],
    ["wrong", ["a.aws.test", "old.test"], `${domain} leads to other servers: a.aws.test, old.test`],
  ])("is told with the records to have when it is %s", async (_what, values, why) => {
    delegated = values;
    expect((await look()).health).toEqual({
      kind: "degraded",
      summary: `${why}; have in ${domain}, by hand: ${records}`,
    });
  });

  test("is told too when the domain has no servers that can be found", async () => {
    const serversOf = () => Promise.reject(new FleetError("DnsUnanswered", `${domain} has no name servers`));
    const { health } = await look({ dns: { addressesOf, serversOf } });
    expect(health).toEqual({
      kind: "degraded",
      summary: `the servers of ${domain} can't be asked: ${domain} has no name servers; have in ${domain}, by hand: ${records}`,
    });
  });

  test("isn't asked for where the run asks no servers", async () => {
    const refuse = () => Promise.reject(new Error("not to be asked"));
    const { health } = await look({ skipDnsCheck: true, dns: { addressesOf: refuse, serversOf: refuse } });
    expect(health).toEqual({ kind: "healthy", summary: `not asked of the servers of ${domain}` });
  });

  test("is absent while the zone is", async () => {
    const { world, outputs } = awsWorld({ dns });
    expect(await registrar.observe(world, outputs)).toEqual({ kind: "absent" });
  });

  test("is to be taken out by hand when the zone goes, if it is there", async () => {
    expect((await look()).removal).toEqual({
      kind: "kept",
      why: `take it out of ${domain} by hand: NS a.aws.test, b.aws.test`,
    });
    delegated = [];
    expect((await look()).removal).toEqual({ kind: "removed" });
  });

  test("never fails a create, and is told at its end", async () => {
    delegated = [];
    const { world, outputs } = awsWorld({ dns });
    outputs.set(primary, { value: 1 });
    const ends: unknown[] = [];
    await create.run({
      resources: [registrar],
      outputs,
      clock: world.clock,
      signal: world.signal,
      verbose: false,
      limit: () => 1,
      emit(event) {
        if (event.kind === "finished") ends.push([event.outcome, event.health?.kind]);
      },
      worldOf: () => world,
    });
    expect(ends).toEqual([["unchanged", "degraded"]]);
  });
});
