import { resolve } from "node:path";
import type { AksCluster, AzureAccount } from "#lib/azure/fleet/types.ts";
import { aksNameOf } from "#lib/azure/names.ts";
import { fixVariables, type Plugin, type PluginPlace } from "#lib/cloud/exec-plugin.ts";

/** The cloud that the cluster is in, and who acts there. */
const cloudVariables = [
  "ARM_METADATA_HOSTNAME",
  "REQUESTS_CA_BUNDLE",
  "AZURE_CLIENT_CERTIFICATE_PATH",
  "AZURE_CLIENT_ID",
  "AZURE_CONFIG_DIR",
  "AZURE_TENANT_ID",
  "AZURE_TOKEN_CREDENTIALS",
];
const secretVariables = [
  "AZURE_CLIENT_CERTIFICATE_PASSWORD",
  "AZURE_CLIENT_SECRET",
  "AZURE_FEDERATED_TOKEN_FILE",
  "ACTIONS_ID_TOKEN_REQUEST_URL",
  "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
  "IDENTITY_ENDPOINT",
];

/** Only for another cloud than Azure's public one: its credentials come from kubectl's environment. */
export function aksPluginEnvironment(variables: Readonly<Record<string, string>>): PluginPlace["environment"] {
  if ((variables.ARM_METADATA_HOSTNAME ?? "") === "") return {};
  return fixVariables(variables, { plain: cloudVariables, secret: secretVariables });
}

/** Whose token, for which cluster. */
export interface AksTokenSubject {
  readonly cluster: AksCluster;
  readonly account: AzureAccount;
  readonly server: string;
  /** @default clusters/fleet.ts */
  readonly fleetFile?: string | undefined;
}

/** The program that kubectl calls for a token of AKS. */
export function aksPlugin({ cluster, account, server, fleetFile }: AksTokenSubject): Plugin {
  return {
    cluster: cluster.name,
    options: {
      provider: "azure",
      cluster: aksNameOf(cluster),
      server,
      account: account.name,
      tenant: account.tenantId,
      fleet: fleetFile === undefined ? undefined : resolve(fleetFile),
    },
  };
}
