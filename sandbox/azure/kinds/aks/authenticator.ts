import { ArmFault } from "#sandbox/azure/arm/kind.ts";
import { findResource } from "#sandbox/azure/arm/store.ts";
import { isAuthorized } from "#sandbox/azure/authorization/authorize.ts";
import type { AzureCloud, Caller } from "#sandbox/azure/cloud.ts";
import { callerOf } from "#sandbox/azure/entra/access-tokens.ts";
import { aksServerApp } from "#sandbox/azure/entra/endpoint.ts";
import { hiddenOf } from "#sandbox/azure/kinds/aks/state.ts";
import { listAt, objectAt, stringAt } from "#sandbox/json.ts";
import type { Access, Authenticate } from "#sandbox/kubernetes/users.ts";

const refusal = "User does not have access to the resource in Azure. Update role assignment to allow access.";

/** Whose token this is: a local account's, or one of Entra for the server application of AKS. */
export function authenticator(cloud: AzureCloud, clusterId: string): Authenticate {
  return async (token) => {
    const cluster = findResource(cloud, clusterId);
    if (cluster === undefined) return undefined;
    const { disableLocalAccounts, aadProfile } = objectAt(cluster, "properties");
    if (disableLocalAccounts !== true && token === hiddenOf(cluster).localToken) {
      return { name: "masterclient", may: () => true };
    }
    if (objectAt(aadProfile).managed !== true) return undefined;
    const caller = await tryFindCaller(cloud, token);
    if (caller === undefined || caller.tenant.toLowerCase() !== stringAt(aadProfile, "tenantID").toLowerCase()) {
      return undefined;
    }
    const administrators = listAt(aadProfile, "adminGroupObjectIDs");
    const isAdministrator = caller.groups.some((group) => administrators.includes(group));
    if (objectAt(aadProfile).enableAzureRBAC !== true) return { name: caller.objectId, may: () => isAdministrator };
    const may = (access: Access) =>
      isAdministrator || isAuthorized(cloud, caller, dataActionOf(access), scopeOf(clusterId, access), "data");
    return { name: caller.objectId, may, refusal };
  };
}

async function tryFindCaller(cloud: AzureCloud, token: string): Promise<Caller | undefined> {
  try {
    return await callerOf(cloud, token, [aksServerApp]);
  } catch (error) {
    if (error instanceof ArmFault) return undefined;
    throw error;
  }
}

/** `Microsoft.ContainerService/managedClusters/apps/deployments/read`. */
function dataActionOf({ kind, verb }: Access): string {
  const group = kind.group === "" ? "" : `${kind.group}/`;
  const right = ["get", "list", "watch"].includes(verb) ? "read" : verb === "delete" ? "delete" : "write";
  return `Microsoft.ContainerService/managedClusters/${group}${kind.resource}/${right}`;
}

/** Roles can be assigned for single namespaces. */
function scopeOf(clusterId: string, { namespace }: Access): string {
  return namespace === undefined ? clusterId : `${clusterId}/namespaces/${namespace}`;
}
