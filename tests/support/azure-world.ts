import type { Caller } from "#lib/azure/clients.ts";
import type { AzureAccount } from "#lib/azure/fleet/types.ts";
import type { AzureWorld } from "#lib/azure/world.ts";
import type { OutputStore } from "#lib/graph/outputs.ts";
import type { Resource } from "#lib/graph/resource.ts";
import type { ArmMemory } from "#tests/support/arm-memory.ts";
import { testSubscription } from "#tests/support/arm-memory.ts";
import { type AwsWorldOptions, awsWorld } from "#tests/support/aws-world.ts";

export const testAccount: AzureAccount = {
  provider: "azure",
  name: "az-01",
  role: "tenant",
  subscriptionId: testSubscription,
  tenantId: "11111111-1111-4111-8111-111111111111",
};

export interface AzureTestWorld {
  readonly world: AzureWorld;
  readonly outputs: OutputStore;
  /** Progress, in order. */
  readonly said: string[];
  /** Accounts whose access was changed. */
  readonly changedAccess: string[];
}

/** A world with one subscription in memory, and nothing else. */
export function azureWorld(
  memory: ArmMemory,
  options: Pick<AwsWorldOptions, "adopt" | "allowReplacement" | "signal" | "skipDnsWait" | "dns"> = {},
): AzureTestWorld {
  const { world, outputs, said } = awsWorld(options);
  const changedAccess: string[] = [];
  const caller: Caller = { kind: "application", tenantId: testAccount.tenantId, objectId: "object", name: "client" };
  return {
    world: {
      ...world,
      azure: {
        arm: () => memory.arm,
        dns: async () => memory.dns,
        caller: async () => caller,
        token: async () => ({ token: "token", expires: new Date(0) }),
        accessChanged: ({ name }) => void changedAccess.push(name),
      },
    },
    outputs,
    said,
    changedAccess,
  };
}

/** A resource as others see it that need it. The test's world has the clients that it calls. */
export function bound<State>(resource: Resource<State, AzureWorld>): Resource<State> {
  return resource as unknown as Resource<State>;
}
