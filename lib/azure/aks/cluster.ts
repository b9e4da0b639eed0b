import { clusterBody, clusterRules } from "#lib/azure/aks/cluster-body.ts";
import { refuseVersion } from "#lib/azure/aks/versions.ts";
import { armResource, withReading } from "#lib/azure/arm-resource.ts";
import type { ArmResource } from "#lib/azure/clients.ts";
import type { AksCluster, AzureAccount } from "#lib/azure/fleet/types.ts";
import { aksNameOf, azureId, groupOf } from "#lib/azure/names.ts";
import type { AzureWorld } from "#lib/azure/world.ts";
import type { Tags } from "#lib/cloud/ownership.ts";
import { minuteMs } from "#lib/cloud/parts.ts";
import { FleetError } from "#lib/errors.ts";
import type { AnyResource, Health, Resource, RowRef } from "#lib/graph/resource.ts";
import { parseKubeconfig } from "#lib/kubernetes/kubeconfig.ts";

export interface AksOptions {
  readonly id: string;
  readonly title: string;
  readonly row: RowRef;
  readonly needs: readonly AnyResource[];
  readonly account: AzureAccount;
  readonly cluster: AksCluster;
  readonly tags: Tags;
}

export interface AksState extends ArmResource {
  /** Undefined without permission to read it. */
  readonly endpoint: AksEndpoint | undefined;
  /** Of the tokens of its service accounts. It ends in a slash, and a recreated cluster has another. */
  readonly issuer: string | undefined;
}

export interface AksEndpoint {
  /** Origin of the API server. */
  readonly server: string;
  /** PEM in base64. */
  readonly authority: string;
}

/** A cluster takes five to ten minutes, an upgrade with its nodes an hour. */
const timeoutMs = 90 * minuteMs;

/**
 * An AKS cluster. What it made outside of itself is in the resource group of its nodes, which AKS deletes with it: load balancers,
 * addresses, disks.
 */
export function aksCluster({ cluster, ...options }: AksOptions): Resource<AksState, AzureWorld> {
  const { account } = options;
  const made = armResource({
    ...options,
    label: "AKS",
    lane: "cluster",
    azureId: () => aksAzureId(account, cluster),
    body: () => clusterBody(cluster),
    rules: clusterRules(cluster),
    writesAll: true,
    etags: true,
    refuse: (world, found, changes) => refuseVersion(world, account, cluster, found, changes),
    timeoutMs,
  });
  const known = withReading(made, async (world, found) => ({
    ...found,
    endpoint: await readEndpoint(world, account, found),
    issuer: issuerOf(found),
  }));
  return { ...known, health: (state) => health(state, made.health(state)) };
}

export function aksAzureId(account: AzureAccount, cluster: AksCluster): string {
  return azureId(account, groupOf(cluster), "Microsoft.ContainerService/managedClusters", aksNameOf(cluster));
}

function issuerOf({ properties }: ArmResource): string | undefined {
  const issuer = fieldOf(properties?.oidcIssuerProfile, "issuerURL");
  return typeof issuer === "string" ? issuer : undefined;
}

/** From the kubeconfig of AKS, whose user needs another program. */
async function readEndpoint(
  world: AzureWorld,
  account: AzureAccount,
  { id, properties }: ArmResource,
): Promise<AksEndpoint | undefined> {
  // A cluster whose creation failed has no API server.
  if (typeof properties?.fqdn !== "string") return undefined;
  try {
    const { kubeconfigs } = await world.azure.arm(account).post(world, id, "listClusterUserCredential");
    const [first] = Array.isArray(kubeconfigs) ? kubeconfigs : [];
    const text = Buffer.from(String(fieldOf(first, "value") ?? ""), "base64").toString();
    const [entry] = parseKubeconfig(text, `the kubeconfig of ${id}`).clusters;
    const { server, "certificate-authority-data": authority } = entry?.cluster ?? {};
    return server === undefined || authority === undefined ? undefined : { server, authority };
  } catch (error) {
    // Readers of the subscription may not, and nobody while it is disabled.
    if (error instanceof FleetError && ["AzureDenied", "SubscriptionDisabled"].includes(error.code)) return undefined;
    throw error;
  }
}

function health({ properties }: AksState, found: Health): Health {
  const kubernetes = properties?.currentKubernetesVersion;
  const figures = typeof kubernetes === "string" ? { cluster: { kubernetes } } : {};
  if (fieldOf(properties?.powerState, "code") === "Stopped") {
    return { kind: "degraded", summary: "it is stopped: az aks start starts it", ...figures };
  }
  return { ...found, ...figures };
}

function fieldOf(value: unknown, field: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, field) : undefined;
}
