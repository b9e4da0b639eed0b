import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Engine } from "#sandbox/azure/arm/engine.ts";
import { type ArmCall, ArmFault, type StoredResource } from "#sandbox/azure/arm/kind.ts";
import { resumeOperations } from "#sandbox/azure/arm/operations.ts";
import { findResource, storeResource } from "#sandbox/azure/arm/store.ts";
import { parseTarget } from "#sandbox/azure/arm/target.ts";
import type { AzureCloud, Caller } from "#sandbox/azure/cloud.ts";
import { mintAccessToken } from "#sandbox/azure/entra/access-tokens.ts";
import { administratorOf } from "#sandbox/azure/entra/administrators.ts";
import { createPrincipal, type Principal } from "#sandbox/azure/entra/directory.ts";
import { resumeAks } from "#sandbox/azure/kinds/aks/api-server.ts";
import { managedClusters } from "#sandbox/azure/kinds/aks/clusters.ts";
import { agentPools } from "#sandbox/azure/kinds/aks/pools.ts";
import { controlPlanesOf, openControlPlanes } from "#sandbox/cloud/control-planes.ts";
import { stopWork } from "#sandbox/cloud/later.ts";
import { type JsonObject, listAt, stringAt } from "#sandbox/json.ts";
import { paceOf } from "#sandbox/pace.ts";
import { openTestBase } from "#tests/support/cloud-base.ts";

export const subscription = "22222222-2222-2222-2222-222222222222";
export const tenant = "99999999-9999-9999-9999-999999999999";
const group = "k01-rg";

/** A minute of Azure takes 3 ms. */
const speed = 20_000;

export const clusterId = (name = "k01") =>
  `/subscriptions/${subscription}/resourceGroups/${group}/providers/Microsoft.ContainerService/managedClusters/${name}`;

export interface Answer {
  readonly status: number;
  readonly body: JsonObject;
}

/** Resource Manager with AKS alone, without its front. */
export class AksWorld {
  readonly folder: string;
  readonly cloud: AzureCloud;
  readonly #engine: Engine;
  readonly #flush: () => void;

  constructor(folder = mkdtempSync(join(tmpdir(), "aks-test-"))) {
    this.folder = folder;
    const { base, flush } = openTestBase(folder, speed);
    this.#flush = flush;
    this.cloud = {
      ...base,
      subscriptions: () => [{ subscriptionId: subscription, tenantId: tenant, name: "azure-01" }],
    };
    openControlPlanes(this.cloud, { folder, pace: paceOf(() => 20) });
    this.#engine = new Engine(this.cloud, [managedClusters, agentPools]);
    const id = `/subscriptions/${subscription}/resourceGroups/${group}`;
    storeResource(this.cloud, { id, name: group, type: "Microsoft.Resources/resourceGroups", location: "westeurope" });
  }

