import { fits } from "#lib/aws/trust/document.ts";

/** Who is meant by an ARN, whatever its path: sessions don't tell the path of their role. */
export function isNamed(principal: string, caller: string): boolean {
  if (principal === caller) return true;
  const role = /^arn:[^:]+:sts::(\d{12}):assumed-role\/([^/]+)\//.exec(caller);
  if (role === null) return false;
  const [, account = "", name = ""] = role;
  return fits(`arn:*:iam::${account}:role/*`, principal) && principal.endsWith(`/${name}`);
}

/** For IAM an account's number and its root user are the same: everybody of it who may assume roles at all. */
export function isWholeAccount(name: string): boolean {
  return /^\d{12}$/.test(name) || /^arn:[^:]+:iam::\d{12}:root$/.test(name);
}

/** Both of them the whole account, in either spelling. */
export function isSameAccount(one: string, other: string): boolean {
  return isWholeAccount(one) && isWholeAccount(other) && accountOf(one) === accountOf(other);
}

export function accountOf(name: string): string {
  return name.split(":")[4] ?? name;
}

/** IAM replaces the ARN of a deleted user or role with its unique id. */
export function isGone(name: string): boolean {
  return /^A(IDA|ROA)[A-Z0-9]+$/.test(name);
}
