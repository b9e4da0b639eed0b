import { isWithin, tryParseCidr } from "#lib/fleet/cidr.ts";
import type { ArmCall, Json, StoredBody, StoredResource } from "#sandbox/azure/arm/kind.ts";
import { tenantOf } from "#sandbox/azure/entra/directory.ts";
import { aksFault, invalidParameter, refuseChange } from "#sandbox/azure/kinds/aks/faults.ts";
import { randomName } from "#sandbox/azure/kinds/aks/state.ts";
import { checkUpgrade, checkVersion, defaultVersion } from "#sandbox/azure/kinds/aks/versions.ts";
import { isObject, type JsonObject, objectAt, stringAt, stringsAt, valueAt } from "#sandbox/json.ts";
import { mergePatch } from "#sandbox/kubernetes/patch.ts";

/** What a cluster keeps for its whole life. */
const fixed = [
  "dnsPrefix",
  "nodeResourceGroup",
  "networkProfile.networkPlugin",
  "networkProfile.podCidr",
  "networkProfile.serviceCidr",
  "networkProfile.dnsServiceIP",
];

export interface ClusterBody extends StoredBody {
  readonly location: string;
  readonly properties: Json;
}

/** A cluster as a request wants it, with all that it leaves out. What a second request leaves out stays. @throws ArmFault */
export function readCluster(call: ArmCall, body: JsonObject, before: StoredResource | undefined): ClusterBody {
  const asked = stringAt(body, "location").toLowerCase().replaceAll(" ", "");
  const location = before?.location ?? asked;
  if (asked !== location) {
    throw aksFault(
      409,
      "InvalidResourceLocation",
      `The resource '${call.at.name}' already exists in location '${location}' in resource group '${call.at.group}'. A resource with the same name cannot be created in location '${asked}'. Please select a new resource name.`,
    );
  }
  const identity = stringAt(body, "identity", "type") || "SystemAssigned";
  if (identity !== "SystemAssigned") throw invalidParameter("identity.type", `The sandbox does not know ${identity}.`);
  const sku = merged(before?.sku ?? { name: "Base", tier: "Free" }, body.sku);
  const tags = stringsAt(body, "tags");
  const isAutomatic = sku.name === "Automatic";
  const { agentPoolProfiles = [], status: _, ...given } = objectAt(body, "properties");
  const { status: __, ...known } = objectAt(before, "properties");
  const hasPools = Array.isArray(agentPoolProfiles) && agentPoolProfiles.length > 0;
  const initial = {
    ...initialProperties(call, location, isAutomatic),
    hostedSystemProfile: { enabled: isAutomatic && !hasPools },
  };
  const properties = merged(before === undefined ? initial : known, given);
  const version = check(call, properties, sku, before);
  return {
    location,
    ...(Object.keys(tags).length === 0 ? {} : { tags }),
    kind: "Base",
    sku: isAutomatic ? { ...sku, tier: sku.tier === "Free" ? "Standard" : sku.tier } : sku,
    properties: {
      ...withDerived(call, location, properties),
      currentKubernetesVersion: before?.properties?.currentKubernetesVersion ?? version,
    },
  };
}

/** @returns the patch version of Kubernetes @throws ArmFault */
function check(call: ArmCall, properties: JsonObject, sku: JsonObject, before: StoredResource | undefined): string {
  for (const path of fixed) {
    const keys = path.split(".");
    refuseChange(`properties.${path}`, valueAt(before, "properties", ...keys), valueAt(properties, ...keys));
  }
  if (before === undefined && stringAt(properties, "dnsPrefix") === "") {
    throw aksFault(400, "InvalidParameter", "Required parameter dnsPrefix is missing (null).");
  }
  const hasLongTermSupport = sku.tier === "Premium" && properties.supportPlan === "AKSLongTermSupport";
  const version = checkVersion(call.at.name, stringAt(properties, "kubernetesVersion"), hasLongTermSupport);
  const current = stringAt(before, "properties", "currentKubernetesVersion");
  if (current !== "") checkUpgrade(current, version);
  const { serviceCidr, dnsServiceIP } = objectAt(properties, "networkProfile");
  const address = tryParseCidr(`${dnsServiceIP}/32`);
  if (address === undefined || !isWithin(address, [String(serviceCidr)])) {
    throw aksFault(
      400,
      "DnsServiceIpOutOfServiceCidr",
      `The specified DNS service IP ${dnsServiceIP} is out of the Kubernetes service CIDR ${serviceCidr}.`,
    );
  }
  const hasIssuer = objectAt(properties, "oidcIssuerProfile").enabled === true;
  if (!hasIssuer && valueAt(before, "properties", "oidcIssuerProfile", "enabled") === true) {
    throw aksFault(400, "OIDCIssuerFeatureCannotBeDisabled", "OIDC issuer feature cannot be disabled.");
  }
  if (!hasIssuer && objectAt(properties, "securityProfile", "workloadIdentity").enabled === true) {
    throw invalidParameter("securityProfile.workloadIdentity", "Workload identity requires OIDC issuer to be enabled.");
  }
  return version;
}

