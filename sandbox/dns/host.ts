import { isErrno, tryReadText, writePrivateFile } from "#lib/files.ts";
import { type DnsServer, openDnsServer } from "#sandbox/dns/server.ts";
import { isWithin, type PlainRecordSet, type Zone } from "#sandbox/dns/zone.ts";

export interface DnsHostOptions {
  /** Names of the clouds' name servers. Each gets a port of its own and speaks for the zones that list it. */
  readonly servers: readonly string[];
  /** Zones of the clouds, the oldest first. Asked at each question, so that changes count at once. */
  readonly zones: () => readonly Zone[];
  /** Domains that are hosted outside of the clouds: `mylabs.dev`. */
  readonly domains: () => readonly string[];
  /** Where programs find the servers: the file that DNS_DIRECTORY names. */
  readonly directoryPath: string;
  /** Keeps the ports while nothing runs. */
  readonly statePath: string;
}

/** Real authoritative servers on loopback. */
export interface DnsHost {
  /** `127.0.0.1:port` by the name of the server. */
  readonly addresses: Readonly<Record<string, string>>;
  /** Writes the directory again, after the domains have changed. */
  writeDirectory(): Promise<void>;
  close(): Promise<void>;
}

/** Speaks for the domains that are hosted outside. */
export const registrarServer = "ns1.registrar.sandbox";

const loopback = "127.0.0.1";
/** Seconds; what people are told to paste. */
const delegationTtl = 86_400;

interface State {
  readonly ports: Readonly<Record<string, number>>;
}

/** @throws when a file can't be written */
export async function openDnsHost(options: DnsHostOptions): Promise<DnsHost> {
  const { zones, domains, directoryPath, statePath } = options;
  const text = await tryReadText(statePath);
  const { ports: before } = (text === undefined ? { ports: {} } : JSON.parse(text)) as State;
  const domainZones = (): readonly Zone[] =>
    domains().map((domain) => ({
      name: domain,
      servers: [registrarServer],
      records: delegationsOf(domain, zones()),
    }));
  const zonesOf = (server: string): readonly Zone[] =>
    server === registrarServer ? domainZones() : zones().filter(({ servers }) => servers.includes(server));
  const opened = await openServers([...options.servers, registrarServer], before, zonesOf);
  const ports = Object.fromEntries([...opened].map(([name, { port }]) => [name, port]));
  const addresses = Object.fromEntries([...opened].map(([name, { port }]) => [name, `${loopback}:${port}`]));
  const close = async (): Promise<void> => {
    await Promise.all([...opened.values()].map((server) => server.close()));
  };
  const writeDirectory = (): Promise<void> => {
    const found = Object.fromEntries(domains().map((domain) => [domain, [registrarServer]]));
    return writePrivateFile(directoryPath, JSON.stringify({ domains: found, servers: addresses }));
  };
  try {
    await writePrivateFile(statePath, JSON.stringify({ ports } satisfies State));
    await writeDirectory();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    addresses,
    writeDirectory,
    close,
  };
}

/**
 * What the owner of a domain has at the registrar: each zone of the clouds one level below is delegated to its name servers; of
 * two with one name, the older.
 */
function delegationsOf(domain: string, zones: readonly Zone[]): readonly PlainRecordSet[] {
  const below = zones.filter(({ name }) => isWithin(name, domain) && isOneBelow(name, domain));
  const names = [...new Set(below.map(({ name }) => name))];
  return names.map((name) => {
    const values = below.find((zone) => zone.name === name)?.servers ?? [];
    return { name, type: "NS", ttl: delegationTtl, values };
  });
}

function isOneBelow(name: string, domain: string): boolean {
  return name.split(".").length === domain.split(".").length + 1;
}

/** The ports from before first, so that no other server takes one of them. */
async function openServers(
  names: readonly string[],
  ports: Readonly<Record<string, number>>,
  zonesOf: (server: string) => readonly Zone[],
): Promise<ReadonlyMap<string, DnsServer>> {
  const opened = new Map<string, DnsServer>();
  const open = async (name: string, port?: number): Promise<void> => {
    opened.set(name, await openDnsServer(() => zonesOf(name), loopback, port));
  };
  try {
    for (const name of names) {
      const port = ports[name];
      if (port !== undefined) await open(name, port).catch(rethrowUnlessTaken);
    }
    for (const name of names) if (!opened.has(name)) await open(name);
  } catch (error) {
    await Promise.all([...opened.values()].map((server) => server.close()));
    throw error;
  }
  return opened;
}

function rethrowUnlessTaken(error: unknown): void {
  if (!isErrno(error, "EADDRINUSE", "EACCES")) throw error;
}
