import { type Kind, qualifiedName } from "#sandbox/kubernetes/kinds.ts";
import type { Subresource } from "#sandbox/kubernetes/operations.ts";
import { StatusError, unauthorized } from "#sandbox/kubernetes/status.ts";

/** What somebody wants to do to objects. */
export interface Access {
  readonly verb: "get" | "list" | "watch" | "create" | "update" | "patch" | "delete";
  readonly kind: Kind;
  readonly subresource: Subresource | "token";
  /** Undefined: all namespaces, or a kind without namespaces. */
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

/** Somebody whose token was accepted. */
export interface User {
  readonly name: string;
  may(access: Access): boolean;
  /** Why not, where the authorizer says it: the end of the message. */
  readonly refusal?: string | ((access: Access) => string);
}

/** Whose token this is; undefined when it is nobody's. */
export type Authenticate = (token: string) => User | undefined | Promise<User | undefined>;

/** The user of a cluster's own token: may do everything, as the administrators of kind and k3d. */
const administrator: User = { name: "kubernetes-admin", may: () => true };

/** Clusters that know one token need no authenticator. */
export function onlyToken(token: string): Authenticate {
  return (given) => (given === token ? administrator : undefined);
}

/** @throws StatusError 401 */
export async function authenticate(who: Authenticate, request: Request): Promise<User> {
  const [scheme, token = ""] = (request.headers.get("authorization") ?? "").split(" ");
  const user = scheme === "Bearer" ? await who(token) : undefined;
  if (user === undefined) throw unauthorized();
  return user;
}

/** @throws StatusError 403 */
export function authorize(user: User, access: Access): void {
  if (user.may(access)) return;
  const { verb, kind, namespace, name, subresource } = access;
  const resource = subresource === undefined ? kind.resource : `${kind.resource}/${subresource}`;
  const where = namespace === undefined ? "at the cluster scope" : `in the namespace "${namespace}"`;
  const why = typeof user.refusal === "function" ? user.refusal(access) : user.refusal;
  const what = name === undefined ? qualifiedName(kind) : `${qualifiedName(kind)} "${name}"`;
  throw new StatusError(
    403,
    "Forbidden",
    `${what} is forbidden: User "${user.name}" cannot ${verb} resource "${resource}" in API group "${kind.group}" ${where}${why === undefined ? "" : `: ${why}`}`,
    {
      ...(name === undefined ? {} : { name }),
      ...(kind.group === "" ? {} : { group: kind.group }),
      kind: kind.resource,
    },
  );
}
