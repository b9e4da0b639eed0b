import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { leftOutZones, verifyFleet, verifyZones, zoneTree } from "#lib/commands/verify-dns.ts";
import { readDirectory } from "#lib/dns/directory.ts";
import { formatEdges } from "#lib/dns/format.ts";
import { type Edge, formatRecords } from "#lib/dns/prove.ts";
import { queryServer } from "#lib/dns/query.ts";
import { projectRoot } from "#lib/paths.ts";
import { builtInProviders } from "#lib/providers.ts";
import { type DnsServer, openDnsServer } from "#sandbox/dns/server.ts";
import type { Zone } from "#sandbox/dns/zone.ts";
import { fleet } from "#tests/fixtures/fleets/default/fleet.ts";
import { failureOf } from "#tests/support/failure.ts";

const quick = { timeoutMs: 300, tries: 1 };
const tree = zoneTree({
  domain: "mylabs.test",
  zones: [{ provider: "aws", primary: "aws.mylabs.test", clusters: "k8s.aws.mylabs.test" }],
  clusters: [
    {
      provider: "aws",
      name: "k01.k8s.aws.mylabs.test",
      account: "aws-01",
      region: "us-east-1",
      publicAccessCidrs: ["203.0.113.0/24"],
    },
  ],
});
const names = ["mylabs.test", "aws.mylabs.test", "k8s.aws.mylabs.test", "k01.k8s.aws.mylabs.test"] as const;

/** Two servers per zone, each a socket of its own, and what they know: a real tree of delegations. */
let hosts: Map<string, { zones: Zone[]; server: DnsServer }>;
let folder: string;
let directory: string;

const serversOf = (zone: string): readonly string[] =>
  ["a", "b"].map((letter) => `${letter}.${zone.split(".")[0]}.hosts.test`);
const delegationOf = (zone: string) => ({ name: zone, type: "NS", ttl: 300, values: serversOf(zone) }) as const;

function zoneOf(index: number): Zone {
  const name = names[index] ?? "";
  const child = names[index + 1];
  return { name, servers: serversOf(name), records: child === undefined ? [] : [delegationOf(child)] };
}

beforeEach(async () => {
  hosts = new Map();
  for (const [index, zone] of names.entries()) {
    for (const name of serversOf(zone)) {
      const zones = [zoneOf(index)];
      hosts.set(name, { zones, server: await openDnsServer(() => hosts.get(name)?.zones ?? [], "127.0.0.1") });
    }
  }
  folder = await mkdtemp(join(tmpdir(), "dns-"));
  directory = join(folder, "directory.json");
  await writeDirectory();
});
afterEach(async () => {
  await Promise.all([...hosts.values()].map(({ server }) => server.close()));
  await rm(folder, { recursive: true, force: true });
});

async function writeDirectory(without: readonly string[] = []): Promise<void> {
  const known = [...hosts].filter(([name]) => !without.includes(name));
  const servers = Object.fromEntries(known.map(([name, { server }]) => [name, `127.0.0.1:${server.port}`]));
  await Bun.write(directory, JSON.stringify({ domains: { "mylabs.test": serversOf("mylabs.test") }, servers }));
}

const verify = async (): Promise<readonly Edge[]> => await verifyZones(await readDirectory(directory), tree, quick);
const states = async () => Object.fromEntries((await verify()).map(({ child, state }) => [child, state]));
/** Changes what some servers know of a zone. */
function change(servers: readonly string[], to: (zone: Zone) => Zone | undefined): void {
  for (const name of servers) {
    const host = hosts.get(name);
    if (host !== undefined) host.zones = host.zones.flatMap((zone) => to(zone) ?? []);
  }
}
const [, aws, k8s, k01] = names;

