import type { AzureCloud, Caller } from "#sandbox/azure/cloud.ts";

export type Json = { readonly [field: string]: unknown };

/** A resource's id in its parts, in the spelling of the request. Compare them in lower case. */
export interface ResourceId {
  readonly id: string;
  /** Empty outside of subscriptions. */
  readonly subscription: string;
  /** Name of the resource group; empty outside of groups. */
  readonly group: string;
  /** What the resource belongs to: the group's id, or for extension resources that of the resource they extend. */
  readonly scope: string;
  /** `Microsoft.Network/dnsZones/A`. */
  readonly type: string;
  /** Names of the resource and of those that it is nested in, the outermost first. */
  readonly names: readonly string[];
  /** The last of the names. */
  readonly name: string;
  /** Id of the resource that it is nested in; undefined for one of one name. */
  readonly parent: string | undefined;
}

/** Fields of a resource, apart from its id, name and type. Plain JSON, replaced as a whole by each write. */
export interface StoredBody {
  readonly location?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly properties?: Json;
  /** Kept, and never part of an answer. */
  readonly hidden?: Json;
  readonly [field: string]: unknown;
}

export interface StoredResource extends StoredBody {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly etag?: string;
}

/** An authorized request for one resource or collection. */
export interface ArmCall {
  readonly cloud: AzureCloud;
  readonly at: ResourceId;
  readonly caller: Caller;
  /** The request's api-version. */
  readonly version: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** `https://HOST`, as the client names it: nextLink and the URLs of operations begin with it. */
  readonly endpoint: string;
}

/** A type of resources: what the engine does not do for all types alike. */
export interface Kind {
  /** `Microsoft.Network/dnsZones`. */
  readonly type: string;
  readonly versions: readonly string[];
  /** Root in shapes.json that bodies are checked against. */
  readonly shape: string;
  /** Spelling in answers where it differs. */
  readonly spelling?: { readonly type?: string; readonly id?: string; readonly group?: "resourcegroups" };
  /** Name in the call log and in faults. @default the last word of its type: `dnsZones` */
  readonly service?: string;
  /** Of the actions to authorize, where it differs: `Microsoft.Resources/subscriptions/resourceGroups`. */
  readonly actionType?: string;
  /** Azure DNS and AKS do not wrap their errors. */
  readonly bareErrors?: true;
  /** Each write gives the resource another etag; this is what refusals call it: `Zone`. */
  readonly etags?: string;
  readonly name?: RegExp;
  /** Extension resources: role assignments, locks. */
  readonly anyScope?: true;
  /** Milliseconds of Azure's own time; absent: done at once. With `create`, the engine keeps `properties.provisioningState`. */
  readonly duration?: { readonly create?: number; readonly update?: number; readonly remove?: number };
  /** First word of the URLs of its operations, where they are in its group: `dnsOperation`. @default in the location */
  readonly groupOperations?: string;
  /** Status of the answer to an update. @default 200 */
  readonly updateStatus?: 201;
  /** DELETE answers the resource that it removed. @default an empty answer */
  readonly answersRemoved?: true;
  /** The stored resource (id, name, type and etag are added) from a checked body. @throws ArmFault */
  put(call: ArmCall, body: Json, before: StoredResource | undefined): StoredBody | Promise<StoredBody>;
  /**
   * At the end of a PUT's operation, before the resource becomes Succeeded. It may replace the resource in the store, and is
   * called again when the sandbox was stopped in the middle. @throws ArmFault which fails the operation and the resource
   */
  finish?(cloud: AzureCloud, stored: StoredResource): void | Promise<void>;
  /** Refuses or prepares a delete. @throws ArmFault */
  beforeRemove?(call: ArmCall, stored: StoredResource): void;
  /** After it is gone, alone or with its resource group. */
  afterRemove?(cloud: AzureCloud, stored: StoredResource): void | Promise<void>;
  /** Computed fields of answers: they replace `properties` if they name it. */
  answer?(cloud: AzureCloud, stored: StoredResource): Json;
  /** One that may not be in the store: built-in roles. @default what the store has */
  find?(cloud: AzureCloud, at: ResourceId): StoredResource | undefined;
  /** What is said of a missing one. @default ResourceNotFound */
  missing?(at: ResourceId): ArmFault;
  /** Members of a collection, by the request's `$filter`. @default all of the type below the scope; filters are refused */
  list?(call: ArmCall): readonly StoredResource[];
  /** POST …/name/ACTION, by name in lower case. */
  readonly actions?: Readonly<Record<string, (call: ArmCall, stored: StoredResource) => Json | Promise<Json>>>;
}

/** A collection that is read only: versions of Kubernetes, all record sets of a zone. */
export interface Listing {
  /** `Microsoft.ContainerService/locations/kubernetesVersions`. */
  readonly type: string;
  readonly versions: readonly string[];
  readonly bareErrors?: true;
  readonly answer: (call: ArmCall) => Json;
}

/** A refusal in Azure's words. */
export class ArmFault extends Error {
  readonly status: number;
  readonly code: string;
  /** Fields beside code and message: `details`, `subcode`. */
  readonly more: Json;
  readonly headers: Readonly<Record<string, string>>;
  /** As Azure DNS and AKS write it, without `error` around it; the engine sets it for what such kinds throw. */
  readonly isBare: boolean;

  constructor(
    status: number,
    code: string,
    message: string,
    { more = {}, headers = {}, isBare = false }: Partial<Pick<ArmFault, "more" | "headers" | "isBare">> = {},
  ) {
    super(message);
    this.name = "ArmFault";
    this.status = status;
    this.code = code;
    this.more = more;
    this.headers = headers;
    this.isBare = isBare;
  }

  /** `{ code, message }`. */
  get fields(): Json {
    return { code: this.code, message: this.message, ...this.more };
  }

  body(): Json {
    return this.isBare ? this.fields : { error: this.fields };
  }
}
