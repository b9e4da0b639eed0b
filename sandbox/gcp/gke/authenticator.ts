import { isAuthorized } from "#sandbox/gcp/authorization/authorize.ts";
import { knownPermissions } from "#sandbox/gcp/authorization/permissions.ts";
import type { GcpCloud } from "#sandbox/gcp/cloud.ts";
import { isOpenByAddress, isOpenByName } from "#sandbox/gcp/gke/endpoints.ts";
import { type ClusterKey, idOf, tryFindCluster } from "#sandbox/gcp/gke/state.ts";
import { callerOf, type TokenRecord, tryFindToken } from "#sandbox/gcp/oauth/access-tokens.ts";
import type { Access, Authenticate, User } from "#sandbox/kubernetes/users.ts";

const connect = "container.clusters.connect";
const scopes = "https://www.googleapis.com/auth";

/** Whose access token this is, and what IAM lets them do. */
export function authenticator(cloud: GcpCloud, key: ClusterKey): Authenticate {
  return (token) => {
    const cluster = tryFindCluster(cloud, key);
    const found = tryFindToken(cloud, token);
    if (cluster === undefined || found === undefined || !found.scopes.includes(`${scopes}/cloud-platform`))
      return undefined;
    const name = userNameOf(found);
    const caller = callerOf(cloud, token);
    const mayDo = (permission: string): boolean => isAuthorized(cloud, caller, permission, idOf(cluster));
    if (!isOpenByName(cluster) && !isOpenByAddress(cluster)) {
      return refused(name, "The control plane has no endpoint that is open to external traffic.");
    }
    // Google's front end asks, before the API server does; the address has none.
    if (isOpenByName(cluster) && !mayDo(connect)) {
      return refused(name, `Permission '${connect}' denied on resource (or it may not exist).`);
    }
    return {
      name,
      may: (access) => mayDo(permissionFor(access)),
      refusal: (access) => `requires one of ["${permissionFor(access)}"] permission(s).`,
    };
  };
}

function refused(name: string, refusal: string): User {
  return { name, may: () => false, refusal };
}

/** Service accounts are known by their number where a token does not tell the email. */
function userNameOf({ subject, scopes: granted }: TokenRecord): string {
  if (subject.kind === "federated") return subject.members[0] ?? "";
  const hasEmail = subject.kind === "user" || granted.includes(`${scopes}/userinfo.email`);
  return hasEmail ? subject.email : subject.uniqueId;
}

/** IAM's names of resources by those of Kubernetes, which have no capitals: `clusterrolebindings`. */
const types: ReadonlyMap<string, string> = new Map(
  knownPermissions
    .filter((permission) => permission.startsWith("container."))
    .map((permission) => permission.split(".")[1] ?? "")
    .map((type) => [type.toLowerCase(), type]),
);

/** `container.clusterRoleBindings.create`; kinds that IAM does not know are third-party objects. */
export function permissionFor({ kind, verb, subresource }: Access): string {
  const type = types.get(kind.resource) ?? "thirdPartyObjects";
  if (subresource === "token") return `container.${type}.createToken`;
  if (verb === "list" || verb === "watch") return `container.${type}.list`;
  return `container.${type}.${verb === "patch" ? "update" : verb}`;
}
