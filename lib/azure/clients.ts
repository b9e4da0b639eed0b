import type { AzureAccount } from "#lib/azure/fleet/types.ts";
import type { Tags } from "#lib/cloud/ownership.ts";
import type { Calling } from "#lib/cloud/patience.ts";

export type { Calling } from "#lib/cloud/patience.ts";

/** Clients of Azure, all in the name of one caller: Azure has no roles to assume. */
export interface AzureClients {
  /**
   * Resource Manager. Before the first changing call in a subscription its id, tenant and state are read and compared with the fleet.
   */
  arm(account: AzureAccount): Arm;
  /** Zones and record sets, with the same caller, guard, deadline and errors. */
  dns(account: AzureAccount): Promise<AzureDns>;
  /**
   * Who calls in the account's tenant.
   *
   * @param world @default waits for nothing
   * @throws FleetError CredentialsMissing, SignInRefused, WrongAccount, AzureUnreachable
   */
  caller(account: AzureAccount, world?: Calling): Promise<Caller>;
  /** A token for another audience: the API servers of AKS. */
  token(account: AzureAccount, scope: string): Promise<AccessToken>;
  /** Called after this run wrote role assignments in the account: denied calls are retried until Azure has propagated them. */
  accessChanged(account: AzureAccount): void;
}

export interface AccessToken {
  readonly token: string;
  readonly expires: Date;
}

/** Who calls Azure, as its token says. */
export interface Caller {
  readonly kind: "user" | "application";
  /** UUID of the tenant. */
  readonly tenantId: string;
  /** UUID of the user or service principal in the tenant. */
  readonly objectId: string;
  /** Sign-in name of a user, client id of an application. */
  readonly name: string;
}

export type Json = { readonly [field: string]: unknown };

/** A resource as Resource Manager answers it: ids and types in any case. */
export interface ArmResource {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly location?: string;
  readonly tags?: Tags;
  readonly etag?: string;
  readonly properties?: Json;
  readonly [field: string]: unknown;
}

/** Of a write: refused with PreconditionFailed if it is not met. */
export interface Condition {
  /** The resource is unchanged since it was read. */
  readonly ifMatch?: string;
  /** The resource does not exist. */
  readonly ifNoneMatch?: "*";
}

/**
 * Resource Manager, by resource ids: `/subscriptions/…`. The API version is that of the id's type.
 *
 * @throws FleetError of each method: AzureBusy, AzureDenied, AzureFailed, AzureLocked, AzureThrottled, AzureUnreachable, QuotaExceeded, SubscriptionDisabled, WrongAccount, and those of signing in
 */
export interface Arm {
  /** Undefined if it does not exist. */
  get(world: Calling, id: string): Promise<ArmResource | undefined>;
  /** Does not wait for what the provider does afterwards. */
  put(world: Calling, id: string, body: Json, condition?: Condition): Promise<ArmResource>;
  /** Succeeds if it is already gone; does not wait until it is. */
  remove(world: Calling, id: string): Promise<void>;
  /** Empty for an answer without a body. */
  post(world: Calling, id: string, action: string, body?: Json): Promise<Json>;
  /**
   * All pages.
   *
   * @param id of the collection: `…/providers/Microsoft.Network/dnszones`
   * @param filter `$filter`
   */
  list(world: Calling, id: string, filter?: string): Promise<readonly ArmResource[]>;
}

/** Azure DNS. Groups are names of resource groups in the account's subscription. */
export interface AzureDns {
  /** Undefined if it does not exist. */
  zone(world: Calling, group: string, name: string): Promise<AzureZone | undefined>;
  /** Replaces all tags. */
  putZone(world: Calling, group: string, name: string, tags: Tags, condition?: Condition): Promise<AzureZone>;
  /** All zones of the subscription. */
  zones(world: Calling): Promise<readonly AzureZone[]>;
  /** Deletes its records, too, and waits until it is gone. Succeeds if it is already gone. */
  removeZone(world: Calling, group: string, name: string): Promise<void>;
  /** All record sets of a zone, with those at its apex. */
  recordSets(world: Calling, group: string, zone: string): Promise<readonly AzureRecordSet[]>;
  /** @param name relative to the zone; `@` is the apex */
  recordSet(
    world: Calling,
    group: string,
    zone: string,
    name: string,
    type: RecordType,
  ): Promise<AzureRecordSet | undefined>;
  putRecordSet(
    world: Calling,
    group: string,
    zone: string,
    set: NameServerSet,
    condition?: Condition,
  ): Promise<AzureRecordSet>;
  /** Succeeds if it is already gone. */
  removeRecordSet(world: Calling, group: string, zone: string, name: string, type: RecordType): Promise<void>;
}

export interface AzureZone {
  readonly id: string;
  readonly name: string;
  /** Name of the resource group. */
  readonly group: string;
  readonly etag: string;
  readonly tags: Tags;
  /** In lower case, without the last dot, sorted. */
  readonly nameServers: readonly string[];
  /** Two in a new zone: SOA and NS. */
  readonly recordSets: number;
}

export type RecordType = "A" | "AAAA" | "CAA" | "CNAME" | "MX" | "NS" | "PTR" | "SOA" | "SRV" | "TXT";

export interface AzureRecordSet {
  readonly id: string;
  /** Relative to the zone; `@` is the apex. */
  readonly name: string;
  readonly type: RecordType;
  readonly etag: string;
  /** Seconds. */
  readonly ttl: number;
  readonly metadata: Tags;
  /** As in a zone file; name servers as those of a zone. */
  readonly values: readonly string[];
}

/** What is written: the records of a delegation. */
export interface NameServerSet {
  readonly name: string;
  readonly type: "NS";
  /** Seconds. */
  readonly ttl: number;
  readonly values: readonly string[];
  /** @default none */
  readonly metadata?: Tags;
}
