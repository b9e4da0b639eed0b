import { rm } from "node:fs/promises";
import { join } from "node:path";
import { formatPlugin } from "#lib/cloud/exec-plugin.ts";
import { createGcpClients } from "#lib/gcp/create-clients.ts";
import type { GkeCluster } from "#lib/gcp/fleet/types.ts";
import { gkePlugin } from "#lib/gcp/gke/token-plugin.ts";
import { pathsBelow, projectRoot } from "#lib/paths.ts";
import { env } from "#sandbox/gcp/environment.ts";
import { gcp } from "#sandbox/gcp/gcp.ts";
import { hastyRun, setUpProjects } from "#tests/support/gcp-service-accounts.ts";
import { account, gcpFleet, management } from "#tests/support/google-server.ts";
import { type HttpsCloud, openHttpsCloud } from "#tests/support/https-cloud.ts";
import { tryFindProgram } from "./measure.ts";
import type { TokenContest, TokenProgram } from "./tokens.ts";

export interface GkeContests {
  readonly contests: readonly TokenContest[];
  close(): Promise<void>;
}

const cluster: GkeCluster = {
  provider: "gcp",
  name: "k01.k8s.gcp.mylabs.dev",
  account: account.name,
  region: "us-east1",
};
const server = "https://gke-0123abcd-100000000002.us-east1.gke.goog";

interface CachingProgram extends TokenProgram {
  /** Deletes its cached tokens. */
  readonly forget: () => Promise<void>;
}

/**
 * Tokens of GKE are Google's, here the sandbox's. Ours is the token of the account's service account, by two impersonations; Google's plugin
 * passes on that of the person.
 */
export async function openGkeContests(state: string): Promise<GkeContests> {
  const accounts = [management, account].map((one) => ({ ...one }));
  const cloud = await openHttpsCloud(gcp, accounts);
  try {
    const programs = await programsIn(cloud, accounts, state);
    const token = /^ya29\./;
    return {
      contests: [
        {
          token,
          title: "GKE, a new token",
          programs: programs.map(({ forget, ...one }) => ({ ...one, prepare: forget })),
        },
        { token, title: "GKE, from a cached token", programs: programs.map(({ forget, ...one }) => one) },
      ],
      close: cloud.close,
    };
  } catch (error) {
    await cloud.close();
    throw error;
  }
}

async function programsIn(
  cloud: HttpsCloud,
  accounts: Parameters<typeof env>[0]["accounts"],
  state: string,
): Promise<readonly CachingProgram[]> {
  const { HTTPS_PROXY = "", REQUESTS_CA_BUNDLE: authorityPath = "" } = cloud.variables;
  const { folder } = cloud;
  const { endpoint } = cloud.server;
  const variables = await env({ endpoint, folder, accounts, authorityPath, proxyUrl: HTTPS_PROXY, bin: folder });
  await setUpProjects(createGcpClients(gcpFleet, variables), hastyRun());
  const fleetFile = join(state, "gke-fleet.json");
  const fleet = { domain: "mylabs.dev", zones: [], clusters: [], accounts: gcpFleet.accounts };
  await Bun.write(fleetFile, JSON.stringify(fleet));
  const place = { bun: process.execPath, root: projectRoot, state, environment: {} };
  const plugin = formatPlugin(gkePlugin({ cluster, account, management, server, fleetFile }), place);
  const remove = (path: string) => async () => await rm(path, { recursive: true, force: true });
  const own = { ...variables, HOME: state };
  const found: CachingProgram[] = [
    {
      name: "tasks/kube-token.ts",
      command: [plugin.command, ...(plugin.args ?? [])],
      env: own,
      forget: remove(join(pathsBelow(projectRoot, state).cache, "gcp")),
    },
  ];
  const google = tryFindProgram("GKE_AUTH_PLUGIN", "gke-gcloud-auth-plugin");
  if (google === undefined) return found;
  const info = { kind: "ExecCredential", apiVersion: "client.authentication.k8s.io/v1beta1", spec: {} };
  return [
    ...found,
    {
      name: "gke-gcloud-auth-plugin",
      command: [google, "--use_application_default_credentials"],
      env: { ...own, HTTPS_PROXY, SSL_CERT_FILE: authorityPath, KUBERNETES_EXEC_INFO: JSON.stringify(info) },
      forget: remove(join(state, ".kube")),
    },
  ];
}
