import type { GithubIssuer } from "#sandbox/cloud/github.ts";
import type { Slices } from "#sandbox/cloud/slices.ts";
import type { Pace } from "#sandbox/pace.ts";

/** Who calls, as an access token says. */
export interface Caller {
  /** As errors and the call log name it: an email, or `principal://iam.googleapis.com/…` of a federated token. */
  readonly name: string;
  /** What bindings of policies may call it: `serviceAccount:EMAIL`, `user:EMAIL`, `group:EMAIL`, `principal://…`, `principalSet://…`. */
  readonly members: readonly string[];
  /** URLs of the token's scopes. */
  readonly scopes: readonly string[];
}

/** A project, as the fleet declares it. */
export interface Project {
  readonly projectId: string;
  /** Decimal digits. */
  readonly number: string;
  readonly name: string;
}

/** Shared by all parts of the sandbox's Google Cloud. */
export interface GcpCloud extends Omit<Slices, "flush"> {
  readonly now: () => Date;
  /** Its tokens are accepted where a workload identity provider trusts them. */
  readonly github: GithubIssuer;
  /** Milliseconds of the real Google Cloud, shortened by the sandbox's speed. */
  readonly pace: Pace;
  /** The declared ones, in their order. */
  readonly projects: () => readonly Project[];
  /** `https://127.0.0.1:PORT`; known once the sandbox listens. */
  readonly endpoint: string;
}
