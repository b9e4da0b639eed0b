import type { CloudBase } from "#sandbox/cloud/cloud-base.ts";

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
export interface GcpCloud extends CloudBase {
  /** The declared ones, in their order. */
  readonly projects: () => readonly Project[];
}
