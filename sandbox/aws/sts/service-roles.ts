import { AwsFault, type Caller, type Cloud } from "#sandbox/aws/cloud.ts";
import { tryFindRole } from "#sandbox/aws/iam/roles.ts";
import { contextOf } from "#sandbox/aws/policy/context.ts";
import { parsePolicy } from "#sandbox/aws/policy/parse.ts";
import { evaluateTrust } from "#sandbox/aws/policy/trust.ts";
import { callerOf } from "#sandbox/aws/sts/sessions.ts";

/** How services call the sessions that they open. */
const sessionNames: Readonly<Record<string, string>> = { "cloudformation.amazonaws.com": "AWSCloudFormation" };

/**
 * A role as a service has it that was given the role (CloudFormation's `RoleARN`). Services act for resources of the
 * role's own account only: that is the account that conditions of the trust policy see.
 *
 * @param service `cloudformation.amazonaws.com`
 * @throws AwsFault AccessDenied unless there is the role, and it trusts the service
 */
export function assumeAsService(cloud: Cloud, roleArn: string, service: string): Caller {
  const account = /^arn:aws:iam::(\d{12}):role\//.exec(roleArn)?.[1];
  const role = account === undefined ? undefined : tryFindRole(cloud, account, roleArn);
  const now = cloud.now();
  const { verdict } =
    role === undefined || account === undefined
      ? { verdict: "none" }
      : evaluateTrust(parsePolicy(role.trust, "trust"), {
          requester: { kind: "Service", name: service },
          action: "sts:AssumeRole",
          context: contextOf({
            "aws:SourceAccount": account,
            "aws:PrincipalServiceName": service,
            "aws:PrincipalIsAWSService": "true",
          }),
          ids: role.trusted,
        });
  if (role === undefined || account === undefined || verdict !== "allowed") {
    throw new AwsFault("AccessDenied", `Role ${roleArn} is invalid or cannot be assumed`, 403);
  }
  const name = sessionNames[service] ?? service.replace(/\.amazonaws\.com$/, "");
  return callerOf(account, role, { name, seconds: 3_600 }, now);
}
