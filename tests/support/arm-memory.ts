import { AzureError } from "#lib/azure/azure-error.ts";
import type { Arm, ArmResource, AzureDns, AzureRecordSet, AzureZone, Condition, Json } from "#lib/azure/clients.ts";
import { explain } from "#lib/azure/explain.ts";
import { mergeBody } from "#lib/cloud/body.ts";

/** Resource Manager and Azure DNS in memory: a map, and what a test scripts. */
export interface ArmMemory {
  readonly arm: Arm;
  readonly dns: AzureDns;
  /** In order: `put /subscriptions/…`. */
  readonly calls: string[];
  /** Called first, with `put /subscriptions/…`; an error that it throws is the answer. */
  onCall: (call: string) => void;
  /** States of a resource after a write, one for each read; the last one stays. @default none: it is done at once */
  course: readonly string[];
  /** The same after a delete; it is gone after the last one. */
  removal: readonly string[];
  /** Fields that Azure adds to new resources of a type. */
  readonly adds: Map<string, () => Json>;
  add(id: string, body: Json): ArmResource;
  find(id: string): ArmResource | undefined;
  /** Answers of actions, by their name. */
  readonly actions: Map<string, (id: string) => Json>;
  /** Record sets by zone. */
  readonly sets: Map<string, AzureRecordSet[]>;
}

interface Stored {
  resource: ArmResource;
  states: readonly string[];
  gone: boolean;
}

/** As the clients throw it. */
export function azureError(code: string, message = code, status = 409): Error {
  return explain(new AzureError({ code, message }, { status }), { account: "az-01", what: "a test" }) as Error;
}

export function armMemory(): ArmMemory {
  const stored = new Map<string, Stored>();
  let etags = 0;
  const keyOf = (id: string): string => id.toLowerCase();
  const said = (call: string): void => {
    memory.calls.push(call);
    memory.onCall(call);
  };
  const read = (id: string): ArmResource | undefined => {
    const found = stored.get(keyOf(id));
    if (found === undefined) return undefined;
    const [next, ...rest] = found.states;
    if (next !== undefined) {
      found.resource = withState(found.resource, next);
      found.states = rest;
    } else if (found.gone) {
      stored.delete(keyOf(id));
      return undefined;
    }
    return found.resource;
  };
  const write = (id: string, body: Json, condition: Condition = {}): ArmResource => {
    const before = stored.get(keyOf(id))?.resource;
    const isMet = condition.ifMatch === undefined || condition.ifMatch === before?.etag;
    if (!isMet || (condition.ifNoneMatch === "*" && before !== undefined)) {
      throw azureError("PreconditionFailed", "etag mismatch", 412);
    }
    const parts = id.split("/");
    const [namespace = "", ...rest] = id.split("/providers/").at(-1)?.split("/") ?? [];
    const type = [namespace, ...rest.filter((_, index) => index % 2 === 0)].join("/");
    const added = before ?? memory.adds.get(keyOf(parts.at(-2) ?? ""))?.() ?? {};
    const [state, ...states] = memory.course;
    const resource: ArmResource = {
      ...body,
      id,
      name: parts.at(-1) ?? "",
      type,
      etag: `etag-${++etags}`,
      properties: mergeBody(fieldsOf(body.properties), fieldsOf(added.properties)),
    };
    const entry = { resource: state === undefined ? resource : withState(resource, state), states, gone: false };
    stored.set(keyOf(id), entry);
    return entry.resource;
  };
  const remove = (id: string): void => {
    const found = stored.get(keyOf(id));
    if (found === undefined) return;
    found.gone = true;
    found.states = memory.removal;
    if (memory.removal.length === 0) stored.delete(keyOf(id));
  };
  const below = (prefix: string): readonly ArmResource[] =>
    [...stored.values()].map(({ resource }) => resource).filter(({ id }) => keyOf(id).startsWith(keyOf(prefix)));

  const memory: ArmMemory = {
    calls: [],
    onCall: () => undefined,
    course: [],
    removal: [],
    adds: new Map(),
    actions: new Map(),
    sets: new Map(),
    add: (id, body) => write(id, body),
    find: (id) => stored.get(keyOf(id))?.resource,
    arm: {
      async get(_world, id) {
        said(`get ${id}`);
        return read(id);
      },
      async put(_world, id, body, condition) {
        said(`put ${id}`);
        return write(id, body, condition);
      },
      async remove(_world, id) {
        said(`remove ${id}`);
        remove(id);
      },
      async post(_world, id, action) {
        said(`post ${id}/${action}`);
        return memory.actions.get(action)?.(id) ?? {};
      },
      async list(_world, id) {
        said(`list ${id}`);
        const prefix = id.endsWith("/resources") ? `${id.slice(0, -"/resources".length)}/providers/` : `${id}/`;
        return below(prefix);
      },
    },
    dns: dnsOf(() => memory, { read, write, remove, said, below }),
  };
  return memory;
}

