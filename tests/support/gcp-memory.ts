import type { Caller, GcpActor, GcpDns, GcpRecordSet, GcpZone, Json, Query, Rest } from "#lib/gcp/clients.ts";
import { explain } from "#lib/gcp/explain.ts";
import type { GcpAccount } from "#lib/gcp/fleet/types.ts";
import { GoogleError } from "#lib/gcp/google-error.ts";
import type { GcpWorld } from "#lib/gcp/world.ts";
import type { OutputStore } from "#lib/graph/outputs.ts";
import type { Resource } from "#lib/graph/resource.ts";
import { type AwsWorldOptions, awsWorld } from "#tests/support/aws-world.ts";

export const testAccount: GcpAccount = {
  provider: "gcp",
  name: "gcp-01",
  role: "tenant",
  projectId: "test-01",
  projectNumber: "222222222222",
};
export const testActor: GcpActor = { account: testAccount, as: "clusters" };

/** Google's APIs in memory: documents by their paths, policies with etags, zones, and what a test scripts. */
export interface GcpMemory {
  readonly rest: Rest;
  readonly dns: GcpDns;
  /** Changing calls in order: `POST v1/projects/P/roles`, `change ZONE`. Reading policies is not one. */
  readonly calls: string[];
  /** Called first, with each call; an error that it throws is the answer. */
  onCall: (call: string) => void;
  /** By path, without its version. */
  readonly documents: Map<string, Json>;
  /** By path without its version. */
  readonly policies: Map<string, Json>;
  /** Answers of a method by a part of its call, instead of what follows from the documents. */
  readonly answers: Map<string, (body: Json, query: Query) => Json>;
  readonly zones: Map<string, GcpZone>;
  /** By zone. */
  readonly sets: Map<string, readonly GcpRecordSet[]>;
}

/** As the clients throw it. */
export function gcpError(status: number, code: string, message = code, reasons: readonly string[] = []): Error {
  const error = new GoogleError({ code, message, reasons }, { status });
  return explain(error, { account: testAccount.name, what: "a test" }) as Error;
}

export function gcpMemory(): GcpMemory {
  const said = (call: string): void => {
    if (!/^(GET|LIST)|:getIamPolicy/.test(call)) memory.calls.push(call);
    memory.onCall(call);
  };
  const memory: GcpMemory = {
    calls: [],
    onCall: () => undefined,
    documents: new Map(),
    policies: new Map(),
    answers: new Map(),
    zones: new Map(),
    sets: new Map(),
    rest: {
      async get(_world, _service, path) {
        said(`GET ${path}`);
        return answerOf(memory, `GET ${path}`, {}, {}) ?? memory.documents.get(pathOf(path));
      },
      async send(_world, _service, method, path, body = {}, query = {}) {
        said(`${method} ${path}`);
        return answerOf(memory, `${method} ${path}`, body, query) ?? write(memory, method, path, body, query);
      },
      async list(_world, _service, path, field) {
        said(`LIST ${path}`);
        const found = answerOf(memory, `LIST ${path}`, {}, {})?.[field];
        return Array.isArray(found) ? found : [];
      },
    },
    dns: dnsOf(() => memory, said),
  };
  return memory;
}

