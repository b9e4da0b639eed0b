import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import {
  apiOf,
  argocdNamespace,
  fieldManager,
  findApi,
  type ManagedCluster,
  managedBy,
} from "#lib/argocd/managed-cluster.ts";
import type { GitCredentials } from "#lib/environment.ts";
import { FleetError } from "#lib/errors.ts";
import type { AnyResource, Resource } from "#lib/graph/resource.ts";
import { applyObjects } from "#lib/kubernetes/apply.ts";
import { findObject, type KubernetesObject, type ObjectReference } from "#lib/kubernetes/objects.ts";
import { removeObject } from "#lib/kubernetes/remove.ts";

export interface RepositoryCredentialsState {
  /** Whether the cluster has what the environment says. Never the credentials: states are shown and kept in journals. */
  readonly current: boolean;
}

export interface RepositoryCredentialsOptions {
  readonly managed: ManagedCluster;
  /** URL of the repository; the credentials are for it and for what is below it. */
  readonly repository: string;
  readonly credentials: GitCredentials;
  readonly needs: readonly AnyResource[];
}

const reference: ObjectReference = {
  apiVersion: "v1",
  kind: "Secret",
  name: "repository-credentials",
  namespace: argocdNamespace,
};
const removeTimeoutMs = 30_000;
/** By the second one Argo CD knows it for credentials of all repositories below a URL. */
const fixedLabels = { ...managedBy, "argocd.argoproj.io/secret-type": "repo-creds" } as const;

/**
 * What Argo CD reads a private repository with. It comes of the environment of whoever runs `create`, and is kept in the
 * cluster alone. A run without it leaves alone what the cluster has.
 *
 * Source: https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/#repository-credentials
 */
export function repositoryCredentials(options: RepositoryCredentialsOptions): Resource<RepositoryCredentialsState> {
  const { managed } = options;
  return {
    id: `${managed.prefix}/repository-credentials`,
    title: `${managed.cluster.name}: credentials of the repository`,
    label: "repository",
    owner: managed.owner,
    lane: "api",
    needs: options.needs,
    ...(managed.goesWith === undefined ? {} : { goesWith: managed.goesWith }),
    async observe(world, outputs) {
      const api = findApi(world, managed, outputs);
      const found = api === undefined ? undefined : await findObject(api, reference);
      if (found === undefined) return { kind: "absent" };
      if (found.metadata.labels?.["app.kubernetes.io/managed-by"] !== fieldManager) {
        return { kind: "foreign", why: `secret ${reference.name} in ${argocdNamespace} is not of this project` };
      }
      const wanted = await secretOf(options);
      return { kind: "present", state: { current: digestOf(found.data) === digestOf(wanted.data) } };
    },
    diff: ({ current }) =>
      current ? [] : [{ field: "credentials", from: "others", to: "those of this environment", effect: "in-place" }],
    async ensure(world, _observed, outputs) {
      await applyObjects(apiOf(world, managed, outputs), [await secretOf(options)], {
        manager: fieldManager,
        force: true,
        signal: world.signal,
        clock: world.clock,
      });
      return { current: true };
    },
    async remove(world, _observed, outputs) {
      const api = findApi(world, managed, outputs);
      if (api !== undefined) await removeObject(api, reference, { ...world, timeoutMs: removeTimeoutMs });
      return { kind: "removed" };
    },
    health: ({ current }) => ({
      kind: "healthy",
      summary: current ? "those of this environment" : "others than in this environment",
    }),
  };
}

async function secretOf({ repository, credentials }: RepositoryCredentialsOptions): Promise<KubernetesObject> {
  const data = { type: "git", url: repository, ...(await readCredentials(repository, credentials)) };
  return {
    apiVersion: reference.apiVersion,
    kind: reference.kind,
    metadata: { name: reference.name, namespace: argocdNamespace, labels: { ...fixedLabels } },
    data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString("base64")])),
  };
}

async function readCredentials(repository: string, given: GitCredentials): Promise<Readonly<Record<string, string>>> {
  const isHttps = repository.startsWith("https://");
  const wrong = (message: string, hint: string): FleetError => new FleetError("InvalidCredentials", message, { hint });
  if (given.sshKeyFile !== undefined) {
    if (isHttps)
      throw wrong(`an ssh key opens no ${repository}`, "set GITOPS_PASSWORD, or write the repository as ssh://");
    return { sshPrivateKey: await readSecret(given.sshKeyFile, "GITOPS_SSH_KEY_FILE") };
  }
  if (!isHttps)
    throw wrong(`a password opens no ${repository}`, "set GITOPS_SSH_KEY_FILE, or write the repository as https://");
  if (given.password !== undefined && given.passwordFile !== undefined) {
    throw wrong("the password of the repository is given twice", "set GITOPS_PASSWORD or GITOPS_PASSWORD_FILE");
  }
  const password =
    given.password ??
    (given.passwordFile === undefined
      ? undefined
      : (await readSecret(given.passwordFile, "GITOPS_PASSWORD_FILE")).trim());
  if (password === undefined || password === "") {
    throw wrong("GITOPS_USERNAME is set, and no password", "set GITOPS_PASSWORD or GITOPS_PASSWORD_FILE");
  }
  // Hosts take any name beside a token, but not none.
  return { username: given.username ?? "git", password };
}

async function readSecret(path: string, variable: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new FleetError("InvalidCredentials", `${variable} names ${path}, which can't be read`, {
      hint: `correct ${variable}`,
      cause,
    });
  }
}

function digestOf(data: unknown): string {
  const entries = Object.entries((data ?? {}) as Readonly<Record<string, string>>).sort(([a], [b]) =>
    a.localeCompare(b),
  );
  return createHash("sha256").update(JSON.stringify(entries)).digest("hex");
}
