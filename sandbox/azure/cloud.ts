import type { CloudBase } from "#sandbox/cloud/cloud-base.ts";

/** Who calls, read from a verified access token of Entra. */
export interface Caller {
  /** Id of its tenant. */
  readonly tenant: string;
  readonly objectId: string;
  /** Client id of an application or a managed identity; of the client program for a user. */
  readonly appId: string;
  /** Object ids of the groups that it is a member of. */
  readonly groups: readonly string[];
}

/** A subscription, as the fleet declares it. */
export interface Subscription {
  readonly subscriptionId: string;
  readonly tenantId: string;
  readonly name: string;
}

/** Shared by all parts of the sandbox's Azure. */
export interface AzureCloud extends CloudBase {
  /** The declared ones, in their order. */
  readonly subscriptions: () => readonly Subscription[];
}
