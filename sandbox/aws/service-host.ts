import type { StacksState } from "#sandbox/aws/cloudformation/engine/model.ts";
import { createCloudFormation } from "#sandbox/aws/cloudformation/service.ts";
import { openControlPlanes } from "#sandbox/aws/eks/control-planes.ts";
import { closeEks, eksService, resumeEks } from "#sandbox/aws/eks/service.ts";
import { allPlaces } from "#sandbox/aws/eks/state.ts";
import { awsApi } from "#sandbox/aws/http-api.ts";
import { iamService } from "#sandbox/aws/iam/service.ts";
import { servedZones } from "#sandbox/aws/route53/served-zones.ts";
import { route53 } from "#sandbox/aws/route53/service.ts";
import { openCloud } from "#sandbox/aws/state.ts";
import { type GithubClaims, githubTokenPath, openGithubJob } from "#sandbox/aws/sts/github-issuer.ts";
import { stsService } from "#sandbox/aws/sts/service.ts";
import { endSessions } from "#sandbox/aws/sts/sessions.ts";
import type { FaultInjector } from "#sandbox/cloud/faults.ts";
import { type CallRecord, openHttpServer } from "#sandbox/cloud/http-server.ts";
import type { Zone } from "#sandbox/dns/zone.ts";
import type { Controller } from "#sandbox/kubernetes/server.ts";
import { paceOf } from "#sandbox/pace.ts";
import type { Usage } from "#sandbox/usage.ts";

/** A minute of AWS takes a quarter of a second, so that the clusters of a fleet are there in seconds. */
export const awsSpeed = 240;

export interface AwsHostOptions {
  /** Of all that AWS remembers. */
  readonly stateFile: string;
  /** Of the objects of its clusters. */
  readonly clusters: string;
  /** The sandbox's own, on top of that of AWS. */
  readonly speed: () => number;
  /** What is at work in each cluster. */
  readonly controllers: readonly Controller[];
  /** Learns of each request. */
  readonly usage?: Usage;
  readonly log: (line: string) => void;
}

/** All services of the sandbox's AWS behind one endpoint. */
export interface AwsHost {
  readonly endpoint: string;
  readonly faults: FaultInjector;
  /** Since the last time that they were forgotten. */
  calls(): readonly CallRecord[];
  clearCalls(): void;
  zones(): readonly Zone[];
  /** Begins a job of GitHub: what it asks for its tokens with, and the path where. */
  openGithubJob(claims: GithubClaims): { readonly bearer: string; readonly path: string };
  /** Whoever came by a role has to come again. */
  endSessions(): void;
  status(): AwsStatus;
  close(): Promise<void>;
}

export interface AwsStatus {
  readonly clusters: readonly {
    readonly name: string;
    readonly account: string;
    readonly region: string;
    readonly status: string;
    readonly version: string;
    readonly endpoint: string | null;
  }[];
  readonly stacks: readonly StackStatus[];
}

export interface StackStatus {
  readonly name: string;
  readonly account: string;
  readonly region: string;
  readonly status: string;
}

export async function openAwsHost(options: AwsHostOptions): Promise<AwsHost> {
  const { stateFile, clusters, speed, controllers, usage, log } = options;
  const cloud = openCloud({ path: stateFile, pace: paceOf(() => speed() * awsSpeed) });
  openControlPlanes(cloud, { folder: clusters, pace: paceOf(speed), controllers, usage });
  await resumeEks(cloud, (cluster, error) => log(`${cluster}: ${error instanceof Error ? error.message : error}`));
  const cloudFormation = createCloudFormation(cloud);
  cloudFormation.resume();
  const services = [stsService(cloud), iamService(cloud), route53(cloud), eksService(cloud), cloudFormation];
  const server = await openHttpServer({ api: () => awsApi(cloud, services), log });
  return {
    endpoint: server.endpoint,
    faults: server.faults,
    calls: () => server.calls,
    clearCalls: () => server.clearCalls(),
    zones: () => servedZones(cloud),
    openGithubJob: (claims) => ({ bearer: openGithubJob(cloud, claims), path: githubTokenPath }),
    endSessions: () => endSessions(cloud),
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
      await server.stop();
      cloudFormation.stop();
      await closeEks(cloud);
      cloud.flush();
    },
  };
}
