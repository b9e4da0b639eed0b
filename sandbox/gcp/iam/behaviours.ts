import type { Behaviours, GcpCall } from "#sandbox/gcp/api/behaviour.ts";
import { invalidArgument } from "#sandbox/gcp/api/faults.ts";
import { holdsPermission } from "#sandbox/gcp/authorization/authorize.ts";
import { knownPermissions, shortPermission } from "#sandbox/gcp/authorization/permissions.ts";
import { impersonation } from "#sandbox/gcp/iam/impersonation.ts";
import { readPolicy, replacePolicy } from "#sandbox/gcp/iam/policies.ts";
import { workloadIdentityPools } from "#sandbox/gcp/iam/pools.ts";
import { customRoles } from "#sandbox/gcp/iam/roles.ts";
import { accountResource, findAccount, serviceAccounts } from "#sandbox/gcp/iam/service-accounts.ts";
import { exchangeToken } from "#sandbox/gcp/oauth/federation.ts";
import { textsAt } from "#sandbox/json.ts";

/** IAM, IAM Credentials, Security Token Service, and policies of projects. */
export const iamBehaviours: Behaviours = {
  ...serviceAccounts,
  ...customRoles,
  ...workloadIdentityPools,
  ...impersonation,
  ...policyBehaviours("iam.projects.serviceAccounts", (call) => accountResource(findAccount(call).email)),
  ...policyBehaviours("cloudresourcemanager.projects", ({ project }) => `projects/${project?.projectId}`),
  ...policyBehaviours("cloudresourcemanager.v1.projects", ({ project }) => `projects/${project?.projectId}`),
  "sts.token": ({ cloud, body }) => exchangeToken(cloud, body),
};

/**
 * Methods of a kind of resource with a policy of its own.
 *
 * @param prefix of their ids: `dns.managedZones`
 * @param resourceOf name of the resource of a call, `projects/PROJECT_ID/managedZones/NAME`; throws when it is not there
 */
export function policyBehaviours(prefix: string, resourceOf: (call: GcpCall) => string): Behaviours {
  return {
    [`${prefix}.getIamPolicy`]: (call) => readPolicy(call, resourceOf(call)),
    [`${prefix}.setIamPolicy`]: (call) => replacePolicy(call, resourceOf(call)),
    [`${prefix}.testIamPermissions`]: (call) => {
      const { cloud, caller, body } = call;
      const asked = textsAt(body, "permissions");
      const unknown = asked.find((permission) => !knownPermissions.includes(shortPermission(permission)));
      if (unknown !== undefined) throw invalidArgument(`Permission ${unknown} is not valid for this resource.`);
      const resource = resourceOf(call);
      const permissions = asked.filter((one) => holdsPermission(cloud, caller, shortPermission(one), resource));
      return permissions.length === 0 ? {} : { permissions };
    },
  };
}
