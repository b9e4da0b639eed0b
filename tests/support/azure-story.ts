import type { AksCluster } from "#lib/azure/fleet/types.ts";
import { apiVersionOf } from "#lib/azure/types.ts";
import type { Fleet, GitHubTrust } from "#lib/fleet/types.ts";
import { administratorOf } from "#sandbox/azure/entra/administrators.ts";
import type { CloudSandbox, Run } from "#tests/support/cloud-sandbox.ts";
import { inSandbox, type Story } from "#tests/support/story.ts";

/** Subscriptions of `fleetOf`, all in one tenant. */
export const subscriptions = {
  "azure-mgmt": "11111111-1111-1111-1111-111111111111",
  "azure-01": "22222222-2222-2222-2222-222222222222",
  "azure-02": "33333333-3333-3333-3333-333333333333",
} as const;
export type AccountName = keyof typeof subscriptions;
export const tenantId = "99999999-9999-9999-9999-999999999999";

const publicAccessCidrs = ["203.0.113.0/24"];

export function aks(
  number: 1 | 2 | 3,
  account: AccountName = "azure-01",
  others: Partial<Omit<AksCluster, "provider" | "name">> = {},
): AksCluster {
  const name = `k0${number}.k8s.az.mylabs.dev` as const;
  return { provider: "azure", name, account, region: "eastus2", publicAccessCidrs, ...others };
}

/** A fleet in Azure alone, without Argo CD: what it is about is Azure, and it is made in seconds. */
export function fleetOf(...clusters: readonly AksCluster[]): Fleet {
  const used = new Set<string>(["azure-mgmt", ...clusters.map(({ account }) => account)]);
  return {
    domain: "mylabs.dev",
    zones: [{ provider: "azure", primary: "az.mylabs.dev", clusters: "k8s.az.mylabs.dev" }],
    accounts: Object.entries(subscriptions)
      .filter(([name]) => used.has(name))
      .map(([name, subscriptionId]) => ({
        provider: "azure",
        name,
        role: name === "azure-mgmt" ? "management" : "tenant",
        subscriptionId,
        tenantId,
      })),
    clusters,
  };
}

/** A resource as Resource Manager answers it. */
export interface Answered {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly location?: string;
  readonly tags?: Readonly<Record<string, string>>;
  // Compared as a whole or by its fields.
  // biome-ignore lint/suspicious/noExplicitAny: each type has fields of its own
  readonly properties?: any;
}

/** Resource Manager as somebody else calls it who may do everything in the tenant. */
export interface Neighbour {
  /** Undefined if it does not exist. */
  get(id: string): Promise<Answered | undefined>;
  /** Empty also if there is no such subscription. */
  list(id: string): Promise<readonly Answered[]>;
  put(id: string, body: object): Promise<Answered>;
  patch(id: string, body: object): Promise<Answered>;
  remove(id: string): Promise<void>;
}

export interface AzureStory extends Story {
  /** Only after the first run, or after `openFor`: before it, nobody has told the sandbox of accounts. */
  neighbour(): Promise<Neighbour>;
}

/** @param speed as of openCloudSandbox */
export async function inAzure(story: (azure: AzureStory) => Promise<void>, speed?: number): Promise<void> {
  await inSandbox("azure", (sandbox) => story({ ...sandbox, neighbour: () => openNeighbour(sandbox) }), speed);
}

/** Azure's id of what is in the resource group of a cluster; of the group itself without `path`. */
export function idIn(account: AccountName, group: string, path?: string): string {
  const id = `/subscriptions/${subscriptions[account]}/resourceGroups/${group}`;
  return path === undefined ? id : `${id}/providers/${path}`;
}

async function openNeighbour(sandbox: CloudSandbox): Promise<Neighbour> {
  const { ARM_METADATA_HOSTNAME: host = "", REQUESTS_CA_BUNDLE: bundle = "" } = await sandbox.variables();
  const tls = { ca: await Bun.file(bundle).text() };
  const { clientId, secret } = administratorOf(tenantId);
  const form = { client_id: clientId, client_secret: secret, grant_type: "client_credentials" };
  const scope = "https://management.azure.com/.default";
  const signedIn = await fetch(`https://${host}/${tenantId}/oauth2/v2.0/token`, {
    method: "POST",
    body: new URLSearchParams({ ...form, scope }),
    tls,
  });
  const { access_token: token } = (await signedIn.json()) as { readonly access_token: string };

  async function call(method: string, id: string, body?: object): Promise<unknown> {
    const response = await fetch(`https://${host}${id}?api-version=${apiVersionOf(withoutRecords(id))}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      tls,
    });
    const text = await response.text();
    if (response.status === 404 && method === "GET") return undefined;
    if (!response.ok) throw new Error(`${method} ${id}: ${response.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  }

  return {
    get: async (id) => (await call("GET", id)) as Answered | undefined,
    async list(id) {
      const answer = (await call("GET", id)) as { readonly value: readonly Answered[] } | undefined;
      return answer?.value ?? [];
    },
    put: async (id, body) => (await call("PUT", id, body)) as Answered,
    patch: async (id, body) => (await call("PATCH", id, body)) as Answered,
    async remove(id) {
      await call("DELETE", id);
    },
  };
}

/** Record sets have the API version of their zone. */
function withoutRecords(id: string): string {
  return id.replace(/(\/dnszones\/[^/]+)\/(NS|TXT|A|CNAME)\b.*$/i, "$1");
}

/** Object id of the group that `governed` names in every account. */
export const operators = "88888888-8888-8888-8888-888888888888";
export const github: GitHubTrust = {
  repository: "example/k8s-multicluster-gitops",
  repositoryId: "1000000001",
  ownerId: "2000000002",
  claims: ["ref:refs/heads/main"],
  readClaims: ["pull_request"],
};

/** The same fleet with jobs of GitHub and operators. */
export function governed(fleet: Fleet): Fleet {
  const accounts = fleet.accounts.map((account) =>
    account.provider === "azure" ? { ...account, operators } : account,
  );
  return { ...fleet, github, accounts };
}

export type Variables = Readonly<Record<string, string>>;

/** Variables of a job of GitHub that has these client ids, and no other credentials. @param claims over those of a push to main */
export async function githubJob(azure: Story, clients: Variables, claims: Variables = {}): Promise<Variables> {
  const { env } = await azure.daemon.operate<{ readonly env: Variables }>("azure", "github-job", claims);
  const none = { AZURE_TENANT_ID: "", AZURE_CLIENT_ID: "", AZURE_CLIENT_SECRET: "" };
  return { ...(await azure.variables()), ...none, ...clients, ...env, GITHUB_RUN_ID: crypto.randomUUID() };
}

/** Variables of a new application. @param input `group` that it joins, `tenant` */
export async function application(azure: Story, input: Variables = {}): Promise<Variables> {
  const { env } = await azure.daemon.operate<{ readonly env: Variables }>("azure", "service-principal", input);
  return { ...(await azure.variables()), ...env };
}

/** Client ids of GitHub's jobs, as a run hands them over: `AZURE_CLIENT_ID`, `AZURE_READ_ONLY_CLIENT_ID`. */
export function clientsOf({ results }: Run): Variables {
  const commands = Object.values(results).flatMap(({ health }) =>
    health?.kind === "healthy" ? (health.next ?? []) : [],
  );
  const found = commands.flatMap((text) => {
    const [, name = "", id = ""] = /^gh variable set (\w+) --repo \S+ --body (\S+)$/.exec(text) ?? [];
    return name === "" ? [] : [[name, id]];
  });
  // Resources end in any order.
  return Object.fromEntries(found.toSorted()) as Variables;
}
