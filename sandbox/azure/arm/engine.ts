import { randomUUID } from "node:crypto";
import {
  type ArmCall,
  ArmFault,
  type Json,
  type Kind,
  type Listing,
  type ResourceId,
  type StoredBody,
  type StoredResource,
} from "#sandbox/azure/arm/kind.ts";
import { pageOf } from "#sandbox/azure/arm/list.ts";
import { beginOperation, isIn, operationHeaders, removeAll } from "#sandbox/azure/arm/operations.ts";
import { checkBody } from "#sandbox/azure/arm/shapes.ts";
import { findResource, resourcesBelow, storeResource } from "#sandbox/azure/arm/store.ts";
import { groupType, spellId } from "#sandbox/azure/arm/target.ts";
import type { AzureCloud } from "#sandbox/azure/cloud.ts";
import { refuseWhileLocked } from "#sandbox/azure/kinds/locks.ts";
import { isObject } from "#sandbox/json.ts";

/** The verbs that all types have, on an authorized call. */
export class Engine {
  readonly #cloud: AzureCloud;
  readonly #kinds: ReadonlyMap<string, Kind>;

  constructor(cloud: AzureCloud, kinds: readonly Kind[]) {
    this.#cloud = cloud;
    this.#kinds = new Map(kinds.map((kind) => [kind.type.toLowerCase(), kind]));
  }

  /** @param type in any spelling */
  readonly kindOf = (type: string): Kind | undefined => this.#kinds.get(type.toLowerCase());