describe("delegations", () => {
  test("that are right are ok, each with the servers that were named", async () => {
    expect(await verify()).toEqual(
      [aws, k8s, k01].map((child, index) => ({
        parent: names[index] ?? "",
        child,
        state: "ok",
        delegated: serversOf(child),
        wanted: serversOf(child),
        details: [],
      })),
    );
  });

  test("that the parent doesn't have are missing, and what is below can't be asked", async () => {
    change(serversOf(names[0]), (zone) => ({ ...zone, records: [] }));
    expect(await states()).toEqual({ [aws]: "missing", [k8s]: "unreachable", [k01]: "unreachable" });
  });

  test("that some servers of the parent don't have yet are on their way", async () => {
    change(serversOf(aws).slice(0, 1), (zone) => ({ ...zone, records: [] }));
    const edge = (await verify()).find(({ child }) => child === k8s);
    expect([edge?.state, edge?.details]).toEqual(["not yet", ["a.aws.hosts.test says that there is no delegation"]]);
  });

  test("to other servers than the zone's own are wrong, and the records to have are told", async () => {
    const old = { ...delegationOf(k01), values: ["a.k01.hosts.test", "old.hosts.test"] };
    change(serversOf(k8s), (zone) => ({ ...zone, records: [old] }));
    const edge = (await verify()).find(({ child }) => child === k01);
    expect([edge?.state, edge?.details]).toEqual(["wrong", ["old.hosts.test has no address"]]);
    expect(edge === undefined ? [] : formatRecords(edge)).toEqual([
      "k01.k8s.aws.mylabs.test. 86400 IN NS a.k01.hosts.test.",
      "k01.k8s.aws.mylabs.test. 86400 IN NS b.k01.hosts.test.",
    ]);
  });

  test("to servers that no longer have the zone are dangling", async () => {
    change(serversOf(k01), () => undefined);
    const edge = (await verify()).find(({ child }) => child === k01);
    expect([edge?.state, edge?.details]).toEqual([
      "dangling",
      ["a.k01.hosts.test answers REFUSED", "b.k01.hosts.test answers REFUSED"],
    ]);
  });

  test("to a server that doesn't answer yet are on their way", async () => {
    await hosts.get("b.k01.hosts.test")?.server.close();
    const edge = (await verify()).find(({ child }) => child === k01);
    expect([edge?.state, edge?.details]).toEqual(["not yet", ["b.k01.hosts.test does not answer"]]);
  });

  test("are seen also at a server that has both zones", async () => {
    for (const name of serversOf(k8s)) hosts.get(name)?.zones.push(zoneOf(3));
    expect((await states())[k01]).toBe("ok");
  });
});

