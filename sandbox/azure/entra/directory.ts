import { randomBytes, randomUUID } from "node:crypto";
import type { AzureCloud } from "#sandbox/azure/cloud.ts";
import { administratorOf } from "#sandbox/azure/entra/administrators.ts";

/** A service principal: an application or a managed identity. */
export interface Principal {
  readonly objectId: string;
  readonly clientId: string;
  readonly name: string;
  /** As ISO 8601; undefined for the administrator, who is older than everything. */
  readonly created?: string;
  /** Of applications. */
  readonly secret?: string;
}

/** What a tenant's directory holds. */
interface DirectoryState {
  /** By object id. */
  readonly principals: Record<string, Principal>;
  /** Object ids of the members, by object id of the group. */
  readonly groups: Record<string, readonly string[]>;
}

function directoryOf(cloud: AzureCloud, tenant: string): DirectoryState {
  return cloud.slice<DirectoryState>("entra", tenant.toLowerCase(), "global", () => ({ principals: {}, groups: {} }));
}

/** Tenants exist by their subscriptions. */
export function hasTenant(cloud: AzureCloud, tenant: string): boolean {
  return cloud.subscriptions().some(({ tenantId }) => tenantId.toLowerCase() === tenant.toLowerCase());
}

/** The tenant that a subscription trusts. */
export function tenantOf(cloud: AzureCloud, subscription: string): string {
  const wanted = subscription.toLowerCase();
  return cloud.subscriptions().find(({ subscriptionId }) => subscriptionId.toLowerCase() === wanted)?.tenantId ?? "";
}

/** A managed identity, or with a secret an application. */
export function createPrincipal(cloud: AzureCloud, tenant: string, name: string, secret?: string): Principal {
  const principal: Principal = {
    objectId: randomUUID(),
    clientId: randomUUID(),
    name,
    created: cloud.now().toISOString(),
    ...(secret === undefined ? {} : { secret }),
  };
  directoryOf(cloud, tenant).principals[principal.objectId] = principal;
  cloud.save();
  return principal;
}

/** Role assignments of a principal outlive it. */
export function removePrincipal(cloud: AzureCloud, tenant: string, objectId: string): void {
  delete directoryOf(cloud, tenant).principals[objectId];
  cloud.save();
}

export function tryFindPrincipal(cloud: AzureCloud, tenant: string, objectId: string): Principal | undefined {
  const wanted = objectId.toLowerCase();
  return principalsOf(cloud, tenant).find((one) => one.objectId === wanted);
}

export function tryFindClient(cloud: AzureCloud, tenant: string, clientId: string): Principal | undefined {
  const wanted = clientId.toLowerCase();
  return principalsOf(cloud, tenant).find((one) => one.clientId === wanted);
}

function principalsOf(cloud: AzureCloud, tenant: string): readonly Principal[] {
  return [
    { ...administratorOf(tenant), name: "administrator" },
    ...Object.values(directoryOf(cloud, tenant).principals),
  ];
}

export function newSecret(): string {
  return randomBytes(30).toString("base64url");
}

/** Groups are created by their first member. */
export function joinGroup(cloud: AzureCloud, tenant: string, group: string, objectId: string): void {
  const { groups } = directoryOf(cloud, tenant);
  const id = group.toLowerCase();
  groups[id] = [...(groups[id] ?? []), objectId];
  cloud.save();
}

export function isGroup(cloud: AzureCloud, tenant: string, objectId: string): boolean {
  return Object.hasOwn(directoryOf(cloud, tenant).groups, objectId.toLowerCase());
}

/** Object ids of the groups that have the member. */
export function groupsWith(cloud: AzureCloud, tenant: string, objectId: string): readonly string[] {
  const { groups } = directoryOf(cloud, tenant);
  return Object.entries(groups).flatMap(([group, members]) => (members.includes(objectId) ? [group] : []));
}