function withState(resource: ArmResource, provisioningState: string): ArmResource {
  return { ...resource, properties: { ...resource.properties, provisioningState } };
}

function fieldsOf(value: unknown): Json {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

interface Access {
  read(id: string): ArmResource | undefined;
  write(id: string, body: Json, condition?: Condition): ArmResource;
  remove(id: string): void;
  said(call: string): void;
  below(prefix: string): readonly ArmResource[];
}

/** Of the only subscription of a test. */
function dnsOf(memory: () => ArmMemory, { read, write, remove, said, below }: Access): AzureDns {
  const zoneId = (group: string, name: string): string =>
    `/subscriptions/${testSubscription}/resourceGroups/${group}/providers/Microsoft.Network/dnszones/${name}`;
  const setsOf = (zone: string): AzureRecordSet[] => memory().sets.get(zone) ?? [];
  const toZone = ({ id, name, etag = "", tags = {}, properties = {} }: ArmResource): AzureZone => ({
    id,
    name,
    group: id.split("/")[4] ?? "",
    etag,
    tags,
    nameServers: Array.isArray(properties.nameServers) ? properties.nameServers.map(String) : [],
    recordSets: 2 + setsOf(name).length,
  });
  return {
    async zone(_world, group, name) {
      said(`zone ${group} ${name}`);
      const found = read(zoneId(group, name));
      return found === undefined ? undefined : toZone(found);
    },
    async putZone(_world, group, name, tags, condition) {
      said(`putZone ${group} ${name}`);
      return toZone(write(zoneId(group, name), { tags }, condition));
    },
    async zones() {
      said("zones");
      return below("/")
        .filter(({ id }) => id.includes("/dnszones/"))
        .map(toZone);
    },
    async removeZone(_world, group, name) {
      said(`removeZone ${group} ${name}`);
      remove(zoneId(group, name));
      memory().sets.delete(name);
    },
    async recordSets(_world, _group, zone) {
      said(`recordSets ${zone}`);
      return setsOf(zone);
    },
    async recordSet(_world, _group, zone, name, type) {
      said(`recordSet ${zone} ${name} ${type}`);
      return setsOf(zone).find((set) => set.name === name && set.type === type);
    },
    async putRecordSet(_world, group, zone, { name, type, ttl, values, metadata = {} }) {
      said(`putRecordSet ${zone} ${name} ${type}`);
      const set = { id: `${zoneId(group, zone)}/${type}/${name}`, name, type, ttl, values, metadata, etag: "set" };
      memory().sets.set(zone, [...setsOf(zone).filter((other) => other.name !== name), set]);
      return set;
    },
    async removeRecordSet(_world, _group, zone, name) {
      said(`removeRecordSet ${zone} ${name}`);
      memory().sets.set(
        zone,
        setsOf(zone).filter((other) => other.name !== name),
      );
    },
  };
}

export const testSubscription = "22222222-2222-4222-8222-222222222222";
