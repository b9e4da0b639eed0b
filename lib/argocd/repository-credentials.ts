import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { checkoutPassword, checkoutUser, findCheckoutPassword } from "#lib/argocd/checkout-password.ts";
import type { GitSource } from "#lib/argocd/git-source.ts";
import type { ManagedCluster } from "#lib/argocd/managed-cluster.ts";
import { encode, ownedSecret } from "#lib/argocd/owned-secret.ts";
import type { GitCredentials } from "#lib/environment.ts";
import { FleetError } from "#lib/errors.ts";
import type { AnyResource, Outputs, Resource } from "#lib/graph/resource.ts";
import type { World } from "#lib/graph/world.ts";
import { keepSecret } from "#lib/secrets.ts";

export interface RepositoryCredentialsState {
  /** Whether the cluster has the credentials of the environment. Never the credentials: states are shown and logged. */
  readonly current: boolean;
}

export interface RepositoryCredentialsOptions {
  readonly managed: ManagedCluster;
  readonly credentials: RepositoryCredentialsOf;
  readonly needs: readonly AnyResource[];
}

/** From the environment for the fleet's repository, or of this checkout, whose server has its own password. */
export type RepositoryCredentialsOf =
  /** The credentials apply to this URL and everything below it. */
  | { readonly kind: "remote"; readonly repository: string; readonly given: GitCredentials }
  | { readonly kind: "checkout"; readonly resource: Resource<GitSource> };

/** Label that marks credentials for all repositories below a URL. */
const labels = { "argocd.argoproj.io/secret-type": "repo-creds" } as const;

/**
 * Argo CD's credentials for a private repository. They come from the environment of `create` and are stored only in
 * the cluster. A run without them keeps the existing ones.
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
    row: managed.row,
    lane: "api",
    needs: options.needs,
    ...(managed.goesWith === undefined ? {} : { goesWith: managed.goesWith }),
    observe: (world, outputs) =>
      secret.observe(world, outputs, async ({ data }) => ({
        current: digestOf(data) === digestOf(encode(await contentOf(world, options, outputs, findCheckoutPassword))),
      })),
    diff: ({ current }) =>
      current ? [] : [{ field: "credentials", from: "others", to: "those of this run", effect: "in-place" }],
    async ensure(world, _observed, outputs) {
      await secret.apply(world, outputs, { labels, data: await contentOf(world, options, outputs, checkoutPassword) });
      return { current: true };
    },
    remove: (world, _observed, outputs) => secret.remove(world, outputs),
    health: ({ current }) => ({
      kind: "healthy",
      summary: current ? "credentials up to date" : "other credentials than here",
    }),
  };
}

/** Observing creates no password: `find` may return none. */
async function contentOf(
  world: World,
  { credentials }: RepositoryCredentialsOptions,
  outputs: Outputs,
  find: (world: World) => Promise<string | undefined>,
): Promise<Readonly<Record<string, string>>> {
  if (credentials.kind === "checkout") {
    const { repository } = outputs.of(credentials.resource);
    return { type: "git", url: repository, username: checkoutUser, password: (await find(world)) ?? "" };
  }
  const { repository, given } = credentials;
  return { type: "git", url: repository, ...(await readCredentials(repository, given)) };
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
  keepSecret(password);
  // Hosts accept any user name with a token, but require one.
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
