/** Every check of a trust policy, and which way a policy is wrong that fails it. Each is explained in docs/trust.md. */
export const trustChecks = {
  // too permissive
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
  // too restrictive
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

/** The identities that a role should trust, and no others. */
export interface ExpectedTrust {
  /** ARNs of users and roles, or of sessions of roles whose path is unknown. */
  readonly callers: readonly string[];
  /** Values that their requests contain. @default none, so a role that requires one denies them */
  readonly externalId?: string;
  /** @default no job */
  readonly github?: ExpectedGithub;
}

/** Jobs that authenticate with OIDC tokens. */
export interface ExpectedGithub {
  /** ARN of GitHub's identity provider in the role's account. */
  readonly provider: string;
  readonly repositoryId: string;
  /** Whole; a token has one of them. */
  readonly subjects: readonly string[];
}

/** @param clause continues "its trust policy" */
export function foundBy(check: TrustCheck, clause: string): TrustFinding {
  return { check, kind: trustChecks[check], message: `its trust policy ${clause}` };
}
