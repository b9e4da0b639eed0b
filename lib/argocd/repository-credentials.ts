import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { ManagedCluster } from "#lib/argocd/managed-cluster.ts";
import { encode, ownedSecret } from "#lib/argocd/owned-secret.ts";
import type { GitCredentials } from "#lib/environment.ts";
import { FleetError } from "#lib/errors.ts";
import type { AnyResource, Resource } from "#lib/graph/resource.ts";

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

/** By this Argo CD knows it for credentials of all repositories below a URL. */
const labels = { "argocd.argoproj.io/secret-type": "repo-creds" } as const;

/**
 * What Argo CD reads a private repository with. It comes of the environment of whoever runs `create`, and is kept in the
 * cluster alone. A run without it leaves alone what the cluster has.
 *
 * Source: https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/#repository-credentials
 */
export function repositoryCredentials(options: RepositoryCredentialsOptions): Resource<RepositoryCredentialsState> {
  const { managed } = options;
  const secret = ownedSecret(managed, "repository-credentials");
  return {
    id: `${managed.prefix}/repository-credentials`,
    title: `${managed.cluster.name}: credentials of the repository`,
    label: "repository",
    owner: managed.owner,
    lane: "api",
    needs: options.needs,
    ...(managed.goesWith === undefined ? {} : { goesWith: managed.goesWith }),
    observe: (world, outputs) =>
      secret.observe(world, outputs, async ({ data }) => ({
        current: digestOf(data) === digestOf(encode(await contentOf(options))),
      })),
    diff: ({ current }) =>
      current ? [] : [{ field: "credentials", from: "others", to: "those of this environment", effect: "in-place" }],
    async ensure(world, _observed, outputs) {
      await secret.apply(world, outputs, { labels, data: await contentOf(options) });
      return { current: true };
    },
    remove: (world, _observed, outputs) => secret.remove(world, outputs),
    health: ({ current }) => ({
      kind: "healthy",
      summary: current ? "those of this environment" : "others than in this environment",
    }),
  };
}

async function contentOf({
  repository,
  credentials,
}: RepositoryCredentialsOptions): Promise<Readonly<Record<string, string>>> {
  return { type: "git", url: repository, ...(await readCredentials(repository, credentials)) };
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
