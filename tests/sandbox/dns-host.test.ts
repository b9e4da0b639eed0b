import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { verifyZones, type ZoneTree } from "#lib/commands/verify-dns.ts";
import { readDirectory } from "#lib/dns/directory.ts";
import { type DnsReply, queryServer } from "#lib/dns/query.ts";
import { nameServerPool } from "#sandbox/aws/route53/name-servers.ts";
import { servedZones } from "#sandbox/aws/route53/served-zones.ts";
import { changeRecords, createZone, deleteZone } from "#sandbox/aws/route53/zones.ts";
import { type DnsHost, openDnsHost, registrarServer } from "#sandbox/dns/host.ts";
import type { Zone } from "#sandbox/dns/zone.ts";
import { account, type MemoryCloud, memoryCloud, otherAccount } from "#tests/sandbox/aws/route53/harness.ts";

const domain = "mylabs.test";
const leaf = (name: string): ZoneTree => ({ name: `${name}.k8s.aws.${domain}`, children: [] });
const tree: ZoneTree = {
  name: domain,
  children: [
    { name: `aws.${domain}`, children: [{ name: `k8s.aws.${domain}`, children: [leaf("k01"), leaf("k02")] }] },
  ],
};
const quick = { timeoutMs: 500, tries: 2 };
/** More than a change takes to reach the name servers. */
const propagationMs = 60_000;

let folder: string;
let memory: MemoryCloud;
let host: DnsHost;
let extra: Zone[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "dns-host-"));
  memory = memoryCloud();
  extra = [];
  host = await open();
});
afterEach(async () => {
  await host.close();
  await rm(folder, { recursive: true, force: true });
});

const open = async (): Promise<DnsHost> =>
  await openDnsHost({
    servers: nameServerPool,
    zones: () => [...servedZones(memory.cloud), ...extra],
    domains: () => [domain],
    directoryPath: join(folder, "directory.json"),
    statePath: join(folder, "dns.json"),
  });

let references = 0;
function makeZone(name: string, owner = account): { readonly id: string; readonly nameServers: readonly string[] } {
  const { zone } = createZone(memory.cloud, owner, { name, callerReference: String(references++) });
  memory.pass(propagationMs);
  return zone;
}

function set(id: string, name: string, type: string, values: readonly string[], owner = account): void {
  changeRecords(memory.cloud, owner, id, [{ action: "UPSERT", name, type, ttl: 300, values }]);
  memory.pass(propagationMs);
}

/** Zones and delegations of the whole tree; each leaf in an account of its own. */
function makeTree() {
  const aws = makeZone(`aws.${domain}`);
  const k8s = makeZone(`k8s.aws.${domain}`);
  const k01 = makeZone(`k01.k8s.aws.${domain}`, otherAccount);
  const k02 = makeZone(`k02.k8s.aws.${domain}`, "777788889999");
  set(aws.id, `k8s.aws.${domain}`, "NS", k8s.nameServers);
  set(k8s.id, `k01.k8s.aws.${domain}`, "NS", k01.nameServers);
  set(k8s.id, `k02.k8s.aws.${domain}`, "NS", k02.nameServers);
  return { aws, k8s, k01, k02 };
}

async function statesOf(): Promise<Readonly<Record<string, string>>> {
  const edges = await verifyZones(await readDirectory(join(folder, "directory.json")), tree, quick);
  return Object.fromEntries(edges.map(({ child, state }) => [child.replace(`.${domain}`, ""), state]));
}

async function ask(
  server: string,
  name: string,
  type: "NS" | "SOA" | "A" | "MX" | "TXT" | "SRV" | "CAA",
): Promise<DnsReply> {
  const [address = "", port] = (host.addresses[server] ?? "").split(":");
  return await queryServer({ name: server, address, port: Number(port) }, name, type, quick);
}

