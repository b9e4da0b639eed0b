import { promises as dns } from "node:dns";
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { z } from "zod";
import type { ServerDirectory } from "#lib/dns/prove.ts";
import { type NameServer, normalize } from "#lib/dns/query.ts";
import { FleetError } from "#lib/errors.ts";

/** Where verification starts: the name servers of a domain that is delegated from elsewhere. */
export interface DnsRoot extends ServerDirectory {
  /** @throws FleetError DnsUnanswered when the domain has no servers */
  serversOf(domain: string): Promise<readonly NameServer[]>;
}

const port = 53;

/** Uses this computer's resolver for server names and the fleet's domain; zones of the fleet are never resolved with it. */
export const systemDns: DnsRoot = {
  async addressesOf(name) {
    const found = await Promise.all(
      [dns.resolve4(name), dns.resolve6(name)].map((asked) => asked.catch((): readonly string[] => [])),
    );
    return found.flat().map((address) => ({ name: normalize(name), address, port }));
  },
  async serversOf(domain) {
    try {
      const names = await dns.resolveNs(domain);
      return (await Promise.all(names.map((name) => systemDns.addressesOf(name)))).flat();
    } catch (cause) {
      throw noServers(domain, cause);
    }
  },
};

/** Uses the servers of a file if one is given, otherwise this computer's resolver. The file is read on first use. */
export function openDns(file: string | undefined): DnsRoot {
  if (file === undefined) return systemDns;
  let reading: Promise<DnsRoot> | undefined;
  const read = (): Promise<DnsRoot> => {
    reading ??= readDirectory(file);
    return reading;
  };
  return {
    addressesOf: async (name) => await (await read()).addressesOf(name),
    serversOf: async (domain) => await (await read()).serversOf(domain),
  };
}

const schema = z.strictObject({
  /** Server names by domain. */
  domains: z.record(z.string(), z.array(z.string())),
  /** `address:port` by server name. */
  servers: z.record(z.string(), z.string()),
});

/**
 * Servers from a file, for name servers on other ports than 53: those of the sandbox and of tests.
 *
 * @throws FleetError DnsDirectoryInvalid
 */
export async function readDirectory(path: string): Promise<DnsRoot> {
  const invalid = (why: string, cause?: unknown): FleetError =>
    new FleetError("DnsDirectoryInvalid", `${path}: ${why}`, { hint: "correct DNS_DIRECTORY, or unset it", cause });
  let data: unknown;
  try {
    data = JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    throw invalid("it can't be read as JSON", cause);
  }
  const parsed = schema.safeParse(data);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw invalid(`${issue?.path.join(".") ?? ""}: ${issue?.message ?? "malformed"}`);
  }
  const { domains, servers } = parsed.data;
  const addresses = new Map(
    Object.entries(servers).map(([name, text]) => {
      const { address, port: number } = parseAddress(text) ?? {};
      if (address === undefined || number === undefined) throw invalid(`servers.${name}: "${text}" is no address:port`);
      return [normalize(name), { name: normalize(name), address, port: number }] as const;
    }),
  );
  const addressesOf = (name: string): readonly NameServer[] => {
    const found = addresses.get(normalize(name));
    return found === undefined ? [] : [found];
  };
  return {
    addressesOf: (name) => Promise.resolve(addressesOf(name)),
    serversOf(domain) {
      const found = (domains[domain] ?? []).flatMap(addressesOf);
      return found.length === 0 ? Promise.reject(noServers(domain)) : Promise.resolve(found);
    },
  };
}

function parseAddress(text: string): { readonly address: string; readonly port: number } | undefined {
  const [, address = "", number = ""] = /^\[?([\d.:a-f]+?)\]?:(\d+)$/.exec(text) ?? [];
  return isIP(address) === 0 ? undefined : { address, port: Number(number) };
}

function noServers(domain: string, cause?: unknown): FleetError {
  return new FleetError("DnsUnanswered", `${domain} has no name servers that this computer can resolve`, {
    hint: `is ${domain} registered, and does this computer have internet access?`,
    cause,
  });
}
