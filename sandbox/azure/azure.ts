import { Gateway } from "#sandbox/azure/arm/gateway.ts";
import { kinds, listings } from "#sandbox/azure/arm/kinds.ts";
import { resourcesOfType } from "#sandbox/azure/arm/store.ts";
import { type SubscriptionState, setSubscriptionState } from "#sandbox/azure/arm/subscriptions.ts";
import { authorize } from "#sandbox/azure/authorization/authorize.ts";
import type { AzureCloud } from "#sandbox/azure/cloud.ts";
import { armAudiences, callerOf } from "#sandbox/azure/entra/access-tokens.ts";
import { entraOperations } from "#sandbox/azure/entra/operations.ts";
import { checkAccount, env, subscriptionOf } from "#sandbox/azure/environment.ts";
import { azureApi } from "#sandbox/azure/http-api.ts";
import { clustersOf, resumeAks } from "#sandbox/azure/kinds/aks/api-server.ts";
import { aksOperations } from "#sandbox/azure/kinds/aks/limits.ts";
import { nameServerPool } from "#sandbox/azure/kinds/dns/name-servers.ts";
import { servedZones } from "#sandbox/azure/kinds/dns/served-zones.ts";
import type { CloudOptions, OpenCloud, SandboxCloud } from "#sandbox/cloud/cloud.ts";
import { openCloudBase } from "#sandbox/cloud/cloud-base.ts";
import { UnknownUsage } from "#sandbox/docker/argv.ts";

/** Azure of the sandbox: Entra and Resource Manager behind one endpoint. */
export const azure: SandboxCloud = {
  nameServers: nameServerPool,
  hosts: ["login.microsoftonline.com", "login.windows.net", "management.azure.com", "management.core.windows.net"],
  checkAccount,
  env,
  open,
};

async function open(options: CloudOptions): Promise<OpenCloud> {
  const { accounts, log } = options;
  const { base, close } = openCloudBase(options);
  const cloud: AzureCloud = Object.assign(base, { subscriptions: () => accounts().map(subscriptionOf) });
  await resumeAks(cloud, (cluster, error) => log(`${cluster}: ${error instanceof Error ? error.message : error}`));
  const gateway = new Gateway({
    cloud,
    kinds,
    listings,
    identify: (token) => callerOf(cloud, token, armAudiences),
    authorize: (caller, action, scope) => authorize(cloud, caller, action, scope),
  });
  gateway.resume();
  return {
    api: azureApi(cloud, gateway),
    zones: () => servedZones(cloud),
    operations: {
      ...entraOperations(cloud),
      ...aksOperations(cloud),
      "subscription-state": (input) => changeState(cloud, input),
    },
    status: () => ({
      clusters: clustersOf(cloud),
      resources: kinds.flatMap(({ type }) => resourcesOfType(cloud, type).map(({ id }) => id)).sort(),
    }),
    close,
  };
}

const states: readonly SubscriptionState[] = ["Enabled", "Warned", "Disabled"];

/** `subscription` and its new `state`. */
function changeState(cloud: AzureCloud, { subscription = "", state = "" }: Readonly<Record<string, string>>): object {
  const known = states.find((one) => one === state);
  if (known === undefined) throw new UnknownUsage(`the state "${state}": known are ${states.join(", ")}`);
  setSubscriptionState(cloud, subscription, known);
  return {};
}