async function verifyByTask(...args: readonly string[]) {
  const fleetFile = join(folder, "fleet.json");
  const zones = [{ provider: "aws", primary: aws, clusters: k8s }];
  const accounts = [{ provider: "aws", name: "aws-mgmt", role: "management", accountId: "123456789012" }];
  const clusters = [
    { provider: "aws", name: k01, account: "aws-mgmt", region: "us-east-1", publicAccessCidrs: ["203.0.113.0/24"] },
  ];
  await Bun.write(fleetFile, JSON.stringify({ domain: names[0], zones, accounts, clusters }));
  const command = [process.execPath, "run", join(projectRoot, "tasks/dns/verify.ts"), "--fleet", fleetFile, ...args];
  const child = Bun.spawn(command, { env: { ...Bun.env, DNS_DIRECTORY: directory }, stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { stdout, stderr, exitCode: await child.exited };
}

test("the task says what is wrong, what to write by hand, and fails", async () => {
  change(serversOf(names[0]), (zone) => ({
    ...zone,
    records: [{ ...delegationOf(aws), values: ["a.aws.hosts.test"] }],
  }));
  const { stdout, ...rest } = await verifyByTask();
  expect(rest).toEqual({ stderr: "", exitCode: 1 });
  expect(stdout).toContain(
    [
      "create these records in mylabs.test, and delete others of the same names:",
      "aws.mylabs.test. 86400 IN NS a.aws.hosts.test.",
      "aws.mylabs.test. 86400 IN NS b.aws.hosts.test.",
      "",
      "2 of 3 delegations are ok",
    ].join("\n"),
  );
  const lines = (await verifyByTask("--json")).stdout.trim().split("\n");
  expect(lines.map((line) => (JSON.parse(line) as Edge).state)).toEqual(["wrong", "ok", "ok"]);
});

test("names in answers are neither lines, nor commands to a terminal or to GitHub", async () => {
  const evil = "x\n::error::pwned\u001b[2j##[add-path]y.hosts.test";
  change(serversOf(k8s), (zone) => ({ ...zone, records: [{ ...delegationOf(k01), values: [evil] }] }));
  const { stdout } = await verifyByTask();
  expect(stdout).toContain("x\\010::error::pwned\\027[2j##\\[add-path]y.hosts.test");
  expect(stdout).not.toMatch(/^\s*::|##\[/m);
  expect(stdout).not.toContain("\u001b");
});

test("a domain without servers is told", async () => {
  const error = await failureOf(
    verifyZones(await readDirectory(directory), { ...tree, name: "elsewhere.test" }, quick),
  );
  expect([error.code, error.message]).toEqual([
    "DnsUnanswered",
    "elsewhere.test has no name servers that this computer can resolve",
  ]);
});

test("an answer that is cut off over UDP is asked again over TCP", async () => {
  const values = Array.from({ length: 60 }, (_, index) => `record ${index} ${"x".repeat(40)}`);
  change(serversOf(k01), (zone) => ({ ...zone, records: [{ name: k01, type: "TXT", ttl: 60, values }] }));
  const server = hosts.get("a.k01.hosts.test")?.server;
  const asked = { name: "a", address: "127.0.0.1", port: server?.port ?? 0 };
  const reply = await queryServer(asked, k01, "TXT", quick);
  expect(reply.answers.map(({ value }) => value).sort()).toEqual([...values].sort());
});

test("a server that never answers is told after its tries", async () => {
  const silent = await Bun.udpSocket({ hostname: "127.0.0.1" });
  const server = { name: "ns.test", address: "127.0.0.1", port: silent.port };
  const error = await failureOf(queryServer(server, "a.test", "NS", { timeoutMs: 50, tries: 2 }));
  expect(error.message).toBe(`ns.test (127.0.0.1:${silent.port}) does not answer for a.test`);
  silent.close();
});

test.each([
  ["{", "it can't be read as JSON"],
  ['{"domains":{}}', "servers: "],
  ['{"domains":{},"servers":{"a":"localhost:53"}}', 'servers.a: "localhost:53" is no address:port'],
])("a directory of servers that reads %s is refused", async (text, message) => {
  await Bun.write(directory, text);
  const error = await failureOf(readDirectory(directory));
  expect([error.code, error.message]).toEqual(["DnsDirectoryInvalid", expect.stringContaining(message)]);
});

test("zones of clouds that no task can create are left out, and named", async () => {
  const providers: typeof builtInProviders = new Map(
    [...builtInProviders].map(([name, { open, ...facts }]) => [
      name,
      name === "gcp" || open === undefined ? facts : { ...facts, open },
    ]),
  );
  const edges = await verifyFleet({ addressesOf: async () => [], serversOf: async () => [] }, fleet, providers);
  expect(edges.filter(({ child }) => !/(?:^|\.)(?:aws|az)\.mylabs\.dev$/.test(child))).toEqual([]);
  expect(formatEdges(edges, fleet.domain, leftOutZones(fleet, providers))).toEndWith(
    "left out: gcp.mylabs.dev: no task can create these zones yet\n",
  );
  expect(leftOutZones(fleet, builtInProviders)).toEqual([]);
  expect(
    await verifyFleet(
      { addressesOf: async () => [], serversOf: async () => [] },
      { ...fleet, zones: [] },
      builtInProviders,
    ),
  ).toEqual([]);
});

test("the default fleet has 18 zones below its domain", () => {
  const count = (zones: ReturnType<typeof zoneTree>): number =>
    1 + zones.children.map(count).reduce((a, b) => a + b, 0);
  expect(count(zoneTree(fleet)) - 1).toBe(18);
});
