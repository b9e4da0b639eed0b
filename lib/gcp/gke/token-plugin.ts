import { resolve } from "node:path";
import { fixVariables, type Plugin, type PluginPlace } from "#lib/cloud/exec-plugin.ts";
import { isRedirected } from "#lib/gcp/credentials/endpoints.ts";
import type { GcpAccount, GkeCluster } from "#lib/gcp/fleet/types.ts";
import { emailOf, gkeNameOf, serviceAccountNames } from "#lib/gcp/names.ts";

/** The emulator that the cluster is in, and who acts there. */
const cloudVariables = [
  "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDRESOURCEMANAGER",
  "CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE",
  "CLOUDSDK_API_ENDPOINT_OVERRIDES_CONTAINER",
  "CLOUDSDK_API_ENDPOINT_OVERRIDES_DNS",
  "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAM",
  "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS",
  "CLOUDSDK_API_ENDPOINT_OVERRIDES_SERVICEUSAGE",
  "CLOUDSDK_API_ENDPOINT_OVERRIDES_STS",
  "CLOUDSDK_AUTH_TOKEN_HOST",
  "CLOUDSDK_CONFIG",
  "GOOGLE_APPLICATION_CREDENTIALS",
  "METADATA_SERVER_DETECTION",
  "REQUESTS_CA_BUNDLE",
];
const secretVariables = ["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"];

/** Only for an emulator: Google's credentials come from kubectl's environment. */
export function gkePluginEnvironment(variables: Readonly<Record<string, string>>): PluginPlace["environment"] {
  return isRedirected(variables) ? fixVariables(variables, { plain: cloudVariables, secret: secretVariables }) : {};
}

/** Whose token, for which cluster. */
export interface GkeTokenSubject {
  readonly cluster: GkeCluster;
  readonly account: GcpAccount;
  readonly management: GcpAccount;
  readonly server: string;
  /** @default clusters/fleet.ts */
  readonly fleetFile?: string | undefined;
}

/** The program that kubectl calls for a token of GKE. */
export function gkePlugin({ cluster, account, management, server, fleetFile }: GkeTokenSubject): Plugin {
  return {
    cluster: cluster.name,
    options: {
      provider: "gcp",
      cluster: gkeNameOf(cluster),
      server,
      account: account.name,
      "service-account": emailOf(account, serviceAccountNames.clusters),
      "management-account": management.name,
      "management-service-account": emailOf(management, serviceAccountNames.clusters),
      fleet: fleetFile === undefined ? undefined : resolve(fleetFile),
    },
  };
}
