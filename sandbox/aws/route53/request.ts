import { XMLParser } from "fast-xml-parser";
import { AwsFault, type Call, type Cloud } from "#sandbox/aws/cloud.ts";
import type { RestOperation } from "#sandbox/aws/protocol/rest.ts";
import type { XmlValue } from "#sandbox/aws/protocol/xml.ts";
import { type JsonObject, listAt, objectAt, valueAt } from "#sandbox/json.ts";

/** A request that has found its operation. */
export interface Request {
  readonly cloud: Cloud;
  readonly call: Call;
  readonly account: string;
  /** Parts of the path, by the names that the operation gives them; ids without `/hostedzone/`. */
  readonly path: Readonly<Record<string, string>>;
  /** @throws AwsFault AccessDenied */
  authorize(action: string, resource: string, context?: Readonly<Record<string, readonly string[]>>): void;
}

export interface Answer {
  /** @default 200 */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly result: { readonly [key: string]: XmlValue };
}

/** One action of the service; its path comes after the version of the API. */
export interface Operation extends RestOperation {
  /** Parameters of the query that it knows. @default none */
  readonly parameters?: readonly string[];
  answer(request: Request): Answer;
}

/** What the elements of each list are called, in requests and in answers. */
const items: Readonly<Record<string, string>> = {
  AddTags: "Tag",
  Changes: "Change",
  HostedZones: "HostedZone",
  NameServers: "NameServer",
  RemoveTagKeys: "Key",
  ResourceRecordSets: "ResourceRecordSet",
  ResourceRecords: "ResourceRecord",
  Tags: "Tag",
};

export function itemOf(list: string): string {
  return items[list] ?? "member";
}

const parser = new XMLParser({
  ignoreAttributes: true,
  ignoreDeclaration: true,
  removeNSPrefix: true,
  parseTagValue: false,
  trimValues: false,
  // Decimal and hexadecimal references too, not only the five names.
  htmlEntities: true,
  isArray: (name, path) => items[String(path).split(".").at(-2) ?? ""] === name,
});

/** The body's outermost element, which is called so. @throws AwsFault InvalidInput */
export function readBody({ call }: Request, root: string): JsonObject {
  let parsed: unknown;
  try {
    parsed = parser.parse(call.body, true);
  } catch (error) {
    throw invalidXml(error instanceof Error ? error.message : String(error));
  }
  if (valueAt(parsed, root) === undefined)
    throw invalidXml(`cvc-elt.1: Cannot find the declaration of element '${root}'.`);
  return objectAt(parsed, root);
}

/** Items of a list in a body; none when it is missing. */
export function itemsAt(body: JsonObject, ...path: readonly string[]): readonly unknown[] {
  return listAt(body, ...path, itemOf(path.at(-1) ?? ""));
}

/** @throws AwsFault InvalidInput for fields outside the service's schema, NotImplemented for those that only the sandbox lacks */
export function checkFields(body: unknown, known: readonly string[], unsupported: readonly string[]): void {
  for (const field of Object.keys(objectAt({ body }, "body"))) {
    if (known.includes(field) || field === "#text") continue;
    if (unsupported.includes(field)) {
      throw new AwsFault("NotImplemented", `The sandbox's Route 53 doesn't know ${field}`, 501);
    }
    throw invalidXml(`cvc-complex-type.2.4.a: Invalid content was found starting with element '${field}'.`);
  }
}

export function invalidXml(why: string): AwsFault {
  return new AwsFault("InvalidInput", `Invalid XML ; ${why}`);
}

export function zoneArn(id: string): string {
  return `arn:aws:route53:::hostedzone/${id}`;
}

/** How many items a page has: what is asked for, within the service's limit. @throws AwsFault InvalidInput */
export function pageSize({ call }: Request, limit: number): number {
  const text = call.url.searchParams.get("maxitems");
  if (text === null) return limit;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new AwsFault("InvalidInput", `Invalid value for maxitems: ${text}`);
  return Math.min(Number(text), limit);
}
