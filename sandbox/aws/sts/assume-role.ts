import { AwsFault, type Call, type Caller, type Cloud } from "#sandbox/aws/cloud.ts";
import type { Role } from "#sandbox/aws/iam/model.ts";
import { identityVerdict, requestContext, requesterOf } from "#sandbox/aws/iam/permissions.ts";
import { tryFindRole } from "#sandbox/aws/iam/roles.ts";
import { type ContextValues, resourceTags } from "#sandbox/aws/policy/context.ts";
import { parsePolicy } from "#sandbox/aws/policy/parse.ts";
import { evaluateTrust } from "#sandbox/aws/policy/trust.ts";
import { checkLength, checkPattern, checkRange } from "#sandbox/aws/protocol/constraints.ts";
import { allowOnly, integerAt, type QueryInput, textAt, tryTextAt } from "#sandbox/aws/protocol/query.ts";
import type { XmlValue } from "#sandbox/aws/protocol/xml.ts";
import { isSession, openSession, type Session, sourceIdentityKey } from "#sandbox/aws/sts/sessions.ts";

/** Limit of role chaining, regardless of the role's maximum. */
const chainedSeconds = 3_600;
const namePattern = "[\\w+=,.@-]*";

interface Wish {
  readonly roleArn: string;
  readonly name: string;
  readonly seconds: number | undefined;
  readonly externalId: string | undefined;
  /** The one that is asked for, or the one that the caller has already. */
  readonly sourceIdentity: string | undefined;
}

/** @throws AwsFault AccessDenied, ValidationError, InvalidParameterValue */
export function assumeRole(cloud: Cloud, { caller }: Call, input: QueryInput): XmlValue {
  const wish = readWish(caller, input);
  const account = accountOfRole(wish.roleArn);
  const role = tryFindRole(cloud, account, wish.roleArn);
  // A missing role is refused like one that does not trust the caller.
  if (role === undefined) throw denied(caller, "sts:AssumeRole", wish.roleArn);
  for (const action of actionsOf(wish)) {
    if (!isLetIn(cloud, caller, role, action, contextOfWish(wish, role))) throw denied(caller, action, wish.roleArn);
  }
  const seconds = wish.seconds ?? Math.min(3_600, role.maxSessionSeconds);
  if (isSession(caller) && seconds > chainedSeconds) {
    throw new AwsFault(
      "ValidationError",
      "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
    );
  }
  checkDuration(seconds, role);
  const { name, sourceIdentity } = wish;
  const session = openSession(cloud, account, role, { name, seconds, sourceIdentity });
  return {
    ...formatSession(session, role),
    ...(sourceIdentity === undefined ? {} : { SourceIdentity: sourceIdentity }),
  };
}

/** @throws AwsFault ValidationError */
export function checkDuration(seconds: number, { maxSessionSeconds }: Role): void {
  if (seconds <= maxSessionSeconds) return;
  throw new AwsFault(
    "ValidationError",
    "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
  );
}

/** Result that all ways to assume a role have in common. */
export function formatSession(session: Session, role: Role): { readonly [key: string]: XmlValue } {
  const { accessKeyId, secretAccessKey, sessionToken, expires, caller } = session;
  return {
    Credentials: {
      AccessKeyId: accessKeyId,
      SecretAccessKey: secretAccessKey,
      SessionToken: sessionToken,
      Expiration: expires,
    },
    AssumedRoleUser: { AssumedRoleId: `${role.id}:${caller.arn.split("/").at(-1)}`, Arn: caller.arn },
  };
}

/** @throws AwsFault ValidationError */
export function checkSession(roleArn: string, name: string, seconds: number | undefined): void {
  checkLength("roleArn", roleArn, 20, 2_048);
  checkLength("roleSessionName", name, 2, 64);
  checkPattern("roleSessionName", name, namePattern);
  if (seconds !== undefined) checkRange("durationSeconds", seconds, 900, 43_200);
}

/** @throws AwsFault ValidationError */
export function accountOfRole(roleArn: string): string {
  const account = /^arn:aws:iam::(\d{12}):role\/./.exec(roleArn)?.[1];
  if (account === undefined) throw new AwsFault("ValidationError", "Request ARN is invalid");
  return account;
}

function readWish(caller: Caller, input: QueryInput): Wish {
  allowOnly(input, "RoleArn", "RoleSessionName", "DurationSeconds", "ExternalId", "SourceIdentity");
  const roleArn = textAt(input, "RoleArn");
  const name = textAt(input, "RoleSessionName");
  const seconds = integerAt(input, "DurationSeconds");
  checkSession(roleArn, name, seconds);
  const externalId = tryTextAt(input, "ExternalId");
  if (externalId !== undefined) {
    checkLength("externalId", externalId, 2, 1_224);
    checkPattern("externalId", externalId, "[\\w+=,.@:\\/-]*");
  }
  const sourceIdentity = readSourceIdentity(caller, roleArn, input);
  return { roleArn, name, seconds, externalId, sourceIdentity };
}

/** It passes along a chain of roles, and cannot be changed. */
function readSourceIdentity(caller: Caller, roleArn: string, input: QueryInput): string | undefined {
  const wanted = tryTextAt(input, "SourceIdentity");
  const had = caller.context[sourceIdentityKey];
  if (wanted === undefined) return had;
  checkLength("sourceIdentity", wanted, 2, 64);
  checkPattern("sourceIdentity", wanted, namePattern);
  if (had !== undefined && had !== wanted) throw denied(caller, "sts:SetSourceIdentity", roleArn);
  return wanted;
}

/** Each has to be allowed: one denied is all denied. */
function actionsOf({ sourceIdentity }: Wish): readonly string[] {
  return ["sts:AssumeRole", ...(sourceIdentity === undefined ? [] : ["sts:SetSourceIdentity"])];
}

function contextOfWish(wish: Wish, role: Role): ContextValues {
  const { name, externalId, sourceIdentity } = wish;
  return {
    ...resourceTags(role.tags, "iam"),
    "sts:ExternalId": externalId,
    "sts:RoleSessionName": name,
    "sts:SourceIdentity": sourceIdentity,
  };
}

/**
 * The role has to trust the caller, and the caller's own policies have to allow it too, unless the trust policy names a
 * caller of the same account itself. A denial on either side wins.
 */
function isLetIn(cloud: Cloud, caller: Caller, role: Role, action: string, context: ContextValues): boolean {
  const { verdict, isNamed } = evaluateTrust(parsePolicy(role.trust, "trust"), {
    requester: requesterOf(cloud, caller),
    action,
    context: requestContext(cloud, caller, role.arn, context),
    ids: role.trusted,
  });
  if (verdict !== "allowed") return false;
  const own = identityVerdict(cloud, caller, action, role.arn, context);
  const isSameAccount = role.arn.split(":")[4] === caller.account;
  return own === "allowed" || (own === "none" && isSameAccount && isNamed);
}

function denied(caller: Caller, action: string, roleArn: string): AwsFault {
  return new AwsFault(
    "AccessDenied",
    `User: ${caller.arn} is not authorized to perform: ${action} on resource: ${roleArn}`,
    403,
  );
}
