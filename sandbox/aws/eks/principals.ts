import type { Cloud } from "#sandbox/aws/cloud.ts";
import { invalidParameter, type Place } from "#sandbox/aws/eks/state.ts";
import { tryFindPrincipal } from "#sandbox/aws/iam/model.ts";
import { tryFindRole } from "#sandbox/aws/iam/roles.ts";
import { contextOf, requestTags } from "#sandbox/aws/policy/context.ts";
import { parsePolicy } from "#sandbox/aws/policy/parse.ts";
import { evaluateTrust } from "#sandbox/aws/policy/trust.ts";

const clusterService = "eks.amazonaws.com";

/** Unique id of a user or role as it is now; undefined when there is none of that ARN. */
export function principalIdOf(cloud: Cloud, arn: string): string | undefined {
  return tryFindPrincipal(cloud, arn)?.id;
}

/**
 * The role that EKS acts by in the account of the cluster.
 *
 * @throws AwsFault InvalidParameterException unless it is there and trusts EKS; with Auto Mode also to tag its sessions
 */
export function checkClusterRole(place: Place, arn: string, clusterArn: string, isAuto: boolean): string {
  const actions = ["sts:AssumeRole", ...(isAuto ? ["sts:TagSession"] : [])];
  if (trusts(place, arn, clusterService, actions, clusterArn)) return arn;
  throw invalidParameter(
    `Role with arn: ${arn}, could not be assumed because it does not exist or the trusted entity is not correct`,
  );
}

/** The role of machines. @throws AwsFault InvalidParameterException unless it is there and trusts EC2 */
export function checkNodeRole(place: Place, arn: string): string {
  if (roleOf(place, arn) === undefined) throw invalidParameter(`The role ${arn} cannot be found`);
  if (trusts(place, arn, "ec2.amazonaws.com", ["sts:AssumeRole"], undefined)) return arn;
  throw invalidParameter(
    `Following required service principals [ec2.amazonaws.com] were not found in the trust relationships of nodeRole ${arn}`,
  );
}

/** The pods that a role is for. EKS Pod Identity sets it as tags of their sessions. */
export interface PodOwner {
  readonly clusterArn: string;
  readonly clusterName: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** The role of pods. @throws AwsFault InvalidParameterException unless it is there and trusts EKS Pod Identity for them */
export function checkPodRole(place: Place, arn: string, owner: PodOwner): string {
  if (roleOf(place, arn) === undefined) throw invalidParameter(`Role provided in the request does not exist: ${arn}`);
  const tags = {
    "eks-cluster-arn": owner.clusterArn,
    "eks-cluster-name": owner.clusterName,
    "kubernetes-namespace": owner.namespace,
    "kubernetes-service-account": owner.serviceAccount,
  };
  const actions = ["sts:AssumeRole", "sts:TagSession"];
  if (trusts(place, arn, "pods.eks.amazonaws.com", actions, owner.clusterArn, tags)) return arn;
  throw invalidParameter(
    "Trust policy of the role provided is invalid. Follow the official documentation to resolve the issue.",
  );
}

/** Roles are of the same account: a service is given none of another one. */
function roleOf({ cloud, account }: Place, arn: string) {
  if (!arn.startsWith("arn:aws:iam::")) throw invalidParameter(`The ARN ${arn} is not of a role`);
  return tryFindRole(cloud, account, arn);
}

function trusts(
  place: Place,
  arn: string,
  service: string,
  actions: readonly string[],
  sourceArn: string | undefined,
  tags: Readonly<Record<string, string>> = {},
): boolean {
  const role = roleOf(place, arn);
  if (role === undefined) return false;
  const policy = parsePolicy(role.trust, "trust");
  const context = contextOf({
    "aws:SourceAccount": place.account,
    "aws:SourceArn": sourceArn,
    ...requestTags(tags),
  });
  return actions.every((action) => {
    const requester = { kind: "Service", name: service } as const;
    return evaluateTrust(policy, { requester, action, context, ids: role.trusted }).verdict === "allowed";
  });
}
