import { rm } from "node:fs/promises";
import { join } from "node:path";
import { aksPlugin } from "#lib/azure/aks/token-plugin.ts";
import { formatPlugin } from "#lib/cloud/exec-plugin.ts";
import { pathsBelow, projectRoot } from "#lib/paths.ts";
import { accounts, clusters } from "#tests/fixtures/fleets/default/azure.ts";
import { type CloudSandbox, openCloudSandbox } from "#tests/support/cloud-sandbox.ts";
import { azVariables, enterAzure } from "./azure.ts";
import { run, tryFindProgram } from "./measure.ts";
import type { TokenContest, TokenProgram } from "./tokens.ts";

export interface AksContests {
  readonly contests: readonly TokenContest[];
  close(): Promise<void>;
}

/** The application of AKS's API servers. */
const serverApp = "6dae42f8-4368-4678-94ff-3960e28e3630";

/** Tokens of AKS are Entra's, here the sandbox's: each program signs in as the same service principal. */
export async function openAksContests(state: string): Promise<AksContests> {
  const at = await openCloudSandbox();
  try {
    const programs = await programsIn(at, state);
    const contest = { token: /^eyJ/, calls: async () => (await at.calls()).length };
    return {
      contests: [
        {
          ...contest,
          title: "AKS, a new token",
          programs: programs.map(({ forget, ...one }) => ({ ...one, prepare: forget })),
        },
        { ...contest, title: "AKS, from a cached token", programs: programs.map(({ forget, ...one }) => one) },
      ],
      close: at.close,
    };
  } catch (error) {
    await at.close();
    throw error;
  }
}

interface CachingProgram extends TokenProgram {
  /** Deletes its cached tokens. */
  readonly forget: () => Promise<void>;
}

async function programsIn(at: CloudSandbox, state: string): Promise<readonly CachingProgram[]> {
  const { env, proxy } = await enterAzure(at, accounts);
  const [account, cluster] = [accounts[1], clusters[0]];
  if (account === undefined || cluster === undefined) throw new Error("the fleet has no cluster of Azure");
  const server = "https://k01-k8s-az-mylabs-dev-0123abcd.hcp.eastus2.azmk8s.io:443";
  const plugin = formatPlugin(aksPlugin({ cluster, account, server }), {
    bun: process.execPath,
    root: projectRoot,
    state,
    environment: {},
  });
  const remove = (path: string) => async () => await rm(path, { recursive: true, force: true });
  const found: CachingProgram[] = [
    {
      name: "tasks/kube-token.ts",
      command: [plugin.command, ...(plugin.args ?? [])],
      env: { ...env, HOME: state },
      forget: remove(join(pathsBelow(projectRoot, state).cache, "azure")),
    },
  ];
  const kubelogin = tryFindProgram("KUBELOGIN", "kubelogin");
  if (kubelogin !== undefined) {
    const cache = join(state, "kubelogin");
    const asked = ["--login", "spn", "--server-id", serverApp, "--tenant-id", account.tenantId, "--cache-dir", cache];
    found.push({
      name: "kubelogin get-token",
      command: [kubelogin, "get-token", ...asked],
      env: { ...env, HOME: state, HTTPS_PROXY: proxy, SSL_CERT_FILE: env.REQUESTS_CA_BUNDLE ?? "" },
      forget: remove(cache),
    });
  }
  const az = tryFindProgram("AZURE_CLI", "az");
  if (az !== undefined) {
    const variables = { ...azVariables(env, proxy), HOME: state };
    const folder = env.AZURE_CONFIG_DIR ?? "";
    const { AZURE_CLIENT_ID: id = "", AZURE_CLIENT_SECRET: secret = "" } = env;
    const login = ["login", "--service-principal", "-u", id, "-p", secret, "--tenant", account.tenantId];
    await run([az, ...login, "--output", "none"], { env: variables, cwd: state });
    found.push({
      name: "az account get-access-token",
      command: [az, "account", "get-access-token", "--resource", serverApp, "--tenant", account.tenantId, "-o", "json"],
      env: variables,
      tokenOf: (answer) => (answer as { readonly accessToken?: string }).accessToken,
      // What it knows of Entra itself stays.
      forget: remove(join(folder, "msal_token_cache.json")),
    });
  }
  return found;
}
