import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { awsCli, runProgram } from "#tests/support/aws-cli.ts";
import { type CliFleet, fleetOf, openCliFleet } from "#tests/support/aws-cli-fleet.ts";
import { aks, fleetOf as azureFleetOf } from "#tests/support/azure-story.ts";
import type { CloudSandbox } from "#tests/support/cloud-sandbox.ts";
import { fleetOf as gcpFleetOf, gke } from "#tests/support/gcp-story.ts";
import { inSandbox, well } from "#tests/support/story.ts";

setDefaultTimeout(120_000);
const dig = Bun.which("dig") ?? "";
if (dig === "") process.stdout.write("the fleet's delegations are not walked: dig is not installed here\n");
else if (awsCli.path === undefined)
  process.stdout.write(`the fleet's delegations in AWS are not walked: of the AWS CLI, ${awsCli.whyNot}\n`);

const domain = "mylabs.dev";
/** From the domain down, each with the profile that its zone belongs to. */
const zones = [
  ["aws.mylabs.dev", "aws-mgmt"],
  ["k8s.aws.mylabs.dev", "aws-mgmt"],
  ["k01.k8s.aws.mylabs.dev", "aws-01"],
] as const;
const leaf = zones[2][0];

interface Directory {
  readonly domains: Readonly<Record<string, readonly string[]>>;
  /** `address:port` by name. */
  readonly servers: Readonly<Record<string, string>>;
}

interface Told {
  readonly status: string;
  readonly flags: readonly string[];
  /** Lines of a section without their times to live, e.g. `a.example. IN NS ns1.example.`. */
  readonly answer: readonly string[];
  readonly authority: readonly string[];
}

/** One question to one server, which is not to ask others. */
async function askAt({ servers }: Directory, server: string, name: string, type: string): Promise<Told> {
  const [address = "", port = ""] = (servers[server] ?? "").split(":");
  const { stdout } = await runProgram([dig, `@${address}`, "-p", port, "+norecurse", "+tries=1", name, type], {});
  const section = (title: string): readonly string[] =>
    (new RegExp(`;; ${title} SECTION:\n([^;]*?)\n\n`).exec(stdout)?.[1] ?? "")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => line.replace(/\s+\d+\s+IN\s+(\S+)\s+/, " IN $1 "))
      .sort();
  const [, status = "", flags = ""] = /status: (\w+),[\s\S]*?flags: ([a-z ]*);/.exec(stdout) ?? [];
  return { status, flags: flags.split(" "), answer: section("ANSWER"), authority: section("AUTHORITY") };
}

const serversIn = (name: string, lines: readonly string[]): readonly string[] =>
  lines.flatMap((line) => {
    const [owner, value] = line.split(" IN NS ");
    return owner === `${name}.` && value !== undefined ? [value.replace(/\.$/, "")] : [];
  });

/** Where the sandbox's name servers are. */
async function readDirectory(sandbox: Pick<CloudSandbox, "variables">): Promise<Directory> {
  return await Bun.file((await sandbox.variables()).DNS_DIRECTORY ?? "").json();
}

