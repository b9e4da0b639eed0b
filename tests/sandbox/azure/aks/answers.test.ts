import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import shapesFile from "#sandbox/azure/arm/shapes.json";
import { isObject, type JsonObject, listAt, objectAt, stringAt } from "#sandbox/json.ts";
import { AksWorld, clusterId, standard, tenant } from "#tests/sandbox/azure/aks/world.ts";

/** Of the answer to the PUT in azure-service-operator's Test_AKS_ManagedCluster_20260501_CRUD; a GET has two more. */
const recorded = {
  fields: ["id", "identity", "kind", "location", "name", "properties", "sku", "type"],
  properties:
    "agentPoolProfiles autoUpgradeProfile azurePortalFQDN bootstrapProfile currentKubernetesVersion dnsPrefix enableRBAC fqdn hostedSystemProfile kubernetesVersion maxAgentPools metricsProfile networkProfile nodeProvisioningProfile nodeResourceGroup oidcIssuerProfile powerState provisioningState resourceUID securityProfile servicePrincipalProfile storageProfile supportPlan workloadAutoScalerProfile".split(
      " ",
    ),
  pool: "count currentOrchestratorVersion enableFIPS enableNodePublicIP kubeletDiskType maxPods mode name nodeImageVersion orchestratorVersion osDiskSizeGB osDiskType osSKU osType powerState provisioningState scaleDownMode securityProfile type upgradeSettings vmSize".split(
    " ",
  ),
};

interface Field {
  readonly items?: Field;
  readonly map?: Field;
  readonly $ref?: string;
}

const { roots, shapes } = shapesFile as unknown as {
  readonly roots: Readonly<Record<string, string>>;
  readonly shapes: Readonly<Record<string, Readonly<Record<string, Field>>>>;
};

/** Paths of an answer that the model of its type, read-only fields included, does not have. */
function unknownFields(type: string, answer: JsonObject): readonly string[] {
  const walk = (field: Field, value: unknown, path: string): readonly string[] => {
    if (Array.isArray(value)) return value.flatMap((item) => walk(field.items ?? {}, item, `${path}[]`));
    const shape = shapes[field.$ref ?? ""];
    if (shape === undefined || !isObject(value)) return [];
    return Object.entries(value).flatMap(([name, item]) => {
      const below = `${path}${path === "" ? "" : "."}${name}`;
      return shape[name] === undefined ? [below] : walk(shape[name], item, below);
    });
  };
  return walk({ $ref: roots[type] ?? "" }, answer, "");
}

let world: AksWorld;
beforeEach(() => {
  world = new AksWorld();
});
afterEach(() => world.close());

describe("the answer about a cluster", () => {
  test("is answered as the recordings of Azure have it", async () => {
    const { status, body } = await world.request("PUT", clusterId(), {
      location: "westus3",
      identity: { type: "SystemAssigned" },
      properties: {
        dnsPrefix: "aso",
        agentPoolProfiles: [{ name: "ap1", count: 1, mode: "System", vmSize: "Standard_DS2_v2", osType: "Linux" }],
        oidcIssuerProfile: { enabled: true },
      },
    });
    expect(status).toBe(201);
    expect(body.id).toBe(clusterId().replace("resourceGroups", "resourcegroups"));
    const uuid = expect.stringMatching(/^[0-9a-f-]{36}$/);
    expect(body).toMatchObject({
      name: "k01",
      type: "Microsoft.ContainerService/ManagedClusters",
      location: "westus3",
      kind: "Base",
      identity: { type: "SystemAssigned", principalId: uuid, tenantId: tenant },
      sku: { name: "Base", tier: "Free" },
      properties: {
        provisioningState: "Creating",
        powerState: { code: "Running" },
        kubernetesVersion: "1.35",
        currentKubernetesVersion: "1.35.7",
        dnsPrefix: "aso",
        fqdn: expect.stringMatching(/^aso-[a-z0-9]{8}\.hcp\.westus3\.azmk8s\.io$/),
        agentPoolProfiles: [
          {
            name: "ap1",
            provisioningState: "Creating",
            orchestratorVersion: "1.35",
            currentOrchestratorVersion: "1.35.7",
          },
        ],
        servicePrincipalProfile: { clientId: "msi" },
        nodeResourceGroup: "MC_k01-rg_k01_westus3",
        enableRBAC: true,
        networkProfile: {
          networkPlugin: "azure",
          networkPluginMode: "overlay",
          podCidr: "10.244.0.0/16",
          serviceCidr: "10.0.0.0/16",
          dnsServiceIP: "10.0.0.10",
          podCidrs: ["10.244.0.0/16"],
          serviceCidrs: ["10.0.0.0/16"],
        },
        autoUpgradeProfile: { nodeOSUpgradeChannel: "NodeImage" },
        nodeProvisioningProfile: { mode: "Manual" },
        oidcIssuerProfile: {
          enabled: true,
          issuerURL: expect.stringMatching(
            new RegExp(`^https://westus3\\.oic\\.prod-aks\\.azure\\.com/${tenant}/[0-9a-f-]{36}/$`),
          ),
        },
      },
    });
    expect(Object.keys(body).sort()).toEqual(recorded.fields);
    expect(Object.keys(objectAt(body, "properties")).sort()).toEqual(recorded.properties);
    expect(Object.keys(objectAt(listAt(body, "properties", "agentPoolProfiles")[0])).sort()).toEqual(recorded.pool);
    expect(await world.settled()).toBe("Succeeded");
    const later = (await world.request("GET", clusterId())).body;
    expect(Object.keys(later).sort()).toEqual([...recorded.fields, "eTag"].sort());
    expect(Object.keys(objectAt(later, "properties")).sort()).toEqual(
      [...recorded.properties, "identityProfile"].sort(),
    );
    expect(stringAt(listAt(later, "properties", "agentPoolProfiles")[0], "provisioningState")).toBe("Succeeded");
  });

  test("has no field that Microsoft's package does not have", async () => {
    const cluster = await world.make(standard());
    const pool = (await world.request("GET", `${clusterId()}/agentPools/systempool`)).body;
    const automatic = { location: "westeurope", sku: { name: "Automatic" }, properties: {} };
    const other = await world.make(automatic, clusterId("k02"));
    const type = "Microsoft.ContainerService/managedClusters";
    expect([cluster, other].flatMap((one) => unknownFields(type, one))).toEqual([]);
    expect(unknownFields(`${type}/agentPools`, pool)).toEqual([]);
    expect(unknownFields(type, { ...cluster, propertys: {} })).toEqual(["propertys"]);
  });
});