function initialProperties({ at }: ArmCall, location: string, isAutomatic: boolean): JsonObject {
  return {
    powerState: { code: "Running" },
    kubernetesVersion: defaultVersion,
    ...(isAutomatic ? { dnsPrefix: `${at.name}-dns` } : {}),
    servicePrincipalProfile: { clientId: "msi" },
    nodeResourceGroup: `MC_${at.group}_${at.name}_${location}`.slice(0, 80),
    enableRBAC: true,
    supportPlan: "KubernetesOfficial",
    networkProfile: {
      networkPlugin: "azure",
      networkPluginMode: "overlay",
      networkPolicy: isAutomatic ? "cilium" : "none",
      networkDataplane: isAutomatic ? "cilium" : "azure",
      loadBalancerSku: "standard",
      loadBalancerProfile: { managedOutboundIPs: { count: 1 }, backendPoolType: "nodeIPConfiguration" },
      podCidr: "10.244.0.0/16",
      serviceCidr: "10.0.0.0/16",
      dnsServiceIP: "10.0.0.10",
      outboundType: isAutomatic ? "managedNATGateway" : "loadBalancer",
      ipFamilies: ["IPv4"],
    },
    maxAgentPools: 100,
    autoUpgradeProfile: { ...(isAutomatic ? { upgradeChannel: "stable" } : {}), nodeOSUpgradeChannel: "NodeImage" },
    ...(isAutomatic ? { disableLocalAccounts: true, aadProfile: { managed: true, enableAzureRBAC: true } } : {}),
    ...(isAutomatic ? { nodeResourceGroupProfile: { restrictionLevel: "ReadOnly" } } : {}),
    securityProfile: isAutomatic ? { workloadIdentity: { enabled: true } } : {},
    storageProfile: {
      diskCSIDriver: { enabled: true },
      fileCSIDriver: { enabled: true },
      snapshotController: { enabled: true },
    },
    oidcIssuerProfile: { enabled: isAutomatic },
    workloadAutoScalerProfile: {},
    resourceUID: Buffer.from(crypto.getRandomValues(new Uint8Array(12))).toString("hex"),
    metricsProfile: { costAnalysis: { enabled: false } },
    nodeProvisioningProfile: isAutomatic ? { mode: "Auto", defaultNodePools: "Auto" } : { mode: "Manual" },
    bootstrapProfile: { artifactSource: "Direct" },
  };
}

/** What follows from other properties, and does not change once it is there. */
function withDerived({ cloud, at }: ArmCall, location: string, properties: JsonObject): JsonObject {
  const tenant = tenantOf(cloud, at.subscription);
  const { podCidr = "", serviceCidr = "" } = stringsAt(properties, "networkProfile");
  const label = `${stringAt(properties, "dnsPrefix")}-${randomName(8)}`;
  const issuer = objectAt(properties, "oidcIssuerProfile");
  const issuerURL = `https://${location}.oic.prod-aks.azure.com/${tenant}/${crypto.randomUUID()}/`;
  return {
    fqdn: `${label}.hcp.${location}.azmk8s.io`,
    azurePortalFQDN: `${label}.portal.hcp.${location}.azmk8s.io`,
    ...properties,
    networkProfile: {
      ...objectAt(properties, "networkProfile"),
      podCidrs: [podCidr],
      serviceCidrs: [serviceCidr],
    },
    ...(properties.aadProfile === undefined
      ? {}
      : { aadProfile: { tenantID: tenant, ...objectAt(properties, "aadProfile") } }),
    oidcIssuerProfile: issuer.enabled === true ? { issuerURL, ...issuer } : issuer,
  };
}

function merged(before: unknown, given: unknown): JsonObject {
  const result = mergePatch(isObject(before) ? before : {}, isObject(given) ? given : {});
  return isObject(result) ? result : {};
}
