import type { AzureCloud } from "#sandbox/azure/cloud.ts";
import { createPrincipal, hasTenant, joinGroup, newSecret } from "#sandbox/azure/entra/directory.ts";
import type { OpenCloud } from "#sandbox/cloud/cloud.ts";
import { githubJob } from "#sandbox/cloud/github.ts";
import { UnknownUsage } from "#sandbox/docker/argv.ts";

/** Operations of the sandbox's command line on tenants. */
export function entraOperations(cloud: AzureCloud): OpenCloud["operations"] {
  return {
    "github-job": (claims, endpoint) => ({ env: githubJob(claims, endpoint) }),
    /** An application with a secret: `name`, `group` that it joins, `tenant` unless it is that of the first subscription. */
    "service-principal": ({ name = "application", group, tenant = cloud.subscriptions()[0]?.tenantId ?? "" }) => {
      if (!hasTenant(cloud, tenant)) throw new UnknownUsage(`the tenant "${tenant}"`);
      const { objectId, clientId, secret } = createPrincipal(cloud, tenant, name, newSecret());
      if (group !== undefined) joinGroup(cloud, tenant, group, objectId);
      return { objectId, env: { AZURE_TENANT_ID: tenant, AZURE_CLIENT_ID: clientId, AZURE_CLIENT_SECRET: secret } };
    },
  };
}
