import type { Cloud, Service } from "#sandbox/aws/cloud.ts";
import { allowOnly } from "#sandbox/aws/protocol/query.ts";
import { queryService } from "#sandbox/aws/protocol/query-service.ts";
import { assumeRole } from "#sandbox/aws/sts/assume-role.ts";
import { assumeRoleWithWebIdentity } from "#sandbox/aws/sts/web-identity.ts";

export function stsService(cloud: Cloud): Service {
  return queryService({
    name: "sts",
    namespace: "https://sts.amazonaws.com/doc/2011-06-15/",
    actions: {
      // Needs no permission: not even a denial keeps anybody from asking who they are.
      GetCallerIdentity: ({ caller, url }, input) => {
        if (!url.searchParams.has("X-Amz-Signature")) allowOnly(input);
        return { Arn: caller.arn, UserId: caller.context["aws:userid"], Account: caller.account };
      },
      AssumeRole: (call, input) => assumeRole(cloud, call, input),
      AssumeRoleWithWebIdentity: (_, input) => assumeRoleWithWebIdentity(cloud, input),
    },
  });
}
