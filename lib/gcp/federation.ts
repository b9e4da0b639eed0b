import { readSubjectsOf, subjectsOf } from "#lib/fleet/github.ts";
import type { GitHubTrust } from "#lib/fleet/types.ts";
import type { GcpActor, Json } from "#lib/gcp/clients.ts";
import type { GcpAccount } from "#lib/gcp/fleet/types.ts";
import { poolName, projectPath, providerName } from "#lib/gcp/names.ts";
import { waitForOperation } from "#lib/gcp/operation.ts";
import { type Described, foreignUnless, type RestAccess, restResource } from "#lib/gcp/rest-resource.ts";
import type { GcpWorld } from "#lib/gcp/world.ts";
import type { Resource } from "#lib/graph/resource.ts";

export interface FederationOptions extends Described {
  readonly actor: GcpActor;
  /** Its description, which says whose it is. */
  readonly mark: string;
}

const issuerUri = "https://token.actions.githubusercontent.com";
const timeoutMs = 5 * 60_000;

/** The workload identity pool of GitHub's jobs. A deleted one is restored: its name stays taken for 30 days. */
export function workloadIdentityPool(options: FederationOptions): Resource<Json, GcpWorld> {
  const { actor, mark, ...described } = options;
  const path = poolPath(actor.account);
  return restResource({
    ...described,
    body: () => ({ displayName: poolName, description: mark, disabled: false }),
    foreign: foreignUnless(mark, path),
    open: async (world) => accessOf(world, actor, path, "workloadIdentityPoolId"),
  });
}

/** Which of GitHub's jobs get into the pool: those of the fleet's repository and owner by their ids, with the fleet's claims. */
export function githubProvider({ github, ...options }: FederationOptions & { readonly github: GitHubTrust }) {
  const { actor, mark, ...described } = options;
  const path = `${poolPath(actor.account)}/providers/${providerName}`;
  return restResource({
    ...described,
    body: () => ({
      displayName: "GitHub Actions",
      description: mark,
      disabled: false,
      attributeMapping: {
        // At most 127 bytes, which the subject of a job with long names can exceed.
        "google.subject": "'repo:' + assertion.repository_id + ':' + assertion.ref",
        "attribute.sub": "assertion.sub",
      },
      attributeCondition: conditionOf(github),
      oidc: { issuerUri },
    }),
    foreign: foreignUnless(mark, path),
    open: async (world) => accessOf(world, actor, path, "workloadIdentityPoolProviderId"),
  });
}

/** Names of repositories and owners can be taken by others, their ids cannot. Claims are compared to the letter. */
export function conditionOf(github: GitHubTrust): string {
  const subjects = [...subjectsOf(github), ...readSubjectsOf(github)].map((subject) => `'${subject}'`);
  return (
    `assertion.repository_id == '${github.repositoryId}' && assertion.repository_owner_id == '${github.ownerId}'` +
    ` && assertion.sub in [${subjects.join(", ")}]`
  );
}

/** As policies name the jobs with these subjects. */
export function jobMembers({ projectNumber }: GcpAccount, subjects: readonly string[]): readonly string[] {
  const pool = `projects/${projectNumber}/locations/global/workloadIdentityPools/${poolName}`;
  return subjects.map((subject) => `principalSet://iam.googleapis.com/${pool}/attribute.sub/${subject}`);
}

function poolPath(account: GcpAccount): string {
  return `${projectPath(account)}/locations/global/workloadIdentityPools/${poolName}`;
}

/** @param idParameter of a create */
function accessOf(world: GcpWorld, actor: GcpActor, path: string, idParameter: string): RestAccess {
  const rest = world.gcp.rest(actor);
  const at = path.lastIndexOf("/");
  const [collection, id] = [path.slice(0, at), path.slice(at + 1)];
  const wait = async (operation: Json): Promise<void> => {
    await waitForOperation(world, rest, "iam", operation, {
      account: actor.account.name,
      what: `writing ${path}`,
      timeoutMs,
    });
    world.gcp.accessChanged(actor.account);
  };
  return {
    get: () => rest.get(world, "iam", `v1/${path}`),
    create: async (body) =>
      await wait(await rest.send(world, "iam", "POST", `v1/${collection}`, body, { [idParameter]: id })),
    change: async (body, fields) =>
      await wait(await rest.send(world, "iam", "PATCH", `v1/${path}`, body, { updateMask: fields.join(",") })),
    remove: async () => await wait(await rest.send(world, "iam", "DELETE", `v1/${path}`)),
    undelete: async () => await wait(await rest.send(world, "iam", "POST", `v1/${path}:undelete`, {})),
  };
}
