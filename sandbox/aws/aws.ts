import type { StacksState } from "#sandbox/aws/cloudformation/engine/model.ts";
import { createCloudFormation } from "#sandbox/aws/cloudformation/service.ts";
import { closeEks, eksService, resumeEks } from "#sandbox/aws/eks/service.ts";
import { allPlaces } from "#sandbox/aws/eks/state.ts";
import { checkAccount, env } from "#sandbox/aws/environment.ts";
import { awsApi } from "#sandbox/aws/http-api.ts";
import { iamService } from "#sandbox/aws/iam/service.ts";
import { nameServerPool } from "#sandbox/aws/route53/name-servers.ts";
import { servedZones } from "#sandbox/aws/route53/served-zones.ts";
import { route53 } from "#sandbox/aws/route53/service.ts";
import { openCloud } from "#sandbox/aws/state.ts";
import { stsService } from "#sandbox/aws/sts/service.ts";
import { endSessions } from "#sandbox/aws/sts/sessions.ts";
import type { CloudOptions, OpenCloud, SandboxCloud } from "#sandbox/cloud/cloud.ts";
import { openControlPlanes } from "#sandbox/cloud/control-planes.ts";
import { githubJob } from "#sandbox/cloud/github.ts";
import { paceOf } from "#sandbox/pace.ts";

/** A minute of AWS takes a quarter of a second: a fleet is created in seconds. */
const awsSpeed = 240;

/** AWS of the sandbox: all services behind one endpoint. */
export const aws: SandboxCloud = { nameServers: nameServerPool, checkAccount, env, open };

async function open({
  stateFile,
  githubKey,
  clusters,
  speed,
  controllers,
  usage,
  log,
}: CloudOptions): Promise<OpenCloud> {
  const cloud = openCloud({ path: stateFile, githubKey, pace: paceOf(() => speed() * awsSpeed) });
  openControlPlanes(cloud, { folder: clusters, pace: paceOf(speed), controllers, usage });
  await resumeEks(cloud, (cluster, error) => log(`${cluster}: ${error instanceof Error ? error.message : error}`));
  const cloudFormation = createCloudFormation(cloud);
  cloudFormation.resume();
  const services = [stsService(cloud), iamService(cloud), route53(cloud), eksService(cloud), cloudFormation];
  return {
    api: awsApi(cloud, services),
    zones: () => servedZones(cloud),
    operations: {
      "github-job": (claims, endpoint) => ({ env: githubJob(claims, endpoint) }),
      "end-sessions": () => {
        endSessions(cloud);
        return {};
      },
    },
    status: () => ({
      clusters: allPlaces(cloud).flatMap(({ account, region, state }) =>
        Object.values(state.clusters).map(({ cluster: { name, status, version, endpoint = null } }) => ({
          name,
          account,
          region,
          status,
          version,
          endpoint,
        })),
      ),
      stacks: cloud
        .slices<StacksState>("cloudformation")
        .flatMap(({ account, region, state: { stacks } }) =>
          stacks
            .filter(({ status }) => status !== "DELETE_COMPLETE")
            .map(({ name, status }) => ({ name, account, region, status })),
        ),
    }),
    async close() {
      cloudFormation.stop();
      await closeEks(cloud);
      cloud.flush();
    },
  };
}
