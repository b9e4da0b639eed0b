import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { awsApi } from "#sandbox/aws/http-api.ts";
import { administratorKeys } from "#sandbox/aws/iam/administrators.ts";
import { nameServerPool } from "#sandbox/aws/route53/name-servers.ts";
import { servedZones } from "#sandbox/aws/route53/served-zones.ts";
import { route53 } from "#sandbox/aws/route53/service.ts";
import { type KeptCloud, openCloud } from "#sandbox/aws/state.ts";
import { type HttpServer, openHttpServer } from "#sandbox/cloud/http-server.ts";
import { type DnsHost, openDnsHost, registrarServer } from "#sandbox/dns/host.ts";
import { paceOf } from "#sandbox/pace.ts";

/** Programs that nobody here wrote: AWS's own, BIND's `dig`, and a Python with dnspython; `.ci/run` installs what it can. */
const aws = Bun.env.AWS_CLI ?? Bun.which("aws") ?? "";
const dig = Bun.which("dig") ?? "";
const python = Bun.env.DNSPYTHON ?? "";
for (const [program, what] of [
  [aws, "aws, which would make zones"],
  [dig, "dig, which would walk delegations"],
  [python, "dnspython, which would read records (DNSPYTHON)"],
]) {
  if (program === "") process.stdout.write(`the sandbox's zones are not judged by ${what}: it is not installed\n`);
}

const domain = "mylabs.test";
const [management, tenant] = ["123456789012", "210987654321"] as const;
/** Changes are everywhere at once: what lies between is for `tests/sandbox/aws/route53`. */
const speed = 1e9;
/** The CLI takes a second or two per call, by far the longest here. */
const cliMs = 120_000;

