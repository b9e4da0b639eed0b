import type { Cloud, Service } from "#sandbox/aws/cloud.ts";
import { oidcActions } from "#sandbox/aws/iam/oidc-actions.ts";
import { roleActions } from "#sandbox/aws/iam/role-actions.ts";
import { userActions } from "#sandbox/aws/iam/user-actions.ts";
import { queryService } from "#sandbox/aws/protocol/query-service.ts";

/** IAM of the caller's account; it has no regions, whatever region a request is signed for. */
export function iamService(cloud: Cloud): Service {
  return queryService({
    name: "iam",
    namespace: "https://iam.amazonaws.com/doc/2010-05-08/",
    actions: { ...roleActions(cloud), ...userActions(cloud), ...oidcActions(cloud) },
  });
}
