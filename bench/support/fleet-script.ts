import { join } from "node:path";
import { externalIdOf } from "#lib/aws/credentials/chain.ts";
import {
  awsAccountRoles,
  awsManagementRole,
  awsReadOnlyManagementRole,
  roleArn,
  serviceRoleOf,
} from "#lib/aws/fleet/roles.ts";
import type { AwsAccount, EksCluster } from "#lib/aws/fleet/types.ts";
import { managementStackName, roleStackName } from "#lib/aws/names.ts";
import { subjectsOf } from "#lib/fleet/github.ts";
import { taskSuffix } from "#lib/fleet/names.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { projectRoot } from "#lib/paths.ts";
import { type RunSettings, run } from "./measure.ts";

/** Set by the script itself: they come of what it makes. */
const ownParameters: ReadonlySet<string> = new Set([
  "ClusterName",
  "ClusterFqdn",
  "AdminRoleArn",
  "CloudFormationIamRoleArn",
  "HostedZoneId",
]);

/** Profiles by which `aws` goes the same way into the accounts as our task. */
export function scriptProfiles(fleet: Fleet): string {
  const management = managementOf(fleet);
  const profiles = awsAccountRoles(fleet).map(({ account, role }) => [
    `[profile ${account.name}-role]`,
    `role_arn = ${roleArn(account, role)}`,
    "source_profile = management-role",
    `external_id = ${externalIdOf(fleet)}`,
  ]);
  return [
    "[profile management-role]",
    `role_arn = ${roleArn(management, awsManagementRole)}`,
    `source_profile = ${management.name}`,
    ...profiles.flat(),
  ].join("\n");
}

export interface ScriptSettings {
  readonly kubeconfigs: string;
  readonly userArn: string;
  /** By the cluster's name: `Key=value`. */
  readonly clusterParameters: Readonly<Record<string, readonly string[]>>;
}

/** What aws-fleet.sh wants to be told. */
export function scriptVariables(
  fleet: Fleet,
  { kubeconfigs, userArn, clusterParameters }: ScriptSettings,
): Readonly<Record<string, string>> {
  const zones = fleet.zones.find(({ provider }) => provider === "aws");
  const { github } = fleet;
  const management = managementOf(fleet);
  if (zones === undefined || github === undefined) throw new Error("the fleet has no zones of AWS, or trusts no jobs");
  return {
    TEMPLATES: join(projectRoot, "cloudformation"),
    DOMAIN: fleet.domain,
    PRIMARY_DOMAIN: zones.primary,
    K8S_DOMAIN: zones.clusters,
    EXTERNAL_ID: externalIdOf(fleet),
    USER_ARN: userArn,
    OIDC_PROVIDER_ARN: `arn:aws:iam::${management.accountId}:oidc-provider/token.actions.githubusercontent.com`,
    SUBJECTS: subjectsOf(github).join(","),
    REPOSITORY_ID: github.repositoryId,
    KUBECONFIGS: kubeconfigs,
    MANAGEMENT: `${management.name}:${roleArn(management, awsManagementRole)}`,
    READ_ONLY_ROLE: roleArn(management, awsReadOnlyManagementRole),
    ACCOUNTS: awsAccountRoles(fleet)
      // An ARN has colons of its own.
      .map(({ account, role }) => `${account.name}:${roleArn(account, role)}:${serviceRoleOf(account)}`)
      .join(" "),
    CLUSTERS: eksOf(fleet)
      .map(({ name, account, region }) => [name, account, region, (clusterParameters[name] ?? []).join(";")].join(":"))
      .join(" "),
  };
}

interface Found {
  readonly StackStatus: string;
  readonly EnableTerminationProtection?: boolean;
  readonly Parameters: readonly { readonly ParameterKey: string; readonly ParameterValue: string }[];
  readonly Tags: readonly { readonly Key: string; readonly Value: string }[];
}

/** All stacks of the fleet, as text that is the same where they are the same, and what those of clusters were told. */
export async function stacksOf(
  fleet: Fleet,
  aws: string,
  settings: RunSettings,
): Promise<{ readonly text: string; readonly clusterParameters: Readonly<Record<string, readonly string[]>> }> {
  const lines: string[] = [];
  const clusterParameters: Record<string, readonly string[]> = {};
  const describe = async (profile: string, region: string, stack: string): Promise<readonly string[]> => {
    const asked = ["--profile", profile, "--region", region, "--output", "json"];
    const answer = await run([aws, ...asked, "cloudformation", "describe-stacks", "--stack-name", stack], settings);
    const [found] = (JSON.parse(answer) as { readonly Stacks: readonly Found[] }).Stacks;
    const parameters = (found?.Parameters ?? []).map(({ ParameterKey: key, ParameterValue: value }) => ({
      key,
      value,
    }));
    const tags = (found?.Tags ?? []).map(({ Key: key, Value: value }) => `${key}=${value}`);
    // Zones have other ids each time.
    const told = parameters.filter(({ key, value }) => key !== "HostedZoneId" && value !== "").map(formatPair);
    const state = `${found?.StackStatus} ${found?.EnableTerminationProtection}`;
    lines.push([profile, region, stack, state, ...told.toSorted(), ...tags.toSorted()].join("\n  "));
    return parameters.filter(({ key, value }) => !ownParameters.has(key) && value !== "").map(formatPair);
  };
  const management = managementOf(fleet);
  await describe(management.name, "us-east-1", managementStackName);
  for (const { account } of awsAccountRoles(fleet)) await describe(account.name, "us-east-1", roleStackName);
  for (const cluster of eksOf(fleet)) {
    clusterParameters[cluster.name] = await describe(cluster.account, cluster.region, `${taskSuffix(cluster)}-eks`);
  }
  return { text: lines.join("\n"), clusterParameters };
}

function formatPair({ key, value }: { readonly key: string; readonly value: string }): string {
  return `${key}=${value}`;
}

function eksOf(fleet: Fleet): readonly EksCluster[] {
  return fleet.clusters.filter((cluster) => cluster.provider === "aws");
}

function managementOf(fleet: Fleet): AwsAccount {
  const found = fleet.accounts.find((account) => account.provider === "aws" && account.role === "management");
  if (found?.provider !== "aws") throw new Error("the fleet has no management account of AWS");
  return found;
}
