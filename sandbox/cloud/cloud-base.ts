import type { CloudOptions } from "#sandbox/cloud/cloud.ts";
import { controlPlanesOf, openControlPlanes } from "#sandbox/cloud/control-planes.ts";
import { type GithubIssuer, openGithub } from "#sandbox/cloud/github.ts";
import { type Paced, stopWork } from "#sandbox/cloud/later.ts";
import { openSlices, type Slices } from "#sandbox/cloud/slices.ts";
import { issueForLoopback } from "#sandbox/cloud/tls.ts";
import { paceOf } from "#sandbox/pace.ts";

/** Shared by all parts of a cloud. */
export interface CloudBase extends Omit<Slices, "flush">, Paced {
  readonly now: () => Date;
  /** Its tokens are accepted where the cloud's identities trust them. */
  readonly github: GithubIssuer;
  /** `https://127.0.0.1:PORT`; known once the sandbox listens. */
  readonly endpoint: string;
}

export interface OpenBase {
  readonly base: CloudBase;
  /** Stops all work, which goes on at the next start. */
  close(): Promise<void>;
}

/** A minute of the cloud takes a quarter of a second: a fleet is created in seconds. */
const cloudSpeed = 240;

/** @param provesNames API servers of clusters have certificates that every client of the cloud trusts @default certificates of an authority for each */
export function openCloudBase(options: CloudOptions, provesNames = false): OpenBase {
  const { stateFile, githubKey, endpoint, speed, clusters, controllers, usage, tls } = options;
  const slices = openSlices(stateFile);
  const base: CloudBase = {
    ...slices,
    now: () => new Date(),
    github: openGithub(githubKey),
    pace: paceOf(() => speed() * cloudSpeed),
    get endpoint() {
      return endpoint();
    },
  };
  openControlPlanes(base, {
    folder: clusters,
    pace: paceOf(speed),
    controllers,
    usage,
    certificates: provesNames && tls !== undefined ? () => issueForLoopback(tls, "kube-apiserver") : undefined,
  });
  return {
    base,
    async close() {
      stopWork(base);
      await controlPlanesOf(base).close();
      slices.flush();
    },
  };
}

/** When what begins now and takes that long in the real cloud is over, as ISO 8601. */
export function timeAfter({ now, pace }: Pick<CloudBase, "now" | "pace">, ms: number): string {
  return new Date(now().getTime() + pace.scale(ms)).toISOString();
}

/** @param time ISO 8601 */
export function hasPassed({ now }: Pick<CloudBase, "now">, time: string): boolean {
  return Date.parse(time) <= now().getTime();
}