describe.skipIf(aws === "")("zones that AWS's own program makes", () => {
  let folder: string;
  let cloud: KeptCloud;
  let server: HttpServer;
  let host: DnsHost;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "delegation-"));
    cloud = openCloud({ path: join(folder, "aws.json"), pace: paceOf(() => speed) });
    server = await openHttpServer({ api: () => awsApi(cloud, [route53(cloud)]) });
    host = await openDnsHost({
      servers: nameServerPool,
      zones: () => servedZones(cloud),
      domains: () => [domain],
      directoryPath: join(folder, "directory.json"),
      statePath: join(folder, "dns.json"),
    });
  });
  afterAll(async () => {
    await host.close();
    await server.stop();
    cloud.flush();
    await rm(folder, { recursive: true, force: true });
  });

  async function run(command: readonly string[], env: Readonly<Record<string, string>> = {}, stdin = "") {
    const child = Bun.spawn([...command], {
      env: { PATH: Bun.env.PATH ?? "", HOME: folder, ...env },
      stdin: Buffer.from(stdin),
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    return { stdout: stdout.trim(), stderr: stderr.trim(), exitCode: await child.exited };
  }

  async function route53Cli(account: string, ...args: readonly string[]) {
    const { accessKeyId, secretAccessKey } = administratorKeys(account);
    return await run([aws, "route53", ...args, "--output", "json"], {
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_DEFAULT_REGION: "us-east-1",
      AWS_ENDPOINT_URL: server.endpoint,
      AWS_MAX_ATTEMPTS: "1",
    });
  }

  async function json(account: string, ...args: readonly string[]): Promise<unknown> {
    const { stdout, stderr, exitCode } = await route53Cli(account, ...args);
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    return stdout === "" ? undefined : JSON.parse(stdout);
  }

  async function makeZone(account: string, name: string) {
    const made = (await json(account, "create-hosted-zone", "--name", name, "--caller-reference", name)) as {
      readonly HostedZone: { readonly Id: string };
      readonly ChangeInfo: { readonly Id: string };
      readonly DelegationSet: { readonly NameServers: readonly string[] };
    };
    await json(account, "wait", "resource-record-sets-changed", "--id", made.ChangeInfo.Id);
    return { id: made.HostedZone.Id, servers: made.DelegationSet.NameServers };
  }

  const batch = (action: string, name: string, type: string, values: readonly string[]): string =>
    JSON.stringify({
      Changes: [
        {
          Action: action,
          ResourceRecordSet: { Name: name, Type: type, TTL: 300, ResourceRecords: values.map((Value) => ({ Value })) },
        },
      ],
    });
  const change = async (account: string, id: string, ...args: Parameters<typeof batch>) =>
    await json(account, "change-resource-record-sets", "--hosted-zone-id", id, "--change-batch", batch(...args));

  /** What a server says to one question, without recursion: its flags and the lines of its answer and its referral. */
  async function ask(server: string, name: string, type: string) {
    const [address = "", port = ""] = (host.addresses[server] ?? "").split(":");
    const { stdout } = await run([dig, `@${address}`, "-p", port, "+norecurse", "+noquestion", "+nostats", name, type]);
    const [, status = "", flags = ""] = /status: (\w+),[\s\S]*?flags: ([a-z ]+);/.exec(stdout) ?? [];
    const lines = stdout.split("\n").filter((line) => line !== "" && !line.startsWith(";"));
    const values = lines.flatMap((line) => {
      const [owner = "", , , kind = "", ...rest] = line.split(/\s+/);
      return kind === "NS" && owner === `${name}.` ? [rest.join(" ").replace(/\.$/, "")] : [];
    });
    return { status, isAuthoritative: flags.split(" ").includes("aa"), servers: values.sort() };
  }

  test.skipIf(dig === "")(
    "are found by walking from the domain's server over referrals, over accounts",
    async () => {
      const names = [`aws.${domain}`, `k8s.aws.${domain}`, `k01.k8s.aws.${domain}`] as const;
      const primary = await makeZone(management, names[0]);
      const clusters = await makeZone(management, names[1]);
      const leaf = await makeZone(tenant, names[2]);
      await change(management, primary.id, "CREATE", names[1], "NS", clusters.servers);
      await change(management, clusters.id, "UPSERT", names[2], "NS", leaf.servers);

      let asked: readonly string[] = [registrarServer];
      for (const [index, zone] of [primary, clusters, leaf].entries()) {
        for (const server of asked) {
          const referral = await ask(server, names[index] ?? "", "NS");
          expect([server, referral]).toEqual([
            server,
            { status: "NOERROR", isAuthoritative: false, servers: [...zone.servers].sort() },
          ]);
        }
        for (const server of zone.servers) {
          const own = await ask(server, names[index] ?? "", "NS");
          expect([server, own]).toEqual([
            server,
            { status: "NOERROR", isAuthoritative: true, servers: [...zone.servers].sort() },
          ]);
        }
        asked = zone.servers;
      }
      const used = new Set([...primary.servers, ...clusters.servers, ...leaf.servers]);
      expect(used.size).toBe(12);
      const stranger = nameServerPool.find((server) => !used.has(server)) ?? "";
      expect((await ask(stranger, names[2], "NS")).status).toBe("REFUSED");

      // A delegation to the servers of another zone leads nowhere.
      const other = await makeZone(tenant, `k03.k8s.aws.${domain}`);
      await change(management, clusters.id, "UPSERT", names[2], "NS", other.servers);
      const [first = ""] = (await ask(clusters.servers[0] ?? "", names[2], "NS")).servers;
      expect((await ask(first, names[2], "SOA")).status).toBe("REFUSED");
    },
    cliMs,
  );

  test.skipIf(python === "")(
    "tell another resolver every type of record",
    async () => {
      const zone = await makeZone(management, `types.${domain}`);
      const name = `all.types.${domain}`;
      const values: Readonly<Record<string, readonly string[]>> = {
        A: ["192.0.2.1", "192.0.2.2"],
        AAAA: ["2001:db8::1"],
        CAA: ['0 issue "ca.example.org"'],
        MX: ["10 mail.example.org."],
        NS: ["ns.example.org."],
        SRV: ["1 2 443 web.example.org."],
        TXT: ['"v=spf1 -all"', `"${"a".repeat(255)}" "b \\"c\\""`],
      };
      for (const [type, list] of Object.entries(values)) {
        await change(management, zone.id, "CREATE", type === "NS" ? `sub.types.${domain}` : name, type, list);
      }
      await change(management, zone.id, "CREATE", `*.any.types.${domain}`, "CNAME", [`${name}.`]);
      const script = `
import dns.message, dns.query, json, sys
said = {}
for type in sys.argv[2].split(","):
    asked = dns.message.make_query(sys.argv[3], type)
    reply, _ = dns.query.udp_with_fallback(asked, "127.0.0.1", port=int(sys.argv[1]), timeout=3)
    said[type] = sorted(r.to_text() for s in reply.answer for r in s)
asked = dns.message.make_query("x." + "any.types.${domain}", "A")
reply = dns.query.udp(asked, "127.0.0.1", port=int(sys.argv[1]), timeout=3)
said["CNAME"] = [r.to_text() for s in reply.answer for r in s]
print(json.dumps(said))
`;
      const [, port = ""] = (host.addresses[zone.servers[0] ?? ""] ?? "").split(":");
      const { NS: _, ...asked } = values;
      const { stdout, stderr } = await run([python, "-c", script, port, Object.keys(asked).join(), name]);
      expect(stderr).toBe("");
      const sorted = Object.entries(asked).map(([type, list]) => [type, [...list].sort()]);
      expect(JSON.parse(stdout)).toEqual({ ...Object.fromEntries(sorted), CNAME: [`${name}.`] });
    },
    cliMs,
  );

  test(
    "are listed, tagged, refused and deleted in its words",
    async () => {
      const { id } = await makeZone(management, `own.${domain}`);
      const bare = id.replace("/hostedzone/", "");
      const tags = ["--resource-type", "hostedzone", "--resource-id", bare];
      await json(management, "change-tags-for-resource", ...tags, "--add-tags", "Key=fleet,Value=mylabs.test");
      expect(await json(management, "list-tags-for-resource", ...tags)).toEqual({
        ResourceTagSet: {
          ResourceType: "hostedzone",
          ResourceId: bare,
          Tags: [{ Key: "fleet", Value: "mylabs.test" }],
        },
      });
      expect(await json(management, "list-hosted-zones-by-name", "--dns-name", `own.${domain}`)).toMatchObject({
        HostedZones: expect.arrayContaining([expect.objectContaining({ Id: id, Name: `own.${domain}.` })]),
        DNSName: `own.${domain}`,
      });
      const batches = batch("DELETE", `gone.own.${domain}`, "A", ["192.0.2.1"]);
      const refused = await route53Cli(
        management,
        "change-resource-record-sets",
        "--hosted-zone-id",
        id,
        "--change-batch",
        batches,
      );
      expect(refused.stderr).toContain(
        `An error occurred (InvalidChangeBatch) when calling the ChangeResourceRecordSets operation: [Tried to delete resource record set [name='gone.own.${domain}.', type='A'] but it was not found]`,
      );
      const foreign = await route53Cli(tenant, "get-hosted-zone", "--id", id);
      expect(foreign.stderr).toContain(
        `An error occurred (AccessDenied) when calling the GetHostedZone operation: User: arn:aws:iam::${tenant}:user/aws-cli is not authorized to access this resource`,
      );
      await json(management, "delete-hosted-zone", "--id", id);
      const gone = await route53Cli(management, "get-hosted-zone", "--id", id);
      expect(gone.stderr).toContain(
        `An error occurred (NoSuchHostedZone) when calling the GetHostedZone operation: No hosted zone found with ID: ${bare}`,
      );
    },
    cliMs,
  );
});
