import { join } from "node:path";
import { externalIdOf } from "#lib/aws/credentials/chain.ts";
import { awsManagementRole, iamRoleOf } from "#lib/aws/fleet/roles.ts";
import type { AwsAccount, EksCluster } from "#lib/aws/fleet/types.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { administratorKeys } from "#sandbox/aws/iam/administrators.ts";
import { fleet as whole } from "#tests/fixtures/fleets/default/fleet.ts";
import { type AwsCli, openAwsCli } from "#tests/support/aws-cli.ts";
import { type CloudSandbox, openCloudSandbox } from "#tests/support/cloud-sandbox.ts";

/** A fleet that our tasks made in the sandbox, and AWS's own command line beside them. */
export interface CliFleet {
  readonly aws: CloudSandbox;
  readonly cli: AwsCli;
  close(): Promise<void>;
}

/** An account that no fleet names; profile `stranger` is its administrator. */
export const stranger = "444444444444";

/** The part of the default fleet that is those clusters, by the beginning of their names, with the accounts that they need. */
export function fleetOf(...names: readonly string[]): Fleet {
  const clusters = whole.clusters.filter(
    (cluster): cluster is EksCluster =>
      cluster.provider === "aws" && names.some((one) => cluster.name.startsWith(`${one}.`)),
  );
  const used = new Set<string>(clusters.map(({ account }) => account));
  return {
    ...whole,
    zones: whole.zones.filter(({ provider }) => provider === "aws"),
    accounts: awsAccounts.filter(({ name, role }) => role === "management" || used.has(name)),
    clusters,
  };
}

export async function openCliFleet(fleet: Fleet): Promise<CliFleet> {
  const aws = await openCloudSandbox();
  try {
    const made = await aws.run("create-eks-all", [], { fleet });
    if (made.exitCode !== 0) throw new Error(`the fleet was not made: ${made.stdout.slice(-2_000)}${made.stderr}`);
    const variables = await aws.variables();
    const config = join(aws.folder, "aws-config");
    const own = await Bun.file(variables.AWS_CONFIG_FILE ?? "").text();
    await Bun.write(config, `${own}\n${profilesOf(fleet)}`);
    const cli = openAwsCli({ variables: { ...variables, AWS_CONFIG_FILE: config }, home: aws.folder });
    return { aws, cli, close: aws.close };
  } catch (error) {
    await aws.close();
    throw error;
  }
}

const awsAccounts = whole.accounts.filter((account): account is AwsAccount => account.provider === "aws");

/**
 * Beside the owners' profiles, those of owners that the sandbox wasn't told of, and those of the roles: `leader`, and
 * `aws-01-clusters` by it, as somebody would write them who has no tasks of ours.
 */
function profilesOf(fleet: Fleet): string {
  const known = new Set(fleet.accounts.map(({ name }) => name));
  const others = awsAccounts.filter(({ name }) => !known.has(name));
  const profiles: Record<string, Readonly<Record<string, string>>> = { stranger: keysOf(stranger) };
  for (const { name, accountId } of others) profiles[name] = keysOf(accountId);
  for (const account of awsAccounts) {
    const { name, accountId, role } = account;
    if (role === "management") {
      profiles.leader = { role_arn: `arn:aws:iam::${accountId}:role/${awsManagementRole}`, source_profile: name };
    } else {
      profiles[`${name}-clusters`] = {
        role_arn: `arn:aws:iam::${accountId}:role/${iamRoleOf(account)}`,
        source_profile: "leader",
        external_id: externalIdOf(fleet),
      };
    }
  }
  return Object.entries(profiles)
    .map(([name, lines]) => {
      const all = Object.entries({ ...lines, region: "us-east-1" });
      return `[profile ${name}]\n${all.map(([key, value]) => `${key} = ${value}\n`).join("")}`;
    })
    .join("\n");
}

function keysOf(account: string): Readonly<Record<string, string>> {
  const { accessKeyId, secretAccessKey } = administratorKeys(account);
  return { aws_access_key_id: accessKeyId, aws_secret_access_key: secretAccessKey };
}
