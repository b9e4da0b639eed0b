import type { Behaviours, Json } from "#sandbox/gcp/api/behaviour.ts";
import { invalidArgument, unsupported } from "#sandbox/gcp/api/faults.ts";
import { findAccount } from "#sandbox/gcp/iam/service-accounts.ts";
import { maxLifetimeSeconds, mintAccessToken } from "#sandbox/gcp/oauth/access-tokens.ts";
import { listAt, stringAt, textsAt } from "#sandbox/json.ts";

/** IAM Credentials: a caller with `iam.serviceAccounts.getAccessToken` acts as the service account. */
export const impersonation: Behaviours = {
  "iamcredentials.projects.serviceAccounts.generateAccessToken": (call): Json => {
    const { email, uniqueId } = findAccount(call);
    if (listAt(call.body, "delegates").length > 0) throw unsupported("delegates");
    const scopes = textsAt(call.body, "scope");
    if (scopes.length === 0) throw invalidArgument("Request contains an invalid argument: the scope is required.");
    const lifetime = /^(\d+)(?:\.\d+)?s$/.exec(stringAt(call.body, "lifetime") || `${maxLifetimeSeconds}s`)?.[1];
    const seconds = Number(lifetime);
    if (!(seconds > 0 && seconds <= maxLifetimeSeconds)) {
      throw invalidArgument(
        `Request contains an invalid argument: the lifetime has to be between 1s and ${maxLifetimeSeconds}s.`,
      );
    }
    const { token, expires } = mintAccessToken(
      call.cloud,
      { kind: "serviceAccount", email, uniqueId },
      scopes,
      seconds,
    );
    // Google's time has whole seconds.
    return { accessToken: token, expireTime: expires.replace(/\.\d+Z$/, "Z") };
  },
};