describe("zones of Route 53", () => {
  test("are proved from the domain down, over accounts", async () => {
    makeTree();
    expect(await statesOf()).toEqual({ aws: "ok", "k8s.aws": "ok", "k01.k8s.aws": "ok", "k02.k8s.aws": "ok" });
  });

  test("are spoken for by their own four servers, and refused by the others", async () => {
    const { k8s, k01 } = makeTree();
    for (const server of nameServerPool) {
      const { code, authoritative } = await ask(server, `k01.k8s.aws.${domain}`, "SOA");
      if (k01.nameServers.includes(server)) expect([server, code, authoritative]).toEqual([server, "NOERROR", true]);
      // Servers of zones above refer to it; what they don't have they refuse.
      else if (k8s.nameServers.includes(server)) expect([server, authoritative]).toEqual([server, false]);
      else expect([server, authoritative]).toEqual([server, false]);
    }
    const [stranger = ""] = nameServerPool.filter(
      (server) => !servedZones(memory.cloud).some(({ servers }) => servers.includes(server)),
    );
    expect((await ask(stranger, `k01.k8s.aws.${domain}`, "SOA")).code).toBe("REFUSED");
  });

  test("that are delegated to the servers of another zone are not reached", async () => {
    const { k8s, k01, k02 } = makeTree();
    set(k8s.id, `k01.k8s.aws.${domain}`, "NS", k02.nameServers);
    expect(await statesOf()).toMatchObject({ "k01.k8s.aws": "dangling", "k02.k8s.aws": "ok" });
    deleteZone(memory.cloud, otherAccount, k01.id);
    const again = makeZone(`k01.k8s.aws.${domain}`, otherAccount);
    set(k8s.id, `k01.k8s.aws.${domain}`, "NS", again.nameServers);
    expect(await statesOf()).toMatchObject({ "k01.k8s.aws": "ok" });
  });

  test("tell records of every type that is kept", async () => {
    const {
      id,
      nameServers: [server = ""],
    } = makeZone(`aws.${domain}`);
    const name = `all.aws.${domain}`;
    set(id, name, "A", ["192.0.2.1"]);
    set(id, name, "TXT", ['"one" " two \\"2\\""', '"three"']);
    set(id, name, "MX", ["10 Mail.example.org."]);
    set(id, name, "SRV", ["1 2 443 web.example.org"]);
    set(id, name, "CAA", ['0 issue "ca.example.org"']);
    set(id, `*.aws.${domain}`, "A", ["192.0.2.2"]);
    const values = async (type: "A" | "TXT") =>
      (await ask(server, name, type)).answers.map(({ value }) => value).sort();
    expect(await values("A")).toEqual(["192.0.2.1"]);
    expect(await values("TXT")).toEqual(['one two "2"', "three"]);
    for (const type of ["MX", "SRV", "CAA"] as const) expect((await ask(server, name, type)).answers).toHaveLength(1);
    expect((await ask(server, `any.aws.${domain}`, "A")).answers[0]?.value).toBe("192.0.2.2");
  });

  test("have the SOA and NS records that they are given", async () => {
    const { id, nameServers } = makeZone(`aws.${domain}`);
    const [server = ""] = nameServers;
    expect((await ask(server, `aws.${domain}`, "SOA")).answers).toMatchObject([{ ttl: 900, value: server }]);
    expect((await ask(server, `aws.${domain}`, "NS")).answers.map(({ ttl }) => ttl)).toEqual([
      172_800, 172_800, 172_800, 172_800,
    ]);
    set(id, `aws.${domain}`, "NS", [`${server}.`]);
    set(id, `aws.${domain}`, "SOA", ["ns.example.org. me.example.org. 7 1 2 3 60"]);
    expect((await ask(server, `aws.${domain}`, "NS")).answers).toMatchObject([{ ttl: 300, value: server }]);
    const missing = await ask(server, `missing.aws.${domain}`, "A");
    expect([missing.code, missing.authorities]).toMatchObject(["NXDOMAIN", [{ ttl: 60, value: "ns.example.org" }]]);
  });
});

