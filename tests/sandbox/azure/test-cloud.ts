import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StoredBody } from "#sandbox/azure/arm/kind.ts";
import { storeResource } from "#sandbox/azure/arm/store.ts";
import { roleAssignmentType } from "#sandbox/azure/authorization/authorize.ts";
import type { AzureCloud, Caller } from "#sandbox/azure/cloud.ts";
import { administratorOf } from "#sandbox/azure/entra/administrators.ts";
import { createPrincipal, groupsWith, newSecret, type Principal } from "#sandbox/azure/entra/directory.ts";
import { openTestBase } from "#tests/support/cloud-base.ts";

export const tenant = "11111111-1111-4111-8111-111111111111";
export const otherTenant = "99999999-9999-4999-8999-999999999999";
export const subscription = "22222222-2222-4222-8222-222222222222";
export const otherSubscription = "33333333-3333-4333-8333-333333333333";
export const group = `/subscriptions/${subscription}/resourceGroups/k01.k8s.az.mylabs.dev`;

/** The sandbox's Azure without its front. */
export interface TestAzure {
  readonly cloud: AzureCloud;
  /** Moves its clock. */
  advance(ms: number): void;
  close(): void;
}

/** One minute of Azure takes a second. */
const speed = 60;

export function openTestAzure(): TestAzure {
  const folder = mkdtempSync(join(tmpdir(), "azure-"));
  const { base, advance } = openTestBase(folder, speed);
  const subscriptions = [
    { subscriptionId: subscription, tenantId: tenant, name: "az-01" },
    { subscriptionId: otherSubscription, tenantId: otherTenant, name: "az-02" },
  ];
  return {
    cloud: { ...base, subscriptions: () => subscriptions },
    advance,
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Puts a resource where Resource Manager has it, past all checks. */
export function store(cloud: AzureCloud, id: string, type: string, body: StoredBody): void {
  storeResource(cloud, { id, type, name: id.split("/").at(-1) ?? "", ...body });
}

export function createApplication(cloud: AzureCloud, name = "application"): Principal {
  return createPrincipal(cloud, tenant, name, newSecret());
}

export function callerFor(cloud: AzureCloud, { objectId, clientId }: Principal): Caller {
  return { tenant, objectId, appId: clientId, groups: groupsWith(cloud, tenant, objectId) };
}

export function administrator(of = tenant): Caller {
  const { objectId, clientId } = administratorOf(of);
  return { tenant: of, objectId, appId: clientId, groups: [] };
}

/** Assigns a role that counts at once. */
export function assign(
  cloud: AzureCloud,
  principalId: string,
  roleDefinitionId: string,
  scope: string,
  condition: string | null = null,
): void {
  const id = `${scope}/providers/${roleAssignmentType}/${crypto.randomUUID()}`;
  store(cloud, id, roleAssignmentType, {
    properties: { principalId, roleDefinitionId, scope, condition },
    hidden: { effective: new Date(0).toISOString() },
  });
}