describe.skipIf(dig === "" || awsCli.path === undefined)("BIND's dig, in zones that our tasks made", () => {
  let place: CliFleet;
  let directory: Directory;
  beforeAll(async () => {
    place = await openCliFleet(fleetOf("k01"));
    directory = await readDirectory(place.aws);
  });
  afterAll(async () => await place.close());

  const ask = (server: string, name: string, type: string): Promise<Told> => askAt(directory, server, name, type);

  async function zoneOf(name: string, profile: string) {
    const { HostedZones: all } = await place.cli.json<{
      readonly HostedZones: readonly { readonly Id: string; readonly Name: string }[];
    }>(profile, "route53", "list-hosted-zones");
    const id = all.find(({ Name }) => Name === `${name}.`)?.Id ?? "";
    const { DelegationSet: set } = await place.cli.json<{
      readonly DelegationSet: { readonly NameServers: readonly string[] };
    }>(profile, "route53", "get-hosted-zone", `--id=${id}`);
    return { id, servers: set.NameServers.toSorted() };
  }

  /** From the domain's server over one referral after the other to whoever answers with authority. */
  async function walk(name: string, type: string): Promise<Told> {
    let [server = ""] = directory.domains[domain] ?? [];
    for (const [zone] of zones) {
      const { authority } = await ask(server, name, type);
      server = serversIn(zone, authority)[0] ?? "";
    }
    const told = await ask(server, name, type);
    expect(told.flags).toContain("aa");
    return told;
  }

  test("walks from the domain over three zones of two accounts, by what every server says", async () => {
    const all = await Promise.all(zones.map(async ([name, profile]) => ({ name, ...(await zoneOf(name, profile)) })));
    let asked = directory.domains[domain] ?? [];
    for (const { name, servers } of all) {
      const referrals = await Promise.all(asked.map((server) => ask(server, leaf, "SOA")));
      for (const { status, flags, answer, authority } of referrals) {
        expect([status, flags.includes("aa"), answer, serversIn(name, authority)]).toEqual([
          "NOERROR",
          false,
          [],
          servers,
        ]);
      }
      asked = servers;
    }
    const ends = await Promise.all(asked.map((server) => ask(server, leaf, "SOA")));
    for (const { status, flags, answer } of ends) {
      expect([status, flags.includes("aa")]).toEqual(["NOERROR", true]);
      expect(answer).toEqual([expect.stringMatching(/^k01\.k8s\.aws\.mylabs\.dev\. IN SOA ns-\d+\.awsdns-/)]);
    }
    expect(new Set(all.flatMap(({ servers }) => servers)).size).toBe(12);
  });

  test("is refused by the servers of a cluster's zone for the zones above it", async () => {
    const { servers } = await zoneOf(...zones[2]);
    for (const name of [zones[0][0], zones[1][0], domain]) {
      expect([name, (await ask(servers[0] ?? "", name, "NS")).status]).toEqual([name, "REFUSED"]);
    }
  });

  test("finds what external-dns writes, and no longer what it took away", async () => {
    const { id } = await zoneOf(leaf, "aws-01");
    const name = `grafana.${leaf}`;
    const change = async (Action: string) => {
      const record = { Name: name, Type: "A", TTL: 60, ResourceRecords: [{ Value: "192.0.2.7" }] };
      // By the role of the cluster's account: external-dns' own is let out to its pod only.
      const { ChangeInfo: made } = await place.cli.json<{ readonly ChangeInfo: { readonly Id: string } }>(
        "aws-01-clusters",
        "route53",
        "change-resource-record-sets",
        `--hosted-zone-id=${id}`,
        `--change-batch=${JSON.stringify({ Changes: [{ Action, ResourceRecordSet: record }] })}`,
      );
      await place.cli.json("aws-01-clusters", "route53", "wait", "resource-record-sets-changed", `--id=${made.Id}`);
    };
    expect((await walk(name, "A")).status).toBe("NXDOMAIN");
    await change("UPSERT");
    expect(await walk(name, "A")).toMatchObject({ status: "NOERROR", answer: [`${name}. IN A 192.0.2.7`] });
    await change("DELETE");
    expect((await walk(name, "A")).status).toBe("NXDOMAIN");
  });
});

test.skipIf(dig === "").each([
  ["azure", azureFleetOf(aks(1)), "create-aks-all"],
  ["gcp", gcpFleetOf(gke(1)), "create-gke-all"],
] as const)("dig walks from the domain down to a zone of a cluster in %s that our tasks made", (cloud, fleet, task) =>
  inSandbox(cloud, async (sandbox) => {
    await well(sandbox.run(task, [], { fleet }));
    const directory = await readDirectory(sandbox);
    const [{ primary, clusters } = { primary: "", clusters: "" }] = fleet.zones;
    let asked = directory.domains[fleet.domain] ?? [];
    for (const zone of [primary, clusters, fleet.clusters[0]?.name ?? ""]) {
      const referrals = await Promise.all(asked.map((server) => askAt(directory, server, zone, "NS")));
      const [own = []] = referrals.map(({ answer, authority }) => serversIn(zone, [...answer, ...authority]));
      expect(own).toHaveLength(4);
      // Servers of Google that have the zone itself, too, answer for it: its delegation does not show.
      const isShared = cloud === "gcp" && own.every((server) => asked.includes(server));
      for (const { status, flags, answer, authority } of referrals) {
        expect([status, flags.includes("aa")]).toEqual(["NOERROR", isShared]);
        expect(serversIn(zone, isShared ? answer : authority)).toEqual(own);
      }
      for (const server of own) {
        const { status, flags, answer } = await askAt(directory, server, zone, "NS");
        expect([status, flags.includes("aa"), serversIn(zone, answer)]).toEqual(["NOERROR", true, own]);
      }
      if (!isShared) expect(own.filter((server) => asked.includes(server))).toEqual([]);
      asked = own;
    }
  }),
);
