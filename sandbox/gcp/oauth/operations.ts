import type { OpenCloud } from "#sandbox/cloud/cloud.ts";
import { githubJob } from "#sandbox/cloud/github.ts";
import { UnknownUsage } from "#sandbox/docker/argv.ts";
import type { GcpCloud } from "#sandbox/gcp/cloud.ts";
import { createKey } from "#sandbox/gcp/iam/service-accounts.ts";
import { tryFindServiceAccount } from "#sandbox/gcp/iam/state.ts";
import { userCredentials } from "#sandbox/gcp/oauth/administrators.ts";
import { createUser, joinGroup } from "#sandbox/gcp/oauth/directory.ts";

/** Operations of the sandbox's command line on identities. */
export function oauthOperations(cloud: GcpCloud): OpenCloud["operations"] {
  return {
    "github-job": (claims, endpoint) => ({ env: githubJob(claims, endpoint) }),
    /** A person with `email`, member of `group`; the credentials belong into a file for GOOGLE_APPLICATION_CREDENTIALS. */
    user: ({ email = "user@example.com", group }) => {
      if (group !== undefined) joinGroup(cloud, group, `user:${email}`);
      return { email, credentials: userCredentials(createUser(cloud, email)) };
    },
    /** A key of the service account `email`. */
    "service-account-key": ({ email = "" }) => {
      if (tryFindServiceAccount(cloud, email) === undefined) throw new UnknownUsage(`the service account "${email}"`);
      return { credentials: createKey(cloud, email) };
    },
  };
}
