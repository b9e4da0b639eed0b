import { clientCalls } from "#lib/aws/client-calls.ts";
import type { StackClient } from "#lib/aws/cloudformation/client.ts";
import type { DeletedPrincipal, StackState } from "#lib/aws/cloudformation/model.ts";
import { child, isRecord, type Template, type TemplateValue } from "#lib/aws/cloudformation/template.ts";
import { isAwsError } from "#lib/aws/explain.ts";
import { isGone } from "#lib/aws/trust/principals.ts";
import { FleetError } from "#lib/errors.ts";

type Parts = Pick<StackState, "parameters" | "wanted">;

/** Of the roles that let callers into the stack's account. */
export async function findDeletedPrincipals(client: StackClient, parts: Parts): Promise<readonly DeletedPrincipal[]> {
  const roles = client.options.entryRoles ?? [];
  const found = await Promise.all(roles.map(async (role) => findDeleted(role, await readTrust(client, role), parts)));
  return found.flat();
}

/** Saves the policies again. @throws FleetError AwsFailed while the principal does not exist */
export async function trustAgain(client: StackClient, deleted: readonly DeletedPrincipal[]): Promise<void> {
  for (const { role, repaired, principal } of deleted) {
    const call = await openIam(client);
    client.world.progress(`saving the trust policy of ${role} again`);
    try {
      await call(`saving the trust policy of ${role} again`, (iam) =>
        iam.updateAssumeRolePolicy({ RoleName: role, PolicyDocument: repaired }),
      );
    } catch (error) {
      if (!isAwsError(error, "MalformedPolicyDocumentException")) throw error;
      throw new FleetError("AwsFailed", `${role} can't trust ${principal}, which does not exist`, {
        hint: `create ${principal} first, then run the same command again`,
        cause: error,
      });
    }
  }
}

async function openIam({ world, options: { actor } }: StackClient) {
  return clientCalls(world, actor, await world.aws.iam(actor));
}

/** Empty for a role that does not exist: a drift of the stack. */
async function readTrust(client: StackClient, role: string): Promise<string> {
  const call = await openIam(client);
  try {
    const { Role: found } = await call(`reading the role ${role}`, (iam, options) =>
      iam.getRole({ RoleName: role }, options),
    );
    return decodeURIComponent(found?.AssumeRolePolicyDocument ?? "");
  } catch (error) {
    if (isAwsError(error, "NoSuchEntityException")) return "";
    throw error;
  }
}

function findDeleted(role: string, document: string, { parameters, wanted }: Parts): readonly DeletedPrincipal[] {
  // Parsing the template takes longer than any AWS call, so it is parsed only if needed.
  if (!/"A(?:IDA|ROA)[A-Z0-9]+"/.test(document)) return [];
  const policy = JSON.parse(document) as { readonly [key: string]: TemplateValue };
  const trusted = trustedBySid(role, wanted, parameters);
  const deleted = new Map<string, string>();
  const repaired = statementsOf(policy).map((statement) => {
    const principal = trusted.get(child(statement, "Sid"));
    const id = child(child(statement, "Principal"), "AWS");
    if (!isRecord(statement) || principal === undefined || typeof id !== "string" || !isGone(id)) return statement;
    deleted.set(id, principal);
    return { ...statement, Principal: { AWS: principal } };
  });
  return [...deleted].map(([id, principal]) => ({
    role,
    id,
    principal,
    repaired: JSON.stringify({ ...policy, Statement: repaired }),
  }));
}

/** ARNs that come from parameters in the template's trust policy of a role, by statement id. */
function trustedBySid(
  role: string,
  { body }: Template,
  parameters: StackState["parameters"],
): ReadonlyMap<unknown, string> {
  const resources = child(body, "Resources");
  const nameOf = (resource: TemplateValue): unknown => {
    const name = child(child(resource, "Properties"), "RoleName");
    return typeof name === "string" ? name : parameters[String(child(name, "Ref"))];
  };
  const statements = Object.values(isRecord(resources) ? resources : {})
    .filter((resource) => child(resource, "Type") === "AWS::IAM::Role" && nameOf(resource) === role)
    .flatMap((resource) => statementsOf(child(child(resource, "Properties"), "AssumeRolePolicyDocument")));
  return new Map(
    statements.flatMap((statement) => {
      const sid = child(statement, "Sid");
      const arn = parameters[String(child(child(child(statement, "Principal"), "AWS"), "Ref"))];
      return sid === undefined || arn === undefined ? [] : [[sid, arn] as const];
    }),
  );
}

function statementsOf(policy: TemplateValue | undefined): readonly TemplateValue[] {
  const statements = child(policy, "Statement");
  return Array.isArray(statements) ? statements : [];
}
