import { tryParseCidr } from "#lib/fleet/cidr.ts";
import { invalidArgument } from "#sandbox/gcp/api/faults.ts";
import type { StoredCluster } from "#sandbox/gcp/gke/state.ts";
import { type JsonObject, listAt, objectAt, stringAt } from "#sandbox/json.ts";
import { mergePatch } from "#sandbox/kubernetes/patch.ts";

const defaults: JsonObject = {
  dnsEndpointConfig: { allowExternalTraffic: false, enableK8sTokensViaDns: false },
  ipEndpointsConfig: {
    enabled: true,
    enablePublicEndpoint: true,
    authorizedNetworksConfig: { gcpPublicCidrsAccessEnabled: true },
  },
};
const privateEndpoint = "10.128.0.2";

/** How an API server is to be reached. What a change leaves out stays. @throws GcpFault 400 */
export function readEndpoints(given: JsonObject, before: JsonObject = defaults): JsonObject {
  const merged = objectAt(mergePatch(before, given));
  const ip = objectAt(merged, "ipEndpointsConfig");
  for (const block of listAt(ip, "authorizedNetworksConfig", "cidrBlocks")) {
    const range = stringAt(block, "cidrBlock");
    if (tryParseCidr(range) === undefined)
      throw invalidArgument(`Invalid CIDR block "${range}" in master authorized networks.`);
  }
  return merged;
}

/** By its name from outside of Google Cloud; IAM admits. */
export function isOpenByName({ fields }: Pick<StoredCluster, "fields">): boolean {
  return objectAt(fields, "controlPlaneEndpointsConfig", "dnsEndpointConfig").allowExternalTraffic === true;
}

/** By a public address. */
export function isOpenByAddress({ fields }: Pick<StoredCluster, "fields">): boolean {
  const { enabled, enablePublicEndpoint } = objectAt(fields, "controlPlaneEndpointsConfig", "ipEndpointsConfig");
  return enabled === true && enablePublicEndpoint !== false;
}

/** What answers show of a cluster's endpoints: all are the same port of loopback. */
export function formatEndpoints(cluster: StoredCluster): JsonObject {
  const { fields, controlPlane } = cluster;
  const config = objectAt(fields, "controlPlaneEndpointsConfig");
  const byAddress = objectAt(config, "ipEndpointsConfig");
  const isPrivate = objectAt(fields, "networkConfig").defaultEnablePrivateNodes === true;
  const nodes = isPrivate ? { enablePrivateNodes: true } : {};
  if (controlPlane === undefined) return { privateClusterConfig: nodes };
  const server = `127.0.0.1:${controlPlane.port}`;
  const publicEndpoint = isOpenByAddress(cluster) ? { publicEndpoint: server } : {};
  const addresses = byAddress.enabled === true ? { privateEndpoint, ...publicEndpoint } : {};
  return {
    endpoint: byAddress.enabled === true && !isOpenByAddress(cluster) ? privateEndpoint : server,
    controlPlaneEndpointsConfig: {
      ...config,
      dnsEndpointConfig: { ...objectAt(config, "dnsEndpointConfig"), endpoint: server },
      ipEndpointsConfig: byAddress.enabled === true ? { ...byAddress, ...addresses } : { enabled: false },
    },
    masterAuth: {
      clientCertificateConfig: {},
      clusterCaCertificate: Buffer.from(controlPlane.authority).toString("base64"),
    },
    masterAuthorizedNetworksConfig: objectAt(byAddress, "authorizedNetworksConfig"),
    privateClusterConfig: { ...nodes, ...addresses },
  };
}
