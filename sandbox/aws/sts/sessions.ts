import { randomBytes } from "node:crypto";
import type { Caller, Cloud } from "#sandbox/aws/cloud.ts";
import { makeId, type Role } from "#sandbox/aws/iam/model.ts";

/** What STS keeps of an account: the sessions of its roles, by access key id. */
export interface StsState {
  readonly sessions: Record<string, Session>;
}

/** Temporary credentials of a role. */
export interface Session {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  /** As ISO 8601. */
  readonly expires: string;
  readonly caller: Caller;
  /** Of the role: a later one of the same name is another. */
  readonly roleId: string;
}

/** Expired keys are kept for a day, to distinguish them from unknown ones. */
const rememberMs = 24 * 3_600_000;

export function stsOf(cloud: Cloud, account: string): StsState {
  return cloud.slice("sts", account, "global", (): StsState => ({ sessions: {} }));
}

export interface NewSession {
  readonly name: string;
  readonly seconds: number;
  readonly sourceIdentity?: string | undefined;
  /** Condition keys that this way in has of its own. */
  readonly context?: Readonly<Record<string, string>>;
}

export function openSession(cloud: Cloud, account: string, role: Role, session: NewSession): Session {
  const { sessions } = stsOf(cloud, account);
  const now = cloud.now();
  for (const old of Object.values(sessions)) {
    if (Date.parse(old.expires) + rememberMs < now.getTime()) delete sessions[old.accessKeyId];
  }
  const opened: Session = {
    accessKeyId: makeId("ASIA"),
    secretAccessKey: randomBytes(30).toString("base64"),
    sessionToken: randomBytes(192).toString("base64"),
    // Whole seconds, as in the API: a session must not outlive the expiry that clients see.
    expires: new Date(Math.floor(now.getTime() / 1_000) * 1_000 + session.seconds * 1_000).toISOString(),
    caller: callerOf(account, role, session, now),
    roleId: role.id,
  };
  sessions[opened.accessKeyId] = opened;
  cloud.save();
  return opened;
}

/** Expires all sessions now, to test how clients renew them without waiting for an hour. */
export function endSessions(cloud: Cloud): void {
  const ended = new Date(cloud.now().getTime() - 1_000).toISOString();
  for (const { state } of cloud.slices<StsState>("sts")) {
    for (const session of Object.values(state.sessions)) {
      if (session.expires > ended) state.sessions[session.accessKeyId] = { ...session, expires: ended };
    }
  }
  cloud.save();
}

/** The caller of a session. */
export function callerOf(account: string, role: Role, session: NewSession, now: Date): Caller {
  const { name, sourceIdentity, context = {} } = session;
  return {
    account,
    arn: `arn:aws:sts::${account}:assumed-role/${role.name}/${name}`,
    principal: role.arn,
    context: {
      ...context,
      ...(sourceIdentity === undefined ? {} : { [sourceIdentityKey]: sourceIdentity }),
      "aws:PrincipalType": "AssumedRole",
      "aws:userid": `${role.id}:${name}`,
      "aws:TokenIssueTime": now.toISOString(),
    },
  };
}

export const sourceIdentityKey = "aws:SourceIdentity";

/** Whether a caller is a session of a role: role chaining gives one hour at most. */
export function isSession({ arn }: Caller): boolean {
  return arn.includes(":assumed-role/");
}
