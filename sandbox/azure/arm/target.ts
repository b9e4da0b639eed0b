import type { Kind, ResourceId } from "#sandbox/azure/arm/kind.ts";

/** What a path of Resource Manager names. */
export type Target =
  | { readonly kind: "tenants" }
  | { readonly kind: "subscriptions" }
  | { readonly kind: "subscription"; readonly subscription: string }
  /** Resource providers of a subscription, or one of them; an action is `register` or `unregister`. */
  | { readonly kind: "providers"; readonly subscription: string; readonly namespace: string; readonly action: string }
  | OperationTarget
  /** All resources below a scope. */
  | { readonly kind: "resources"; readonly at: ResourceId }
  | { readonly kind: "resource"; readonly at: ResourceId }
  /** Of a POST: `listClusterUserCredential`. */
  | { readonly kind: "action"; readonly at: ResourceId; readonly action: string }
  | { readonly kind: "collection"; readonly at: ResourceId }
  | { readonly kind: "unknown" };

/** URL of an operation, by Azure-AsyncOperation or by Location. */
export interface OperationTarget {
  readonly kind: "operation";
  readonly subscription: string;
  readonly name: string;
  /** By Location. */
  readonly isResult: boolean;
  /** `Microsoft.ContainerService/locations/operations`. */
  readonly type: string;
  /** Id of the group or the subscription that it is in. */
  readonly scope: string;
}

export const groupType = "Microsoft.Resources/resourceGroups";

/** Names and words are read without regard to case; what is found keeps the path's spelling. */
export function parseTarget(method: string, pathname: string): Target {
  const parts = pathname.split("/").filter((part) => part !== "");
  const segments = parts.map(decodeSegment);
  const words = segments.map((segment) => segment.toLowerCase());
  const [, subscription = "", third, fourth = "", fifth = ""] = segments;
  if (words.length === 1 && words[0] === "tenants") return { kind: "tenants" };
  if (words.length === 1 && words[0] === "subscriptions") return { kind: "subscriptions" };
  if (words[0] === "subscriptions" && words.length === 2) return { kind: "subscription", subscription };
  if (words[0] === "subscriptions" && words[2] === "operationresults" && words.length === 4) {
    const [type, scope] = ["Microsoft.Resources/subscriptions/operationresults", `/subscriptions/${subscription}`];
    return { kind: "operation", subscription, name: fourth, isResult: true, type, scope };
  }
  if (words[0] === "subscriptions" && words[2] === "providers") {
    const action = method === "POST" ? fifth.toLowerCase() : "";
    if (words.length < 5 || ["register", "unregister"].includes(action)) {
      return { kind: "providers", subscription, namespace: third === undefined ? "" : fourth, action };
    }
  }
  if (method !== "POST") return parseResource(segments);
  const found = parseResource(segments.slice(0, -1));
  return found.kind === "resource" ? { kind: "action", at: found.at, action: segments.at(-1) ?? "" } : found;
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

interface Reading {
  /** What has been read, and what has not. */
  readonly done: string[];
  readonly rest: string[];
}

function parseResource(segments: readonly string[]): Target {
  const reading: Reading = { done: [], rest: [...segments] };
  const subscription = takeNamed(reading, "subscriptions") ?? "";
  const atSubscription = pathOf(reading);
  const isGroups = reading.rest.length === 1 && isWord(reading.rest[0], "resourcegroups");
  const group = takeNamed(reading, "resourcegroups") ?? "";
  const head = { subscription, group, scope: atSubscription, parent: undefined };
  if (isGroups)
    return { kind: "collection", at: { ...head, id: join(segments), type: groupType, names: [], name: "" } };
  if (reading.rest.length === 0 && group !== "") {
    return { kind: "resource", at: { ...head, id: join(segments), type: groupType, names: [group], name: group } };
  }
  if (reading.rest.length === 1 && isWord(reading.rest[0], "resources")) {
    return { kind: "resources", at: { ...head, id: pathOf(reading), type: "", names: [], name: "" } };
  }
  return parseProviders(reading, { subscription, group });
}

/** `providers/NAMESPACE/TYPE/NAME/TYPE/NAME`, and the same again for what extends it. */
function parseProviders(reading: Reading, place: { readonly subscription: string; readonly group: string }): Target {
  const { done, rest } = reading;
  let found: Target = { kind: "unknown" };
  while (isWord(rest[0], "providers")) {
    const scope = pathOf(reading);
    done.push(...rest.splice(0, 2));
    const [types, names]: [string[], string[]] = [[done.at(-1) ?? ""], []];
    let parent: string | undefined;
    while (rest.length > 0 && !isWord(rest[0], "providers")) {
      if (names.length > 0) parent = pathOf(reading);
      const [type = "", ...name] = rest.splice(0, 2);
      types.push(type);
      names.push(...name);
      done.push(type, ...name);
    }
    if (types.length === 1) return { kind: "unknown" };
    const isResource = names.length === types.length - 1;
    const at = { ...place, id: pathOf(reading), scope, type: types.join("/"), names, parent };
    const operation = /\/(?:locations\/operation|dnsOperation)(?:s|Statuses|(Results))$/i.exec(at.type);
    if (operation !== null && isResource) {
      const { subscription } = place;
      const isResult = operation[1] !== undefined;
      return { kind: "operation", subscription, name: names.at(-1) ?? "", isResult, type: at.type, scope };
    }
    found = isResource
      ? { kind: "resource", at: { ...at, name: names.at(-1) ?? "" } }
      : { kind: "collection", at: { ...at, name: "" } };
  }
  return rest.length === 0 ? found : { kind: "unknown" };
}

function takeNamed({ done, rest }: Reading, word: string): string | undefined {
  if (rest.length < 2 || !isWord(rest[0], word)) return undefined;
  const taken = rest.splice(0, 2);
  done.push(...taken);
  return taken[1];
}

function isWord(segment: string | undefined, word: string): boolean {
  return segment?.toLowerCase() === word;
}

function join(segments: readonly string[]): string {
  return segments.map((segment) => `/${segment}`).join("");
}

function pathOf({ done }: Reading): string {
  return join(done);
}

/** An id as the type's provider spells it in answers: types in its own spelling, names in that of the request. */
export function spellId({ type, spelling }: Kind, { scope, names, subscription, group }: ResourceId): string {
  const groups = spelling?.group ?? "resourceGroups";
  const [namespace = "", ...types] = (spelling?.id ?? type).split("/");
  if (type === groupType) return `/subscriptions/${subscription}/${groups}/${names[0] ?? ""}`;
  const own = types.map((one, index) => `/${one}/${names[index] ?? ""}`).join("");
  const spelt = scope
    .replace(/^\/subscriptions\//i, "/subscriptions/")
    .replace(/\/resourcegroups\//i, group === "" ? "$&" : `/${groups}/`);
  return `${spelt}/providers/${namespace}${own}`;
}
