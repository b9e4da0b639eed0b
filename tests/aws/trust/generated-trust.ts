import type { IAM } from "@aws-sdk/client-iam";
import { managementStackId, roleStackId } from "#lib/aws/names.ts";
import { findManagement } from "#lib/cloud/accounts.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import type { Outputs, Resource } from "#lib/graph/resource.ts";
import { projectRoot } from "#lib/paths.ts";
import { isObject } from "#sandbox/json.ts";
import { readTemplate, render } from "#tests/cloudformation/render.ts";
import { fakeClient } from "#tests/support/aws-error.ts";
import { awsGraphOf } from "#tests/support/aws-world.ts";
import { cloudFormationMemory } from "#tests/support/cloudformation-memory.ts";
import { stackWorld } from "#tests/support/stack-world.ts";
import { virtualClock } from "#tests/support/virtual-clock.ts";

/** Trust policies as the fleet's stacks make them: with the parameters of the graph, of the templates in cloudformation/. */
export interface GeneratedTrust {
  readonly management: string;
  /** Of the management account's role for those who may only read. */
  readonly readers: string;
  readonly account: string;
}

export async function generateTrust(fleet: Fleet, account: string, userArn: string): Promise<GeneratedTrust> {
  const management = findManagement(fleet, "aws");
  const of = async (stack: string, file: string, role: string): Promise<string> => {
    const { resources } = render(await readTemplate(file), await parametersOf(fleet, stack, userArn));
    const document = resources[role]?.properties.AssumeRolePolicyDocument;
    if (isObject(document)) return JSON.stringify(document);
    throw new Error(`${file} has no role ${role}`);
  };
  const stack = managementStackId(management?.name ?? "");
  return {
    management: await of(stack, "route53-gh-action-iam-role-oidc.yml", "ManagementIamRole"),
    readers: await of(stack, "route53-gh-action-iam-role-oidc.yml", "ReadOnlyIamRole"),
    account: await of(roleStackId(account), "allow-mgmt-iam-role-to-assume-tenant-iam-role.yml", "TenantIamRole"),
  };
}

/** What CloudFormation is given for a new stack of the fleet. */
async function parametersOf(fleet: Fleet, id: string, userArn: string): Promise<Readonly<Record<string, string>>> {
  const { accounts } = awsGraphOf(fleet);
  const clock = virtualClock();
  const memory = cloudFormationMemory(clock);
  const { world } = stackWorld({ cloudFormation: memory.client, root: projectRoot, clock });
  // Afterwards the stack looks whether its roles trust anybody who was deleted.
  const iam = fakeClient<IAM>({ getRole: () => ({}) }, [], new Map());
  const withIam = { ...world, aws: { ...world.aws, iam: async () => iam } };
  await accounts.find((resource) => resource.id === id)?.ensure(withIam, { kind: "absent" }, outputsOf(userArn));
  const given = memory.inputs.createChangeSet?.Parameters as
    | readonly { readonly ParameterKey: string; readonly ParameterValue: string }[]
    | undefined;
  return Object.fromEntries((given ?? []).map(({ ParameterKey, ParameterValue }) => [ParameterKey, ParameterValue]));
}

/** What a new stack is told by those that it needs: who runs it, and that no zone is there yet. */
function outputsOf(userArn: string): Outputs {
  const find = <State>({ id }: Resource<State>): State | undefined => {
    if (id.endsWith("/caller")) return { principal: userArn } as State;
    return id.endsWith("/existing-zones") ? ({ ids: {} } as State) : undefined;
  };
  return {
    find,
    of(need) {
      const found = find(need);
      if (found !== undefined) return found;
      throw new Error(`nothing is known of ${need.id}`);
    },
  };
}
