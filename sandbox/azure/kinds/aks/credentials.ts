import { stringify } from "yaml";
import type { ArmCall, Json, StoredResource } from "#sandbox/azure/arm/kind.ts";
import { aksServerApp } from "#sandbox/azure/entra/endpoint.ts";
import { aksFault, invalidParameter } from "#sandbox/azure/kinds/aks/faults.ts";
import { hiddenOf } from "#sandbox/azure/kinds/aks/state.ts";
import { type JsonObject, objectAt, stringAt } from "#sandbox/json.ts";

/** The client application by which people log in to AKS. */
const clientApp = "80faf920-1908-4b52-b5ef-a8e7bedfc67a";

/** A kubeconfig that leaves authentication to kubelogin or, in the old format, to kubectl itself. */
export function listUserCredential(call: ArmCall, cluster: StoredResource): Json {
  if (objectAt(cluster, "properties", "aadProfile").managed !== true) {
    return kubeconfigs(call, cluster, "clusterUser", localUser(cluster));
  }
  const format = call.query.get("format") ?? "exec";
  const tenant = stringAt(cluster, "properties", "aadProfile", "tenantID");
  if (format === "exec") return kubeconfigs(call, cluster, "clusterUser", { exec: kubelogin(tenant) });
  if (format !== "azure") throw invalidParameter("format", `'${format}' is none of azure, exec.`);
  const config = {
    "apiserver-id": aksServerApp,
    "client-id": clientApp,
    "config-mode": "1",
    environment: "AzurePublicCloud",
    "tenant-id": tenant,
  };
  return kubeconfigs(call, cluster, "clusterUser", { "auth-provider": { config, name: "azure" } });
}

/** A kubeconfig of the local administrator. @throws ArmFault 400 where local accounts are disabled */
export function listAdminCredential(call: ArmCall, cluster: StoredResource): Json {
  return kubeconfigs(call, cluster, "clusterAdmin", localUser(cluster));
}

function localUser(cluster: StoredResource): JsonObject {
  if (objectAt(cluster, "properties").disableLocalAccounts !== true) return { token: hiddenOf(cluster).localToken };
  throw aksFault(
    400,
    "BadRequest",
    "Getting static credential is not allowed because this cluster is set to disable local accounts.",
  );
}

function kubelogin(tenant: string): JsonObject {
  const options = {
    environment: "AzurePublicCloud",
    "server-id": aksServerApp,
    "client-id": clientApp,
    "tenant-id": tenant,
    login: "devicecode",
  };
  return {
    apiVersion: "client.authentication.k8s.io/v1beta1",
    args: ["get-token", ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])],
    command: "kubelogin",
    env: null,
    provideClusterInfo: false,
  };
}

function kubeconfigs({ at }: ArmCall, cluster: StoredResource, kind: string, user: JsonObject): Json {
  const { controlPlane } = hiddenOf(cluster);
  if (controlPlane === undefined) {
    const state = stringAt(cluster, "properties", "provisioningState");
    throw aksFault(400, "BadRequest", `Getting credentials is not allowed: the cluster is in state ${state}.`);
  }
  const { name } = cluster;
  const userName = `${kind}_${at.group}_${name}`;
  const context = kind === "clusterAdmin" ? `${name}-admin` : name;
  const config = stringify({
    apiVersion: "v1",
    clusters: [
      {
        cluster: {
          "certificate-authority-data": Buffer.from(controlPlane.authority).toString("base64"),
          server: `https://127.0.0.1:${controlPlane.port}`,
        },
        name,
      },
    ],
    contexts: [{ context: { cluster: name, user: userName }, name: context }],
    "current-context": context,
    kind: "Config",
    preferences: {},
    users: [{ name: userName, user }],
  });
  return { kubeconfigs: [{ name: kind, value: Buffer.from(config).toString("base64") }] };
}
