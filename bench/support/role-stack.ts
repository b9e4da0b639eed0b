import { join } from "node:path";
import { parseTemplate } from "#lib/aws/cloudformation/template.ts";
import { externalIdOf } from "#lib/aws/credentials/chain.ts";
import {
  awsManagementRole,
  awsReadOnlyManagementRole,
  iamRoleOf,
  readOnlyRoleOf,
  serviceRoleOf,
} from "#lib/aws/fleet/roles.ts";
import type { AwsAccount } from "#lib/aws/fleet/types.ts";
import { roleStackName } from "#lib/aws/names.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { projectRoot } from "#lib/paths.ts";

/** The role stack of one account, as each program is told of it. */
export interface RoleStack {
  readonly name: string;
  readonly region: string;
  readonly account: AwsAccount;
  /** Path of the template, as it is in the checkout. */
  readonly template: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
}

export function roleStackOf(fleet: Fleet, account: AwsAccount): RoleStack {
  const management = fleet.accounts.find((one) => one.provider === "aws" && one.role === "management");
  if (management?.provider !== "aws") throw new Error("the fleet has no management account of AWS");
  const role = iamRoleOf(account);
  return {
    name: roleStackName,
    region: "us-east-1",
    account,
    template: join(projectRoot, "cloudformation/allow-mgmt-iam-role-to-assume-tenant-iam-role.yml"),
    parameters: {
      ManagementIamRoleArn: `arn:aws:iam::${management.accountId}:role/${awsManagementRole}`,
      ReadOnlyManagementIamRoleArn: `arn:aws:iam::${management.accountId}:role/${awsReadOnlyManagementRole}`,
      ReadOnlyIamRoleName: readOnlyRoleOf(account),
      TenantIamRoleName: role,
      TenantIamRolePolicyName: `${role}-policy`,
      ExternalId: externalIdOf(fleet),
      CloudFormationIamRoleName: serviceRoleOf(account),
      K8sDomain: fleet.zones.find(({ provider }) => provider === "aws")?.clusters ?? "",
    },
    tags: { project: "k8s-multicluster-gitops", fleet: fleet.domain, account: account.name },
  };
}

/** Arguments of `aws` that deploy a stack. */
export function deployArguments({ name, region, template, parameters, tags }: RoleStack): readonly string[] {
  const pairs = (record: Readonly<Record<string, string>>): readonly string[] =>
    Object.entries(record).map(([key, value]) => `${key}=${value}`);
  return [
    ...["cloudformation", "deploy", "--region", region, "--stack-name", name, "--template-file", template],
    ...["--capabilities", "CAPABILITY_NAMED_IAM", "--no-fail-on-empty-changeset"],
    ...["--parameter-overrides", ...pairs(parameters), "--tags", ...pairs(tags)],
  ];
}

/** What `cdk synth` would leave behind, made by hand: the CDK then has nothing to do but to deploy. No bootstrap is needed. */
export async function writeAssembly(folder: string, stack: RoleStack): Promise<void> {
  const { name, region, account, template, tags } = stack;
  const body = parseTemplate(await Bun.file(template).text(), template);
  await Bun.write(join(folder, "role.template.json"), JSON.stringify(body, null, 1));
  const properties = {
    templateFile: "role.template.json",
    stackName: name,
    terminationProtection: true,
    validateOnSynth: false,
    tags,
  };
  const manifest = {
    version: "36.0.0",
    artifacts: {
      [name]: {
        type: "aws:cloudformation:stack",
        environment: `aws://${account.accountId}/${region}`,
        properties,
        displayName: name,
      },
    },
  };
  await Bun.write(join(folder, "manifest.json"), JSON.stringify(manifest, null, 1));
}

/** The CDK takes no parameters from an assembly. */
export function cdkParameters({ name, parameters }: RoleStack): readonly string[] {
  return Object.entries(parameters).flatMap(([key, value]) => ["--parameters", `${name}:${key}=${value}`]);
}
