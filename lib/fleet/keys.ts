/** The keys that each object of a fleet may have, for the default fleet that is not read through the schema, and for hints. */

import type {
  AksCluster,
  ApplicationSwitch,
  AwsAccount,
  AzureAccount,
  CloudZones,
  EksCluster,
  Fleet,
  GcpAccount,
  GitHubTrust,
  GitOps,
  GkeCluster,
  K3dCluster,
  KindCluster,
  NodeGroup,
  Where,
} from "#lib/fleet/types.ts";

/** Compiles only with every key of the type and no other. */
type KeysOf<Entry> = Readonly<Record<keyof Entry, true>>;

const fleet: KeysOf<Fleet> = {
  domain: true,
  zones: true,
  accounts: true,
  clusters: true,
  gitops: true,
  github: true,
};
const zones: KeysOf<CloudZones> = { provider: true, primary: true, clusters: true };
const github: KeysOf<GitHubTrust> = {
  repository: true,
  repositoryId: true,
  ownerId: true,
  claims: true,
  readClaims: true,
};
const gitops: KeysOf<GitOps> = {
  repository: true,
  revision: true,
  path: true,
  local: true,
  port: true,
  applications: true,
};
const application: KeysOf<ApplicationSwitch> = { name: true, on: true, off: true };
const where: KeysOf<Where> = { providers: true, environments: true, clusters: true };
const nodes: KeysOf<NodeGroup> = { instanceType: true, count: true };

const account = { provider: true, name: true, role: true } as const;
const aws: KeysOf<AwsAccount> = { ...account, accountId: true, iamRole: true };
const azure: KeysOf<AzureAccount> = { ...account, subscriptionId: true, tenantId: true };
const gcp: KeysOf<GcpAccount> = { ...account, projectId: true };

const cluster = {
  provider: true,
  name: true,
  kubernetes: true,
  environment: true,
  mesh: true,
  podCidr: true,
  serviceCidr: true,
  argocd: true,
} as const;
const inCloud = { ...cluster, account: true, region: true } as const;
const eks: KeysOf<EksCluster> = { ...inCloud, publicAccessCidrs: true, nodes: true };
const inCloudOnly: KeysOf<AksCluster> & KeysOf<GkeCluster> = inCloud;
const local: KeysOf<KindCluster> & KeysOf<K3dCluster> = { ...cluster, apiPort: true, workers: true, image: true };

const accounts: Readonly<Record<string, object>> = { aws, azure, gcp };
const clusters: Readonly<Record<string, object>> = {
  aws: eks,
  azure: inCloudOnly,
  gcp: inCloudOnly,
  kind: local,
  k3d: local,
};

/** Keys that the object at `path` may have; none where its provider is not known. */
export function knownKeys(path: readonly PropertyKey[], value: unknown): readonly string[] {
  return Object.keys(entryAt(path, value) ?? {});
}

function entryAt(path: readonly PropertyKey[], value: unknown): object | undefined {
  const provider = isRecord(value) ? String(Reflect.get(value, "provider")) : "";
  switch (path[0]) {
    case undefined:
      return fleet;
    case "zones":
      return zones;
    case "accounts":
      return accounts[provider];
    case "clusters":
      return path.length === 2 ? clusters[provider] : nodes;
    case "gitops":
      // gitops, gitops.applications[0], gitops.applications[0].on[1]
      return path.length === 1 ? gitops : path.length === 3 ? application : where;
    case "github":
      return github;
    default:
      return undefined;
  }
}

/** Whether some object below `value` has a key that its type lacks. */
export function hasUnknownKeys(value: unknown, path: readonly PropertyKey[] = []): boolean {
  if (Array.isArray(value)) return value.some((entry, index) => hasUnknownKeys(entry, [...path, index]));
  if (!isRecord(value)) return false;
  const known = knownKeys(path, value);
  return Object.entries(value).some(([key, entry]) => !known.includes(key) || hasUnknownKeys(entry, [...path, key]));
}

function isRecord(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
