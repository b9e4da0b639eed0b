import { join } from "node:path";
import { domain, type HttpsCloud } from "#tests/support/https-cloud.ts";

/** dig, where it is installed. */
export const dig = Bun.which("dig") ?? "";

export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function run(command: readonly string[], env: Readonly<Record<string, string>>): Promise<Ran> {
  const child = Bun.spawn([...command], { env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { exitCode: await child.exited, stdout, stderr };
}

/** What one name server answers to dig, one line per record. */
export async function askServer(
  cloud: HttpsCloud,
  server: string,
  name: string,
  type: string,
): Promise<readonly string[]> {
  const [address, port] = cloud.addressOf(server);
  const flags = ["+norecurse", "+noall", "+answer", "+authority"];
  const { stdout } = await run([dig, `@${address}`, "-p", port, ...flags, name, type], cloud.variables);
  return stdout
    .trim()
    .split("\n")
    .map((line) => line.replaceAll(/\s+/g, " "));
}

export interface Octodns {
  readonly zone: string;
  /** One of each type, as dig shows it: type, name and the rest of the line. */
  readonly records: readonly (readonly [string, string, string])[];
  /** Writes the records. @returns what it says */
  sync(env: Readonly<Record<string, string>>): Promise<string>;
}

/**
 * octoDNS with a zone of eight record sets.
 *
 * @param program `octodns-sync`
 * @param provider its settings of the cloud
 */
export function openOctodns(program: string, provider: object): Octodns {
  const zone = `octodns.${domain}`;
  return {
    zone,
    records: [
      ["A", zone, "300 IN A 192.0.2.7"],
      ["AAAA", `six.${zone}`, "300 IN AAAA 2001:db8::1"],
      ["CAA", zone, '300 IN CAA 0 issue "ca.test"'],
      ["CNAME", `www.${zone}`, `300 IN CNAME ${zone}.`],
      ["MX", zone, `300 IN MX 10 mail.${domain}.`],
      ["NS", `child.${zone}`, "300 IN NS ns1.other.test."],
      ["SRV", `_s._tcp.${zone}`, `300 IN SRV 1 2 443 www.${zone}.`],
      ["TXT", `text.${zone}`, '300 IN TXT "some text"'],
    ],
    async sync(env) {
      const config = await writeConfig(env.HOME ?? "", zone, provider);
      const { exitCode, stdout, stderr } = await run([program, "--config-file", config, "--doit", "--force"], env);
      if (exitCode !== 0) throw new Error(stderr);
      return stdout + stderr;
    },
  };
}

async function writeConfig(folder: string, zone: string, provider: object): Promise<string> {
  const zones = join(folder, "octodns");
  const records = {
    "": [
      { type: "A", value: "192.0.2.7" },
      { type: "CAA", value: { flags: 0, tag: "issue", value: "ca.test" } },
      { type: "MX", value: { exchange: `mail.${domain}.`, preference: 10 } },
    ],
    www: { type: "CNAME", value: `${zone}.` },
    text: { type: "TXT", value: "some text" },
    six: { type: "AAAA", value: "2001:db8::1" },
    "_s._tcp": { type: "SRV", value: { port: 443, priority: 1, weight: 2, target: `www.${zone}.` } },
    child: { type: "NS", values: ["ns1.other.test.", "ns2.other.test."] },
  };
  const source = {
    class: "octodns.provider.yaml.YamlProvider",
    directory: zones,
    default_ttl: 300,
    enforce_order: false,
  };
  const config = {
    providers: { config: source, cloud: provider },
    zones: { [`${zone}.`]: { sources: ["config"], targets: ["cloud"] } },
  };
  // JSON is YAML.
  await Bun.write(join(zones, `${zone}.yaml`), JSON.stringify(records));
  const path = join(folder, "octodns.yaml");
  await Bun.write(path, JSON.stringify(config));
  return path;
}
