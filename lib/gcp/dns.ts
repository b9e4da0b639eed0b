import type { DNS, GetZonesRequest } from "@google-cloud/dns";
import { pollWith } from "#lib/cloud/poll.ts";
import type { GcpDns, GcpRecordSet, GcpZone, Json } from "#lib/gcp/clients.ts";
import { isPassing } from "#lib/gcp/explain.ts";
import { type Call, type GcpCalls, sendJson, undefinedIfMissing } from "#lib/gcp/rest.ts";

const poll = pollWith(isPassing);
/** Google's servers have a change after seconds; it promises minutes: https://cloud.google.com/dns/docs/overview#propagation */
const changeMs = 5 * 60_000;

export interface DnsReach {
  readonly projectId: string;
  readonly send: typeof fetch;
  /** With a last slash. */
  readonly host: string;
}

type MakeDns = (token: string, signal: AbortSignal, fail: (error: unknown) => void) => DNS;

/** What the package asks its transport to send. */
interface PackageRequest {
  readonly uri: string;
  readonly method?: string;
  readonly json?: unknown;
  readonly qs?: Readonly<Record<string, string>>;
}

/**
 * The package with a transport of ours: its own compresses bodies by mistake on Bun, sends requests without credentials rather than none,
 * reads no certificate authorities at run time and has no deadline. What it throws when it reads an answer would never reach the caller.
 */
export async function openDns({ projectId, send, host }: DnsReach): Promise<MakeDns> {
  const { DNS: Client } = await import("@google-cloud/dns");
  return (token, signal, fail) => {
    const client = new Client({ projectId });
    client.baseUrl = `${host}dns/v1`;
    const transport = (request: PackageRequest, callback: (error: unknown, body?: Json) => void): void => {
      const { uri, method = "GET", json, qs } = request;
      sendJson(send, { method, url: uri, query: qs, body: json, token, signal })
        .then(
          (body) => callback(null, body),
          (error: unknown) => callback(error),
        )
        .catch(fail);
    };
    Object.assign(client, { makeAuthenticatedRequest: transport });
    return client;
  };
}

/** Zones and record sets of one project, for one actor. */
export function dnsOf(calls: GcpCalls, makeDns: MakeDns): GcpDns {
  /** Ends with the package's answer, with what it throws, or with the call's deadline. */
  const by =
    <Answer>(use: (client: DNS) => Promise<Answer>): Call<Answer> =>
    (token, signal) =>
      new Promise<Answer>((resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
        use(makeDns(token, signal, reject)).then(resolve, reject);
      });
  return {
    zone: (world, name) =>
      calls.read(
        world,
        `reading the zone ${name}`,
        by(async (client) => {
          const found = await client.zone(name).getMetadata().catch(undefinedIfMissing);
          return found === undefined ? undefined : parseZone(found[0] as Json);
        }),
      ),
    zones: (world, dnsName) =>
      calls.read(
        world,
        dnsName === undefined ? "listing zones" : `listing zones of ${dnsName}`,
        by(async (client) => {
          // Passed on, although the package's types do not know it.
          const query = (dnsName === undefined ? {} : { dnsName: `${dnsName}.` }) as GetZonesRequest;
          const [zones] = await client.getZones(query);
          return zones.map(({ metadata }) => parseZone(metadata as Json));
        }),
      ),
    createZone: (world, { name, dnsName, description, labels }) =>
      calls.change(
        world,
        { what: `creating the zone ${name}`, repeatable: false },
        by(async (client) => {
          // The package changes what it gets.
          const config = { dnsName: `${dnsName}.`, description, labels: { ...labels }, visibility: "public" };
          const [zone] = await client.createZone(name, config);
          return parseZone(zone.metadata as Json);
        }),
      ),
    async setLabels(world, name, labels) {
      const change = { what: `labelling the zone ${name}`, repeatable: true };
      await calls.change(
        world,
        change,
        by(async (client) => {
          await client.zone(name).request({ method: "PATCH", uri: "", json: { labels } });
        }),
      );
    },
    async removeZone(world, name) {
      const change = { what: `deleting the zone ${name}`, repeatable: true };
      await calls.change(
        world,
        change,
        by(async (client) => {
          await client.zone(name).delete().catch(undefinedIfMissing);
        }),
      );
    },
    recordSets: (world, zone, of) =>
      calls.read(
        world,
        of === undefined ? `listing records of ${zone}` : `reading ${of.type ?? "records"} ${of.name} of ${zone}`,
        by(async (client) => {
          const { name, type } = of ?? {};
          const query = {
            ...(name === undefined ? {} : { name: `${name}.` }),
            ...(type === undefined ? {} : { type }),
          };
          const found = await client.zone(zone).getRecords(query).catch(undefinedIfMissing);
          return (found?.[0] ?? []).map((record) => parseRecordSet(record.toJSON() as Json));
        }),
      ),
    async change(world, zone, { additions = [], deletions = [] }) {
      const change = { what: `changing records of ${zone}`, repeatable: false };
      const id = await calls.change(
        world,
        change,
        by(async (client) => {
          const host = client.zone(zone);
          const recordOf = ({ name, type, ttl, values }: GcpRecordSet) =>
            host.record(type, { name: `${name}.`, ttl, data: [...values] });
          const [made] = await host.createChange({ add: additions.map(recordOf), delete: deletions.map(recordOf) });
          return made.id ?? "";
        }),
      );
      const waiting = {
        what: `changing records of ${zone}`,
        timeoutMs: changeMs,
        hint: "run the same command again: it continues from there",
      };
      await poll({ ...world, output: () => undefined }, waiting, async () => {
        const [{ status }] = await calls.read(
          world,
          `reading change ${id} of ${zone}`,
          by((client) => client.zone(zone).change(id).getMetadata()),
        );
        return status === "done" ? { done: undefined } : { waiting: "Google sends the records to its name servers" };
      });
    },
  };
}

function parseZone(found: Json): GcpZone {
  const { name, id, dnsName, description = "", labels = {}, nameServers = [], visibility = "public" } = found;
  return {
    name: String(name),
    id: String(id),
    dnsName: hostName(String(dnsName)),
    description: String(description),
    labels: labels as GcpZone["labels"],
    nameServers: (nameServers as readonly string[]).map(hostName).sort(),
    visibility: visibility === "private" ? "private" : "public",
  };
}

function parseRecordSet({ name, type, ttl, rrdatas = [] }: Json): GcpRecordSet {
  return {
    name: hostName(String(name)),
    type: String(type),
    ttl: Number(ttl),
    values: rrdatas as readonly string[],
  };
}

/** Names are compared: in lower case, without the last dot. */
function hostName(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}
