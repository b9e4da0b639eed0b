import type { Tags } from "#lib/cloud/ownership.ts";
import type { Calling } from "#lib/cloud/patience.ts";
import type { GcpAccount } from "#lib/gcp/fleet/types.ts";

export type { Calling } from "#lib/cloud/patience.ts";

/** Google's APIs that are called, by their names in hosts: `dns.googleapis.com`. */
export type Service =
  | "cloudresourcemanager"
  | "compute"
  | "container"
  | "dns"
  | "iam"
  | "iamcredentials"
  | "serviceusage"
  | "sts";

/** In whose name Google is called, in which project. */
export interface GcpActor {
  readonly account: GcpAccount;
  /**
   * `administrator`: an owner of the project, by credentials that are not of our service accounts.
   * `management`: the service account of the management project, which holds zones and leads into other projects.
   * `clusters`: the service account of the account's project.
   */
  readonly as: "administrator" | "management" | "clusters";
  /** With `administrator`: who calls instead where no administrator runs this, as in jobs. Administrator-only calls are denied then. */
  readonly otherwise?: "management" | "clusters";
}

/** Clients of Google's APIs. Read-only jobs act as the read-only service accounts. */
export interface GcpClients {
  /** Before the first changing call in a project its id, number and state are read and compared with the fleet. */
  rest(actor: GcpActor): Rest;
  /** Zones and record sets in Cloud DNS, with the same caller, guard, deadline and errors. */
  dns(actor: GcpActor): Promise<GcpDns>;
  /**
   * @param world @default waits for nothing
   * @throws FleetError CredentialsMissing, ImpersonationDenied, SignInRefused, SessionExpired, PlaceholderAccount, GcpUnreachable
   */
  caller(actor: GcpActor, world?: Calling): Promise<Caller>;
  /** A token with other scopes than Google's APIs need: API servers of GKE. @throws as caller() */
  token(actor: GcpActor, scopes: readonly string[]): Promise<AccessToken>;
  /**
   * Undefined without credentials of somebody who may set the project's IAM policy.
   *
   * @param world shows the waits
   * @throws FleetError GcpApiDisabled, GcpUnreachable, PlaceholderAccount, SessionExpired, SignInRefused
   */
  findAdministrator(account: GcpAccount, world?: Calling): Promise<Caller | undefined>;
  /**
   * Called after this run wrote IAM policies or service accounts, or enabled APIs, in the account's project: what is denied, unknown or
   * disabled there is asked again until Google has propagated them.
   */
  accessChanged(account: GcpAccount): void;
}

export interface AccessToken {
  readonly token: string;
  readonly expires: Date;
}

/** A token and who it is of. */
export interface IdentityToken extends AccessToken {
  /** Undefined for users, whose names only Google knows. */
  readonly caller: Caller | undefined;
}

/** Who calls Google. */
export interface Caller {
  /** `federated`: a job of GitHub before it acts as a service account, or another workload identity. */
  readonly kind: "user" | "service account" | "federated";
  /** Email of a user or service account, audience of a workload identity. */
  readonly name: string;
}

export type Json = { readonly [field: string]: unknown };
export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * Calls by service and path, e.g. `container` and `v1/projects/P/locations/L/clusters/C`; of Compute Engine without a version:
 * `projects/P/global/networks/N`.
 *
 * @throws FleetError of each method: GcpApiDisabled, GcpBusy, GcpDenied, GcpFailed, GcpThrottled, GcpUnreachable, ImpersonationDenied, ProjectUnusable, QuotaExceeded, WrongAccount, and those of GcpClients.caller()
 */
export interface Rest {
  /** Undefined if it does not exist. */
  get(world: Calling, service: Service, path: string, query?: Query): Promise<Json | undefined>;
  /**
   * A lost answer of a POST is an error: it is not sent twice, unless its path ends in a method that only reads, as `:getIamPolicy`, or the
   * query has a `requestId`.
   */
  send(
    world: Calling,
    service: Service,
    method: "POST" | "PUT" | "PATCH" | "DELETE",
    path: string,
    body?: Json,
    query?: Query,
  ): Promise<Json>;
  /** All pages of `field`. Empty if the collection does not exist. */
  list(world: Calling, service: Service, path: string, field: string, query?: Query): Promise<readonly Json[]>;
}

/** Cloud DNS of the actor's project. Zones are called by their names in Cloud DNS, which have no dots. */
export interface GcpDns {
  /** Undefined if it does not exist. */
  zone(world: Calling, name: string): Promise<GcpZone | undefined>;
  /** All zones of the project, or those of one DNS name, which several can have. */
  zones(world: Calling, dnsName?: string): Promise<readonly GcpZone[]>;
  createZone(world: Calling, zone: NewZone): Promise<GcpZone>;
  /** Replaces all labels. */
  setLabels(world: Calling, zone: string, labels: Tags): Promise<void>;
  /** Succeeds if it is already gone. @throws FleetError ZoneNotEmpty, and those of Rest */
  removeZone(world: Calling, name: string): Promise<void>;
  /** All record sets of a zone, with those at its apex; or those of one name, or of one name and type. */
  recordSets(world: Calling, zone: string, of?: RecordSetFilter): Promise<readonly GcpRecordSet[]>;
  /**
   * One atomic change, which is sent once; returns when Google's name servers have it. A deletion must match the record set exactly:
   * `isGcpError(error, "conditionNotMet")` or `"notFound"` if it was changed by others, `"alreadyExists"` for an addition.
   */
  change(world: Calling, zone: string, change: RecordChange): Promise<void>;
}

export interface NewZone {
  readonly name: string;
  /** Without the last dot. */
  readonly dnsName: string;
  readonly description: string;
  readonly labels: Tags;
}

export interface GcpZone {
  readonly name: string;
  /** Decimal digits. */
  readonly id: string;
  /** In lower case, without the last dot. */
  readonly dnsName: string;
  readonly description: string;
  readonly labels: Tags;
  /** In lower case, without the last dot, sorted. */
  readonly nameServers: readonly string[];
  readonly visibility: "public" | "private";
}

export interface RecordSetFilter {
  /** Without the last dot. */
  readonly name: string;
  readonly type?: string;
}

export interface RecordChange {
  /** @default none */
  readonly additions?: readonly GcpRecordSet[];
  /** As they were read. @default none */
  readonly deletions?: readonly GcpRecordSet[];
}

export interface GcpRecordSet {
  /** In lower case, without the last dot. */
  readonly name: string;
  /** `NS`. */
  readonly type: string;
  /** Seconds. */
  readonly ttl: number;
  /** As Google has them: name servers with their last dot, in any order. */
  readonly values: readonly string[];
}