  /** @throws ArmFault when what the resource is in is missing */
  requirePlace({ subscription, group, scope, parent, type }: ResourceId, method: string): void {
    const groupId = `/subscriptions/${subscription}/resourceGroups/${group}`;
    const isGroup = type.toLowerCase() === groupType.toLowerCase();
    const found = group === "" ? undefined : findResource(this.#cloud, groupId);
    if (group !== "" && !isGroup && found === undefined) throw groupNotFound(group);
    if (found !== undefined && method !== "GET" && isIn(found, "Deleting")) {
      throw new ArmFault(
        409,
        "ResourceGroupBeingDeleted",
        `The resource group '${group}' is in deprovisioning state and cannot perform this operation.`,
      );
    }
    if (/\/providers\//i.test(scope) && this.#find(scope) === undefined) {
      throw new ArmFault(404, "ResourceNotFound", `The Resource '${scope}' was not found.`, gatewayFailure);
    }
    const isKnown = this.kindOf(type.slice(0, type.lastIndexOf("/"))) !== undefined;
    if (parent === undefined || !isKnown || this.#find(parent) !== undefined) return;
    throw new ArmFault(
      404,
      "ParentResourceNotFound",
      `Failed to perform '${method === "GET" ? "read" : method === "DELETE" ? "delete" : "write"}' on resource(s) of type '${type.split("/").slice(1).join("/")}', because the parent resource '${parent}' could not be found.`,
    );
  }

  async read(kind: Kind, call: ArmCall, method: string): Promise<Response> {
    const stored = this.#require(kind, call.at);
    if (method === "HEAD") return new Response(null, { status: 204 });
    return Response.json(this.format(stored), { headers: etagHeader(stored) });
  }

  /** @param isVisible @default all are */
  list(kind: Kind, call: ArmCall, isVisible: (member: StoredResource) => boolean = () => true): Response {
    if (kind.list === undefined && call.query.get("$filter") !== null) {
      throw new ArmFault(
        400,
        "InvalidFilterInQueryString",
        `Invalid $filter '${call.query.get("$filter")}' specified.`,
      );
    }
    const { at, cloud } = call;
    const within = kind.anyScope ? at.scope : (at.parent ?? at.scope);
    const members = kind.list?.(call) ?? resourcesBelow(cloud, within).filter(({ type }) => isSame(type, kind.type));
    return Response.json(pageOf(call, members.filter(isVisible), this.format));
  }

  /** All resources of a group or a subscription that are not nested in others. */
  listAll(call: ArmCall): Response {
    const members = resourcesBelow(this.#cloud, call.at.id).filter(
      ({ type }) =>
        type.split("/").length === 2 && this.kindOf(type)?.anyScope === undefined && !isSame(type, groupType),
    );
    const format = ({ id, name, type, location, tags }: StoredResource): Json => ({ id, name, type, location, tags });
    return Response.json(pageOf(call, members, format));
  }

  async write(kind: Kind, call: ArmCall, body: Json, method: string): Promise<Response> {
    const { at, cloud } = call;
    const before = method === "PATCH" ? this.#require(kind, at) : this.#find(at.id);
    refuseWhileLocked(cloud, at.id, "write");
    if (before === undefined && kind.name?.test(at.name) === false) {
      throw new ArmFault(400, "InvalidResourceName", `The resource name '${at.name}' is invalid.`);
    }
    const { body: made, etag } = await asProvider(kind, async () => {
      checkConditions(kind, call, before);
      const whole = before !== undefined && method === "PATCH" ? merge(before, body) : body;
      return { body: await kind.put(call, checkBody(kind.shape, whole), before), etag: randomUUID() };
    });
    const { create, update } = kind.duration ?? {};
    const durationMs = before === undefined ? create : update;
    const stored: StoredResource = {
      id: before?.id ?? spellId(kind, at),
      name: before?.name ?? at.name,
      type: kind.spelling?.type ?? kind.type,
      ...(kind.etags ? { etag } : {}),
      ...withState(kind, made, durationMs, before === undefined),
    };
    storeResource(cloud, stored);
    const status = before === undefined ? 201 : (kind.updateStatus ?? 200);
    const headers =
      durationMs === undefined
        ? {}
        : this.#begin(kind, call, stored, before === undefined ? "create" : "update", durationMs);
    return Response.json(this.format(stored), { status, headers: { ...etagHeader(stored), ...headers } });
  }

  async remove(kind: Kind, call: ArmCall): Promise<Response> {
    const { at, cloud } = call;
    const stored = this.#find(at.id);
    if (stored === undefined) {
      if (isSame(kind.type, groupType)) throw groupNotFound(at.name);
      return new Response(null, { status: 204 });
    }
    refuseWhileLocked(cloud, stored.id, "delete");
    await asProvider(kind, () => {
      checkConditions(kind, call, stored);
      kind.beforeRemove?.(call, stored);
    });
    const answer = this.format(stored);
    const durationMs = kind.duration?.remove;
    if (durationMs !== undefined) {
      const { properties = {} } = stored;
      if ("provisioningState" in properties) {
        storeResource(cloud, { ...stored, properties: { ...properties, provisioningState: "Deleting" } });
      }
      return new Response(null, { status: 202, headers: this.#begin(kind, call, stored, "remove", durationMs) });
    }
    await removeAll(cloud, this.kindOf, stored.id);
    return kind.answersRemoved ? Response.json(answer) : new Response(null, { status: 200 });
  }

  async act(kind: Kind, call: ArmCall, action: string): Promise<Response> {
    const run = kind.actions?.[action.toLowerCase()];
    const stored = this.#require(kind, call.at);
    if (run === undefined) {
      throw new ArmFault(404, "NotFound", `The resource type '${kind.type}' has no action '${action}'.`);
    }
    return Response.json(await asProvider(kind, () => run(call, stored)));
  }

  async answerListing(listing: Listing, call: ArmCall): Promise<Response> {
    return Response.json(await asProvider(listing, () => listing.answer(call)));
  }

  /** A resource as answers have it. */
  readonly format = (stored: StoredResource): Json => {
    const { hidden: _, ...fields } = stored;
    return { ...fields, ...this.kindOf(stored.type)?.answer?.(this.#cloud, stored) };
  };

  #find(id: string): StoredResource | undefined {
    return findResource(this.#cloud, id);
  }

  #require(kind: Kind, at: ResourceId): StoredResource {
    const found = kind.find === undefined ? this.#find(at.id) : kind.find(this.#cloud, at);
    if (found !== undefined) return found;
    if (isSame(kind.type, groupType)) throw groupNotFound(at.name);
    const fault = kind.missing?.(at);
    if (fault !== undefined) throw kind.bareErrors ? bareOf(fault) : fault;
    throw new ArmFault(
      404,
      "ResourceNotFound",
      `The Resource '${at.type}/${at.names.join("/")}' under resource group '${at.group || "<null>"}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
      gatewayFailure,
    );
  }

  #begin(
    kind: Kind,
    { cloud, endpoint }: ArmCall,
    { id, location = "global" }: StoredResource,
    verb: "create" | "update" | "remove",
    durationMs: number,
  ): Readonly<Record<string, string>> {
    const operation = beginOperation(cloud, this.kindOf, { target: id, verb, durationMs });
    return operationHeaders(operation, kind, endpoint, location);
  }
}

const gatewayFailure = { headers: { "x-ms-failure-cause": "gateway" } };

function groupNotFound(name: string): ArmFault {
  return new ArmFault(404, "ResourceGroupNotFound", `Resource group '${name}' could not be found.`, gatewayFailure);
}

function isSame(type: string, other: string): boolean {
  return type.toLowerCase() === other.toLowerCase();
}

function etagHeader({ etag }: StoredResource): Readonly<Record<string, string>> {
  return etag === undefined ? {} : { etag };
}

/** Work of a provider, whose refusals have the form of its own. */
async function asProvider<Result>(
  { bareErrors }: Kind | Listing,
  work: () => Result | Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof ArmFault && bareErrors ? bareOf(error) : error;
  }
}

function bareOf({ status, code, message, more, headers }: ArmFault): ArmFault {
  return new ArmFault(status, code, message, { more, headers, isBare: true });
}

/** @throws ArmFault unless If-Match and If-None-Match hold */
function checkConditions(
  { etags = "Resource" }: Kind,
  { at, headers }: ArmCall,
  before: StoredResource | undefined,
): void {
  if (headers["if-none-match"] === "*" && before !== undefined) {
    const text = `The ${etags} ${at.name} exists already and hence cannot be created again.`;
    throw new ArmFault(412, "PreconditionFailed", text);
  }
  const wanted = headers["if-match"]?.replaceAll('"', "");
  if (wanted === undefined || (wanted === "*" ? before !== undefined : wanted === before?.etag)) return;
  throw new ArmFault(412, "PreconditionFailed", `The ${etags} ${at.name} has been modified (etag mismatch).`);
}

/** Tags and properties that the patch does not name stay; the tags are one field. */
function merge(
  { id: _, name: __, type: ___, etag: ____, hidden: _____, ...before }: StoredResource,
  patch: Json,
): Json {
  const properties = { ...before.properties, ...(isObject(patch.properties) ? patch.properties : {}) };
  return { ...before, ...patch, ...(Object.keys(properties).length === 0 ? {} : { properties }) };
}

/** Of kinds whose creation takes time, the engine keeps the state. */
function withState({ duration }: Kind, body: StoredBody, durationMs: number | undefined, isNew: boolean): StoredBody {
  if (duration?.create === undefined) return body;
  const going = isNew ? "Creating" : "Updating";
  const provisioningState = durationMs === undefined ? "Succeeded" : going;
  return { ...body, properties: { ...body.properties, provisioningState } };
}