/** Without the version of the API. */
function pathOf(path: string): string {
  return path.replace(/^(dns\/)?v\d\//, "");
}

function answerOf({ answers }: GcpMemory, call: string, body: Json, query: Query): Json | undefined {
  const [found] = [...answers].filter(([part]) => call.includes(part));
  return found?.[1](body, query);
}

const done = { name: "operations/1", done: true };

function write(memory: GcpMemory, method: string, full: string, body: Json, query: Query): Json {
  const path = pathOf(full);
  const [resource = "", action] = path.split(":");
  const before = memory.documents.get(resource);
  if (action?.endsWith("IamPolicy") === true) return policy(memory, resource, action, body);
  if (action === "undelete") memory.documents.set(resource, { ...before, state: "ACTIVE", deleted: false });
  else if (method === "DELETE") {
    const isSoft = /workloadIdentityPools|\/roles\//.test(resource);
    if (isSoft) memory.documents.set(resource, { ...before, state: "DELETED", deleted: true });
    else memory.documents.delete(resource);
  } else if (method === "PATCH") {
    const of = Object(body.serviceAccount ?? body);
    // Compute Engine merges all that is sent.
    const mask = query.updateMask ?? body.updateMask;
    const fields = mask === undefined ? Object.keys(of) : String(mask).split(",");
    const changed = Object.fromEntries(fields.map((field) => [field, of[field]]));
    memory.documents.set(resource, { ...before, ...changed });
  } else if (action === undefined) create(memory, resource, body, query);
  return done;
}

function create(memory: GcpMemory, collection: string, body: Json, query: Query): void {
  const { accountId, roleId, serviceAccount, role, ...rest } = body;
  const id = query.workloadIdentityPoolId ?? query.workloadIdentityPoolProviderId ?? roleId ?? body.name;
  const name = id ?? `${String(accountId)}@${testAccount.projectId}.iam.gserviceaccount.com`;
  const path = `${collection}/${String(name)}`;
  if (memory.documents.has(path)) throw gcpError(409, "ALREADY_EXISTS");
  memory.documents.set(path, Object(serviceAccount ?? role ?? rest));
}

function policy({ policies }: GcpMemory, resource: string, action: string, body: Json): Json {
  const before = policies.get(resource) ?? { etag: "0", bindings: [] };
  if (action === "getIamPolicy") return before;
  const wanted = Object(body.policy);
  if (wanted.etag !== before.etag) throw gcpError(409, "ABORTED", "There were concurrent policy changes.");
  const after = { ...wanted, etag: String(Number(before.etag) + 1) };
  policies.set(resource, after);
  return after;
}

function dnsOf(memory: () => GcpMemory, said: (call: string) => void): GcpDns {
  const setsOf = (zone: string): readonly GcpRecordSet[] => memory().sets.get(zone) ?? [];
  const keyOf = ({ name, type }: GcpRecordSet): string => `${name} ${type}`;
  return {
    zone: async (_world, name) => memory().zones.get(name),
    zones: async (_world, dnsName) =>
      [...memory().zones.values()].filter((zone) => dnsName === undefined || zone.dnsName === dnsName),
    async createZone(_world, zone) {
      said(`create ${zone.name}`);
      const nameServers = ["ns-cloud-a1.googledomains.com", "ns-cloud-a2.googledomains.com"];
      const made: GcpZone = { ...zone, id: "1", nameServers, visibility: "public" };
      memory().zones.set(zone.name, made);
      return made;
    },
    async setLabels(_world, name, labels) {
      said(`labels ${name}`);
      const zone = memory().zones.get(name);
      if (zone !== undefined) memory().zones.set(name, { ...zone, labels });
    },
    async removeZone(_world, name) {
      said(`remove ${name}`);
      memory().zones.delete(name);
    },
    recordSets: async (_world, zone, of) =>
      setsOf(zone).filter(
        ({ name, type }) => (of === undefined || of.name === name) && (of?.type === undefined || of.type === type),
      ),
    async change(_world, zone, { additions = [], deletions = [] }) {
      said(`change ${zone}`);
      const left = new Map(setsOf(zone).map((set) => [keyOf(set), set]));
      for (const set of deletions) {
        if (JSON.stringify(left.get(keyOf(set))) !== JSON.stringify(set)) {
          throw gcpError(412, "conditionNotMet", "Precondition not met for 'entity.change.deletions[0]'");
        }
        left.delete(keyOf(set));
      }
      for (const set of additions) left.set(keyOf(set), set);
      memory().sets.set(zone, [...left.values()]);
    },
  };
}

export interface GcpTestWorld {
  readonly world: GcpWorld;
  readonly outputs: OutputStore;
  /** Progress, in order. */
  readonly said: string[];
  /** Accounts whose access was changed. */
  readonly changedAccess: string[];
}

/** A world with one project in memory, and nothing else. */
export function gcpWorld(
  memory: GcpMemory,
  options: Pick<AwsWorldOptions, "adopt" | "allowReplacement" | "signal" | "skipDnsWait" | "skipDnsCheck" | "dns"> = {},
): GcpTestWorld {
  const { world, outputs, said } = awsWorld(options);
  const changedAccess: string[] = [];
  const caller: Caller = { kind: "user", name: "ann@example.org" };
  return {
    world: {
      ...world,
      gcp: {
        rest: () => memory.rest,
        dns: async () => memory.dns,
        caller: async () => caller,
        findAdministrator: async () => caller,
        token: async () => ({ token: "token", expires: new Date(0) }),
        accessChanged: ({ name }) => void changedAccess.push(name),
      },
    },
    outputs,
    said,
    changedAccess,
  };
}

/** A resource as others see it that need it. The test's world has the clients that it calls. */
export function bound<State>(resource: Resource<State, GcpWorld>): Resource<State> {
  return resource as unknown as Resource<State>;
}
