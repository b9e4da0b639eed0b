/** The allowed keys of each object of a fleet, for hints and for the default fleet, which is not parsed with the schema. */

import type { KeysOf, Providers } from "#lib/fleet/provider.ts";
import type { ApplicationSwitch, CloudZones, Fleet, GitHubTrust, GitOps, Where } from "#lib/fleet/types.ts";

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

/** Keys of every account, used by the providers' own lists; below, those of every cluster, cloud cluster and local cluster. */
export const accountKeys = { provider: true, name: true, role: true } as const;
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

export const cloudClusterKeys = { ...cluster, account: true, region: true } as const;
export const localClusterKeys = { ...cluster, apiPort: true, workers: true, image: true } as const;

/** Allowed keys of the object at `path`; none if its provider is unknown. */
export function knownKeys(path: readonly PropertyKey[], value: unknown, providers: Providers): readonly string[] {
  return Object.keys(entryAt(path, value, providers) ?? {});
}

function entryAt(path: readonly PropertyKey[], value: unknown, providers: Providers): object | undefined {
  const keys = providers.get(isRecord(value) ? String(Reflect.get(value, "provider")) : "")?.keys;
  switch (path[0]) {
    case undefined:
      return fleet;
    case "zones":
      return zones;
    case "accounts":
      return keys?.account;
    case "clusters":
      return path.length === 2 ? keys?.cluster : nestedKeys(path[2], providers);
    case "gitops":
      // gitops, gitops.applications[0], gitops.applications[0].on[1]
      return path.length === 1 ? gitops : path.length === 3 ? application : where;
    case "github":
      return github;
    default:
      return undefined;
  }
}

/** Objects inside a cluster have no provider field; their keys are unique. */
function nestedKeys(key: PropertyKey | undefined, providers: Providers): object | undefined {
  return [...providers.values()].map(({ keys }) => keys.nested?.[String(key)]).find((keys) => keys !== undefined);
}

/** Whether an object below `value` has an unknown key. */
export function hasUnknownKeys(value: unknown, providers: Providers, path: readonly PropertyKey[] = []): boolean {
  if (Array.isArray(value)) {
    return value.some((entry, index) => hasUnknownKeys(entry, providers, [...path, index]));
  }
  if (!isRecord(value)) return false;
  const known = knownKeys(path, value, providers);
  return Object.entries(value).some(
    ([key, entry]) => !known.includes(key) || hasUnknownKeys(entry, providers, [...path, key]),
  );
}

function isRecord(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
