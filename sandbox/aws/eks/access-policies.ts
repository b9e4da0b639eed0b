import { type AssociatedPolicy, invalidParameter } from "#sandbox/aws/eks/state.ts";
import type { Access } from "#sandbox/kubernetes/users.ts";

const prefix = "arn:aws:eks::aws:cluster-access-policy/";
const reads = ["get", "list", "watch"];
/** Groups of which the policies that are made after Kubernetes' own roles know the kinds; not those of custom kinds. */
const knownGroups = ["", "apps", "batch", "autoscaling", "networking.k8s.io", "policy"];

const isRead = ({ verb }: Access) => reads.includes(verb);
const isRole = ({ kind }: Access) => kind.group === "rbac.authorization.k8s.io" && kind.namespaced;
const isPlain = ({ kind }: Access) => kind.namespaced && knownGroups.includes(kind.group);
const readsNamespaces = (access: Access) => access.kind.resource === "namespaces" && isRead(access);

/** What each policy allows within its scope. */
const policies: ReadonlyMap<string, (access: Access) => boolean> = new Map([
  ["AmazonEKSClusterAdminPolicy", () => true],
  ["AmazonEKSAdminPolicy", (access) => isPlain(access) || isRole(access) || readsNamespaces(access)],
  ["AmazonEKSEditPolicy", (access) => isPlain(access) || readsNamespaces(access)],
  [
    "AmazonEKSViewPolicy",
    (access) => readsNamespaces(access) || (isPlain(access) && isRead(access) && access.kind.resource !== "secrets"),
  ],
  ["AmazonEKSAdminViewPolicy", isRead],
  // Of Auto Mode's nodes, whose kubelets aren't here.
  ["AmazonEKSAutoNodePolicy", () => false],
]);

export const knownPolicies: readonly { readonly name: string; readonly arn: string }[] = [...policies.keys()].map(
  (name) => ({ name, arn: `${prefix}${name}` }),
);

export const clusterAdminPolicy = `${prefix}AmazonEKSClusterAdminPolicy`;
export const autoNodePolicy = `${prefix}AmazonEKSAutoNodePolicy`;

/** @throws AwsFault InvalidParameterException also for policies that AWS has and that nobody here acts by */
export function checkPolicy(arn: string): string {
  if (knownPolicies.some((policy) => policy.arn === arn)) return arn;
  throw invalidParameter(`The specified policyArn is invalid: the sandbox does not know ${arn}`);
}

export function allows(
  { policyArn, accessScope }: Pick<AssociatedPolicy, "policyArn" | "accessScope">,
  access: Access,
) {
  const inScope =
    accessScope.type === "cluster" ||
    (access.namespace !== undefined &&
      accessScope.namespaces.some((pattern) => matches(pattern, access.namespace ?? "")));
  return inScope && policies.get(policyArn.slice(prefix.length))?.(access) === true;
}

/** A namespace in a scope may end in a star. */
function matches(pattern: string, namespace: string): boolean {
  return pattern.endsWith("*") ? namespace.startsWith(pattern.slice(0, -1)) : namespace === pattern;
}
