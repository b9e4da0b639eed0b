/** Every check of a trust policy, and which way a policy is wrong that fails it. Each is explained in docs/trust.md. */
export const trustChecks = {
  // somebody is let in who shouldn't be
  TrustsEverybody: "too loose",
  TrustsWholeAccount: "too loose",
  TrustsOthers: "too loose",
  TrustsWithoutExternalId: "too loose",
  TrustsOtherExternalId: "too loose",
  TrustsGitHubWithoutAudience: "too loose",
  TrustsOtherAudiences: "too loose",
  TrustsGitHubWithoutSubject: "too loose",
  TrustsGitHubByPattern: "too loose",
  TrustsOtherSubjects: "too loose",
  TrustsOtherRepositories: "too loose",
  // somebody is kept out who should come in
  MissesCaller: "too tight",
  MissesExternalId: "too tight",
  MissesSourceIdentity: "too tight",
  MissesGitHub: "too tight",
  MissesSubject: "too tight",
  TrustsDeletedPrincipal: "too tight",
  AsksForMore: "too tight",
  DeniesCaller: "too tight",
} as const satisfies Record<string, "too loose" | "too tight">;

export type TrustCheck = keyof typeof trustChecks;

export interface TrustFinding {
  readonly check: TrustCheck;
  readonly kind: "too loose" | "too tight";
  /** A clause about the policy: `its trust policy names …`. */
  readonly message: string;
}

/** Whom a role is to let in, and nobody else. */
export interface ExpectedTrust {
  /** ARNs of users and roles, or of sessions of roles whose path isn't known here. */
  readonly callers: readonly string[];
  /** What they say. @default nothing, so that a role that asks for something keeps them out */
  readonly externalId?: string;
  /** @default no job */
  readonly github?: ExpectedGithub;
}

/** Jobs that come in by their tokens. */
export interface ExpectedGithub {
  /** ARN of GitHub's identity provider in the role's account. */
  readonly provider: string;
  readonly repositoryId: string;
  /** Whole; a token has one of them. */
  readonly subjects: readonly string[];
}

/** @param clause goes on from "its trust policy" */
export function foundBy(check: TrustCheck, clause: string): TrustFinding {
  return { check, kind: trustChecks[check], message: `its trust policy ${clause}` };
}
