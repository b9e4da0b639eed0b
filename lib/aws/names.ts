import type { AwsActor, AwsClients } from "#lib/aws/clients.ts";
import type { Dependents } from "#lib/aws/cloudformation/dependents.ts";
import type { EksCluster } from "#lib/aws/fleet/types.ts";
import { type CloudParts, type CloudSettings, minuteMs, project, tagsOf } from "#lib/cloud/parts.ts";
import { taskSuffix } from "#lib/fleet/names.ts";
import type { Fleet } from "#lib/fleet/types.ts";

/** Options of a run for AWS, in addition to the fleet. */
export interface AwsSettings extends CloudSettings {
  /** Variable AWS_USER_ARN: the identity that the management role trusts. */
  readonly userArn: string | undefined;
}

/** Input of all AWS resources of a fleet. */
export type Parts = CloudParts<"aws", { readonly aws: AwsClients }, AwsSettings>;

/** Of stacks whose region could be any: the management account's and those of roles. */
export const homeRegion = "us-east-1";
/** Zones and a role are there in a minute. */
export const rolesTimeoutMs = 15 * minuteMs;

export const managementStackName = `${project}-route53-gh-action-iam-role-oidc`;
export const roleStackName = `${project}-allow-mgmt-iam-role-to-assume-tenant-iam-role`;

export function eksStackName(cluster: Pick<EksCluster, "name">): string {
  return `${taskSuffix(cluster)}-eks`;
}

/** Ids of resources shared by accounts, used by their own tasks. */
export function managementStackId(account: string): string {
  return `aws/${account}/stack/management`;
}
export function roleStackId(account: string): string {
  return `aws/${account}/stack/role`;
}
export function zoneId({ account, name }: Pick<EksCluster, "account" | "name">): string {
  return `aws/${account}/${name}/zone`;
}
export function delegationId({ account, name }: Pick<EksCluster, "account" | "name">): string {
  return `aws/${account}/${name}/delegation`;
}
export function oidcProviderId(account: string): string {
  return `aws/${account}/oidc-provider`;
}
export function registrarId(account: string, zone: string): string {
  return `aws/${account}/registrar/${zone}`;
}

/** The account's clusters, as what keeps its roles from being deleted. */
export function dependentsOf(fleet: Fleet, actor: AwsActor): Dependents {
  const clusters = fleet.clusters.filter(
    (cluster): cluster is EksCluster => cluster.provider === "aws" && cluster.account === actor.account.name,
  );
  return {
    actor,
    clusters: clusters.map((cluster) => ({
      name: cluster.name,
      stack: { name: eksStackName(cluster), region: cluster.region },
      tags: tagsOf(fleet, { cluster: cluster.name }),
    })),
  };
}
