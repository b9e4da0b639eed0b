import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AzureClients } from "#lib/azure/clients.ts";
import { createAzureClients } from "#lib/azure/create-clients.ts";
import { azure } from "#sandbox/azure/azure.ts";
import { parseCloudFault } from "#sandbox/cloud/faults.ts";
import { type HttpServer, openHttpServer } from "#sandbox/cloud/http-server.ts";
import { openTls } from "#sandbox/cloud/tls.ts";
import { testAccount } from "#tests/support/azure-world.ts";

/** Azure of the sandbox in this process, with one subscription, and clients of its administrator. */
export interface AzureSandbox {
  readonly clients: AzureClients;
  readonly server: HttpServer;
  readonly variables: Readonly<Record<string, string>>;
  /** An operation of the sandbox's command line. */
  operate(name: string, input: Readonly<Record<string, string>>): object;
  /** The next call of this kind gets an effect: `lost`, `fail:CODE`. @param target `dnsZones:write` */
  fault(target: string, effect: string): void;
  /** Ids of all resources. */
  resources(): readonly string[];
  close(): Promise<void>;
}

/** @param speed divides Azure's own times, beside the haste that they have anyway */
export async function openAzureSandbox(speed = 20): Promise<AzureSandbox> {
  const folder = await mkdtemp(join(tmpdir(), "azure-sandbox-"));
  const clusters = join(folder, "clusters");
  await mkdir(clusters);
  const accounts = [{ ...testAccount }];
  let endpoint = "";
  const cloud = await azure.open({
    accounts: () => accounts,
    endpoint: () => endpoint,
    stateFile: join(folder, "azure.db"),
    githubKey: join(folder, "github.pem"),
    clusters,
    speed: () => speed,
    controllers: [],
    log: () => undefined,
  });
  const tls = await openTls(folder, "azure", azure.hosts ?? []);
  const server = await openHttpServer({ tls, api: () => cloud.api });
  endpoint = server.endpoint;
  const { authorityPath } = tls;
  // Clients of this process reach it by its own address.
  const variables = await azure.env({
    endpoint,
    folder,
    accounts,
    authorityPath,
    proxyUrl: "",
    bin: join(folder, "bin"),
  });
  return {
    clients: createAzureClients({}, variables),
    server,
    variables,
    operate(name, input) {
      const operation = cloud.operations[name];
      if (operation === undefined) throw new Error(`the sandbox has no ${name}`);
      return operation(input, endpoint);
    },
    fault(target, effect) {
      const fault = parseCloudFault(target, effect, { times: 1 });
      if (fault === undefined) throw new Error(`${target} ${effect} is no fault`);
      server.faults.add(fault);
    },
    resources: () => (cloud.status() as { readonly resources: readonly string[] }).resources,
    async close() {
      await server.stop();
      await cloud.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
