import { AwsFault, type Caller, type Cloud } from "#sandbox/aws/cloud.ts";
import { type IamState, iamOf, tryFindPrincipal, type User } from "#sandbox/aws/iam/model.ts";
import type { StsState } from "#sandbox/aws/sts/sessions.ts";

/** Whose an access key is, and what a request with it has to be signed with. */
export interface Credential {
  readonly caller: Caller;
  readonly secret: string;
  /** Of temporary keys. */
  readonly sessionToken: string | undefined;
}

/** @param sessionToken as the request has it @throws AwsFault InvalidClientTokenId, ExpiredToken */
export function findCredential(cloud: Cloud, accessKeyId: string, sessionToken: string | undefined): Credential {
  const found = tryFindUserKey(cloud, accessKeyId) ?? tryFindSession(cloud, accessKeyId);
  if (found === undefined || found.sessionToken !== sessionToken) {
    throw new AwsFault("InvalidClientTokenId", "The security token included in the request is invalid.", 403);
  }
  const { expires, ...credential } = found;
  if (expires !== undefined && Date.parse(expires) <= cloud.now().getTime()) {
    throw new AwsFault("ExpiredToken", "The security token included in the request is expired", 403);
  }
  return credential;
}

type Found = Credential & { readonly expires: string | undefined };

function tryFindUserKey(cloud: Cloud, accessKeyId: string): Found | undefined {
  // The key of an administrator names its account, which may be one that nobody has asked for yet.
  const [, account] = /^AKIA0000(\d{12})$/.exec(accessKeyId) ?? [];
  if (account !== undefined) iamOf(cloud, account);
  for (const { account, state } of cloud.slices<IamState>("iam")) {
    for (const user of Object.values(state.users)) {
      const key = user.accessKeys.find(({ id }) => id === accessKeyId);
      if (key !== undefined) {
        return { caller: userCaller(account, user), secret: key.secret, sessionToken: undefined, expires: undefined };
      }
    }
  }
  return undefined;
}

function userCaller(account: string, user: User): Caller {
  return {
    account,
    arn: user.arn,
    principal: user.arn,
    context: { "aws:PrincipalType": "User", "aws:userid": user.id, "aws:username": user.name },
  };
}

function tryFindSession(cloud: Cloud, accessKeyId: string): Found | undefined {
  for (const { state } of cloud.slices<StsState>("sts")) {
    const session = Object.hasOwn(state.sessions, accessKeyId) ? state.sessions[accessKeyId] : undefined;
    if (session === undefined) continue;
    // Sessions end with their role, also when another one has its name by now.
    if (tryFindPrincipal(cloud, session.caller.principal)?.id !== session.roleId) return undefined;
    const { caller, secretAccessKey: secret, sessionToken, expires } = session;
    return { caller, secret, sessionToken, expires };
  }
  return undefined;
}
