import type { AwsActor } from "#lib/aws/clients.ts";
import type { Dependents } from "#lib/aws/cloudformation/dependents.ts";
import type { AwsAccount, EksCluster } from "#lib/aws/fleet/types.ts";
import type { withClients } from "#lib/aws/world.ts";
import { taskSuffix } from "#lib/fleet/names.ts";
import type { CloudZones, Fleet } from "#lib/fleet/types.ts";
import type { RowRef } from "#lib/graph/resource.ts";

/** Options of a run for AWS, in addition to the fleet. */
export interface AwsSettings {
  /** Variable AWS_USER_ARN: the identity that the management role trusts. */
  readonly userArn: string | undefined;
  /** Absolute path of another fleet's file, for the program that kubectl asks for tokens. */
  readonly fleetFile?: string;
  /** Ids named explicitly for deletion: resources shared by accounts are deleted only then. */
  readonly targets: readonly string[];
}

/** Input of all AWS resources of a fleet. */
export interface Parts {
  readonly fleet: Fleet;
  /** Gives a resource the clients that it calls. */
  readonly withClients: ReturnType<typeof withClients>;
  readonly settings: AwsSettings;
  readonly management: AwsAccount;
  readonly zones: CloudZones;
}

/** Of stacks whose region could be any: the management account's and those of roles. */
export const homeRegion = "us-east-1";
export const minuteMs = 60_000;
/** Zones and a role are there in a minute. */
export const rolesTimeoutMs = 15 * minuteMs;

const project = "k8s-multicluster-gitops";
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

export function rowOf(account: AwsAccount): RowRef {
  return { kind: "account", name: account.name, group: "aws" };
}

export function tagsOf({ domain }: Fleet, more: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return { project, fleet: domain, ...more };
}

/** Kept when clusters are deleted: without these the account can't be accessed. */
export function keptUnlessTargeted(
  { targets }: AwsSettings,
  id: string,
  why: string,
): { readonly keptOnDelete?: string } {
  return targets.includes(id) ? {} : { keptOnDelete: why };
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