  /** What the daemon does when it starts. */
  async resume(): Promise<void> {
    resumeOperations(this.cloud, this.#engine.kindOf);
    await resumeAks(this.cloud, (cluster, error) => {
      throw new Error(`${cluster} did not come back: ${error}`);
    });
  }

  /** Ends it as the daemon does: what it remembers stays in its folder. */
  async leave(): Promise<void> {
    stopWork(this.cloud);
    await controlPlanesOf(this.cloud).close();
    this.#flush();
  }

  async close(): Promise<void> {
    await this.leave();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async request(method: string, path: string, body: JsonObject = {}): Promise<Answer> {
    const [pathname = "", search = ""] = path.split("?");
    const target = parseTarget(method, pathname);
    if (target.kind !== "resource" && target.kind !== "action" && target.kind !== "collection") {
      throw new Error(`${path} is ${target.kind}`);
    }
    const { at } = target;
    const kind = this.#engine.kindOf(at.type);
    if (kind === undefined) throw new Error(`no kind ${at.type}`);
    const call: ArmCall = {
      cloud: this.cloud,
      at,
      caller: administrator,
      version: "2026-05-01",
      headers: {},
      query: new URLSearchParams(search),
      endpoint: this.cloud.endpoint,
    };
    try {
      const response = await (target.kind === "action"
        ? this.#engine.act(kind, call, target.action)
        : target.kind === "collection"
          ? this.#engine.list(kind, call)
          : method === "GET"
            ? this.#engine.read(kind, call, method)
            : method === "DELETE"
              ? this.#engine.remove(kind, call)
              : this.#engine.write(kind, call, body, method));
      const text = await response.text();
      return { status: response.status, body: text === "" ? {} : JSON.parse(text) };
    } catch (error) {
      if (!(error instanceof ArmFault)) throw error;
      return { status: error.status, body: error.body() as JsonObject };
    }
  }

  stored(id = clusterId()): StoredResource | undefined {
    return findResource(this.cloud, id);
  }

  state(id = clusterId()): string {
    return stringAt(this.stored(id), "properties", "provisioningState");
  }

  /** Creates a cluster and waits for it. */
  async make(body: JsonObject, id = clusterId()): Promise<JsonObject> {
    const { status, body: answer } = await this.request("PUT", id, body);
    if (status >= 300) throw new Error(JSON.stringify(answer));
    await this.settled(id);
    return (await this.request("GET", id)).body;
  }

  /** Waits for the end of an operation. */
  async settled(id = clusterId()): Promise<string> {
    await until(() => ["Succeeded", "Failed", ""].includes(this.state(id)));
    return this.state(id);
  }

  principal(name: string): Principal {
    return createPrincipal(this.cloud, tenant, name);
  }

  /** A token of Entra for API servers, by default the administrator's. */
  async token(principal: Principal = { ...administratorOf(tenant), name: "administrator" }, audience = aksServerApp) {
    return (await mintAccessToken(this.cloud, { tenant, audience, principal })).token;
  }

  /** The server, the authority and the user of a kubeconfig. */
  async kubeconfig(action: string, id = clusterId()): Promise<{ server: string; ca: string; user: JsonObject }> {
    const { body } = await this.request("POST", `${id}/${action}`);
    const text = Buffer.from(stringAt(listAt(body, "kubeconfigs")[0], "value"), "base64").toString();
    const config = Bun.YAML.parse(text);
    const [cluster, user] = [listAt(config, "clusters")[0], listAt(config, "users")[0]];
    return {
      server: stringAt(cluster, "cluster", "server"),
      ca: Buffer.from(stringAt(cluster, "cluster", "certificate-authority-data"), "base64").toString(),
      user: (user as { user: JsonObject }).user,
    };
  }
}

export const aksServerApp = "6dae42f8-4368-4678-94ff-3960e28e3630";

const { objectId, clientId: appId } = administratorOf(tenant);
const administrator: Caller = { tenant, objectId, appId, groups: [] };

/** What lib/azure asks for, more or less. */
export function standard(changes: JsonObject = {}, properties: JsonObject = {}): JsonObject {
  return {
    location: "westeurope",
    tags: { project: "k8s-multicluster-gitops" },
    sku: { name: "Base", tier: "Standard" },
    identity: { type: "SystemAssigned" },
    properties: {
      kubernetesVersion: "1.35",
      dnsPrefix: "k01",
      agentPoolProfiles: [{ name: "systempool", mode: "System", count: 2, vmSize: "Standard_D4ds_v5" }],
      oidcIssuerProfile: { enabled: true },
      securityProfile: { workloadIdentity: { enabled: true } },
      aadProfile: { managed: true, enableAzureRBAC: true },
      disableLocalAccounts: true,
      nodeProvisioningProfile: { mode: "Auto" },
      ...properties,
    },
    ...changes,
  };
}

export async function until(isSo: () => boolean): Promise<void> {
  const deadline = Date.now() + 8_000;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error(`it never came about: ${isSo}`);
    await Bun.sleep(5);
  }
}