describe("a domain outside of the clouds", () => {
  const delegationOf = async (child: string) =>
    (await ask(registrarServer, child, "NS")).authorities
      .flatMap(({ name, value }) => (name === child ? [value] : []))
      .sort();

  test("delegates to the older of two zones one level below it, and to none further below", async () => {
    expect((await ask(registrarServer, `aws.${domain}`, "NS")).code).toBe("NXDOMAIN");
    const first = makeZone(`aws.${domain}`, otherAccount);
    makeZone(`aws.${domain}`);
    makeZone(`deep.gcp.${domain}`);
    expect(await delegationOf(`aws.${domain}`)).toEqual([...first.nameServers].sort());
    expect((await ask(registrarServer, `deep.gcp.${domain}`, "NS")).code).toBe("NXDOMAIN");
    expect((await ask(registrarServer, domain, "SOA")).authoritative).toBe(true);
    expect((await ask(registrarServer, "mylabs.other", "SOA")).code).toBe("REFUSED");
  });

  test("delegates to zones of any cloud", async () => {
    extra.push({ name: `az.${domain}`, servers: ["ns1-01.azure-dns.test"], records: [] });
    expect(await delegationOf(`az.${domain}`)).toEqual(["ns1-01.azure-dns.test"]);
  });
});

describe("the servers", () => {
  test("keep their ports over a restart, but for one that somebody else has taken", async () => {
    const before = host.addresses;
    expect(new Set(Object.values(before)).size).toBe(nameServerPool.length + 1);
    await host.close();
    const [taken = ""] = nameServerPool;
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(Number(before[taken]?.split(":")[1]), "127.0.0.1", resolve));
    host = await open();
    squatter.close();
    const { [taken]: old, ...others } = before;
    const { [taken]: now, ...same } = host.addresses;
    expect(same).toEqual(others);
    expect(now).not.toBe(old);
    const directory = await readDirectory(join(folder, "directory.json"));
    expect(await directory.addressesOf(taken)).toMatchObject([{ port: Number(now?.split(":")[1]) }]);
  });

  test("are in the directory, with the domains as they are when it is written", async () => {
    await host.close();
    const domains: string[] = [];
    const paths = { directoryPath: join(folder, "directory.json"), statePath: join(folder, "dns.json") };
    host = await openDnsHost({ servers: ["ns1.test"], zones: () => [], domains: () => domains, ...paths });
    domains.push("late.test");
    await host.writeDirectory();
    const directory = await readDirectory(paths.directoryPath);
    expect(await directory.serversOf("late.test")).toMatchObject([{ name: registrarServer, address: "127.0.0.1" }]);
    expect((await ask(registrarServer, "late.test", "SOA")).authoritative).toBe(true);
  });

  test("survive what is no query, and zones that can't be told", async () => {
    const port = Number(host.addresses[registrarServer]?.split(":")[1]);
    const socket = createSocket("udp4");
    const query = Buffer.from("000100000001000000000000036161610003000001", "hex");
    for (const bytes of [Buffer.alloc(0), Buffer.from([1]), Buffer.alloc(12, 255), Buffer.alloc(600, 192), query]) {
      await new Promise((resolve) => socket.send(bytes, port, "127.0.0.1", resolve));
    }
    socket.close();
    const values = Array.from({ length: 300 }, (_, at) => `${at}`.padEnd(250, "x"));
    const records = [{ name: `large.az.${domain}`, type: "TXT", ttl: 1, values } as const];
    const { nameServers } = makeZone(`az.${domain}`);
    const [server = ""] = nameServers;
    extra.push({ name: `large.az.${domain}`, servers: nameServers, records });
    expect((await ask(server, `large.az.${domain}`, "TXT")).code).toBe("SERVFAIL");
    expect((await ask(registrarServer, domain, "SOA")).code).toBe("NOERROR");
  });

  test("end although somebody holds a connection open", async () => {
    const client = connect(Number(host.addresses[registrarServer]?.split(":")[1]), "127.0.0.1");
    await new Promise((resolve) => client.once("connect", resolve));
    await host.close();
    await new Promise((resolve) => client.once("close", resolve).on("error", () => {}));
  });
});
