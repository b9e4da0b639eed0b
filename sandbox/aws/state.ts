import { dirname, join } from "node:path";
import type { Cloud } from "#sandbox/aws/cloud.ts";
import { authorize } from "#sandbox/aws/iam/permissions.ts";
import { assumeAsService } from "#sandbox/aws/sts/service-roles.ts";
import { openGithub } from "#sandbox/cloud/github.ts";
import { openSlices, type Slices } from "#sandbox/cloud/slices.ts";
import type { Pace } from "#sandbox/pace.ts";

export interface CloudOptions {
  /** State file; it is created with the first save. */
  readonly path: string;
  /** @default a file beside the state file */
  readonly githubKey?: string;
  readonly pace: Pace;
  /** @default the clock of this computer */
  readonly now?: () => Date;
}

/** A cloud that outlives its process. */
export interface KeptCloud extends Cloud, Slices {}

/** The sandbox's AWS in its last saved state. */
export function openCloud({
  path,
  githubKey = join(dirname(path), "github.pem"),
  pace,
  now = () => new Date(),
}: CloudOptions): KeptCloud {
  const cloud: KeptCloud = {
    ...openSlices(path),
    authorize: (caller, action, resource, context) => authorize(cloud, caller, action, resource, context),
    assumeAsService: (roleArn, service) => assumeAsService(cloud, roleArn, service),
    github: openGithub(githubKey),
    pace,
    now,
  };
  return cloud;
}
