import type { CloudOptions, OpenCloud, SandboxCloud } from "#sandbox/cloud/cloud.ts";
import { openCloudBase } from "#sandbox/cloud/cloud-base.ts";
import { Gateway } from "#sandbox/gcp/api/gateway.ts";
import { googleHosts } from "#sandbox/gcp/api/methods.ts";
import { authorizationOperations } from "#sandbox/gcp/authorization/asked.ts";
import { authorizeCall } from "#sandbox/gcp/authorization/authorize.ts";
import { behaviours } from "#sandbox/gcp/behaviours.ts";
import type { GcpCloud } from "#sandbox/gcp/cloud.ts";
import { computeOperations, resumeCompute } from "#sandbox/gcp/compute/operations.ts";
import { nameServerPool } from "#sandbox/gcp/dns/name-servers.ts";
import { servedZones } from "#sandbox/gcp/dns/served-zones.ts";
import { checkAccount, env, projectOf } from "#sandbox/gcp/environment.ts";
import { clustersOf } from "#sandbox/gcp/gke/api-server.ts";
import { gkeOperations } from "#sandbox/gcp/gke/failures.ts";
import { resumeGke } from "#sandbox/gcp/gke/finish.ts";
import { gcpApi } from "#sandbox/gcp/http-api.ts";
import { callerOf } from "#sandbox/gcp/oauth/access-tokens.ts";
import { oauthHost } from "#sandbox/gcp/oauth/endpoint.ts";
import { oauthOperations } from "#sandbox/gcp/oauth/operations.ts";
import { projectOperations } from "#sandbox/gcp/projects/operations.ts";

/** Google Cloud of the sandbox: its APIs behind one endpoint. */
export const gcp: SandboxCloud = {
  nameServers: nameServerPool,
  hosts: [...googleHosts, oauthHost],
  checkAccount,
  env,
  open,
};

async function open(options: CloudOptions): Promise<OpenCloud> {
  const { accounts, log } = options;
  // The names of real API servers have certificates that every client trusts.
  const { base, close } = openCloudBase(options, true);
  const cloud: GcpCloud = Object.assign(base, { projects: () => accounts().map(projectOf) });
  await resumeGke(cloud, (cluster, error) => log(`${cluster}: ${error instanceof Error ? error.message : error}`));
  resumeCompute(cloud);
  const gateway = new Gateway({
    cloud,
    behaviours,
    identify: (token) => callerOf(cloud, token),
    authorize: authorizeCall,
  });
  return {
    api: gcpApi(cloud, gateway),
    zones: () => servedZones(cloud),
    operations: {
      ...authorizationOperations(cloud),
      ...computeOperations(cloud),
      ...gkeOperations(cloud),
      ...oauthOperations(cloud),
      ...projectOperations(cloud),
    },
    status: () => ({ clusters: clustersOf(cloud), zones: servedZones(cloud).map(({ name }) => name) }),
    close,
  };
}
