import { randomBytes } from "node:crypto";
import { AwsFault, type Cloud } from "#sandbox/aws/cloud.ts";
import { administratorKeys, administratorName } from "#sandbox/aws/iam/administrators.ts";

/** What IAM keeps of one account. */
export interface IamState {
  /** By name in lower case: IAM takes `Admin` and `admin` for the same when it makes one. */
  readonly roles: Record<string, Role>;
  /** By name in lower case. */
  readonly users: Record<string, User>;
  /** The account's own managed policies, by ARN. */
  readonly policies: Record<string, ManagedPolicy>;
  /** By ARN. */
  readonly providers: Record<string, OidcProvider>;
}

/** What users and roles have in common. */
export interface Identity {
  readonly name: string;
  /** `/`, or a path that begins and ends with one. */
  readonly path: string;
  /** `AROA…` or `AIDA…`; one that is made again under the same name gets another. */
  readonly id: string;
  readonly arn: string;
  /** As ISO 8601. */
  readonly created: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Inline policies: their text by their name. */
  readonly inline: Readonly<Record<string, string>>;
  /** ARNs of managed policies. */
  readonly attached: readonly string[];
}

export interface Role extends Identity {
  readonly description: string | undefined;
  readonly maxSessionSeconds: number;
  /** Text of the trust policy, as it was given. */
  readonly trust: string;
  /** Unique ids of the users and roles that the trust policy names, by ARN, as they were when it was given. */
  readonly trusted: Readonly<Record<string, string>>;
  /** ARN of the managed policy beyond which the role can do nothing, whatever its own policies allow. */
  readonly boundary: string | undefined;
}

export interface User extends Identity {
  readonly accessKeys: readonly AccessKey[];
}

export interface AccessKey {
  readonly id: string;
  readonly secret: string;
  readonly created: string;
}

export interface ManagedPolicy {
  readonly name: string;
  readonly path: string;
  readonly id: string;
  readonly arn: string;
  readonly created: string;
  readonly updated: string;
  readonly description: string | undefined;
  readonly defaultVersion: string;
  /** The newest first. */
  readonly versions: readonly PolicyVersion[];
  /** Number of the last version that was ever made: none is used twice. */
  readonly lastVersion: number;
}

export interface PolicyVersion {
  /** `v1`. */
  readonly id: string;
  readonly created: string;
  readonly document: string;
}

export interface OidcProvider {
  readonly arn: string;
  /** Without `https://`. */
  readonly url: string;
  readonly clientIds: readonly string[];
  readonly thumbprints: readonly string[];
  readonly created: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** IAM of an account; any account of twelve digits is there. */
export function iamOf(cloud: Cloud, account: string): IamState {
  return cloud.slice("iam", account, "global", () => initialState(account, cloud.now()));
}

/** A new account: nothing but its administrator. */
function initialState(account: string, now: Date): IamState {
  const created = formatTime(now);
  const keys = administratorKeys(account);
  const administrator: User = {
    name: administratorName,
    path: "/",
    id: makeId("AIDA"),
    arn: `arn:aws:iam::${account}:user/${administratorName}`,
    created,
    tags: {},
    inline: {},
    attached: ["arn:aws:iam::aws:policy/AdministratorAccess"],
    accessKeys: [{ id: keys.accessKeyId, secret: keys.secretAccessKey, created }],
  };
  return { roles: {}, users: { [administratorName]: administrator }, policies: {}, providers: {} };
}

const idAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** A unique id of 21 characters, or of 20 for keys. */
export function makeId(prefix: "AROA" | "AIDA" | "ANPA" | "AKIA" | "ASIA"): string {
  const length = prefix === "AKIA" || prefix === "ASIA" ? 16 : 17;
  return prefix + [...randomBytes(length)].map((byte) => idAlphabet[byte % idAlphabet.length]).join("");
}

/** IAM reports times in seconds. */
export function formatTime(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}

/** The user or role of an ARN that policies may name, in whatever account; undefined when there is none (any more). */
export function tryFindPrincipal(cloud: Cloud, arn: string): User | Role | undefined {
  const [, account = "", kind, path = ""] = /^arn:aws:iam::(\d{12}):(user|role)\/(.+)$/.exec(arn) ?? [];
  if (kind === undefined) return undefined;
  const { users, roles } = iamOf(cloud, account);
  const key = path.slice(path.lastIndexOf("/") + 1).toLowerCase();
  const found = kind === "user" ? users[key] : roles[key];
  return found?.arn === arn ? found : undefined;
}

export function noSuchEntity(message: string): AwsFault {
  return new AwsFault("NoSuchEntity", message, 404);
}
export function alreadyExists(message: string): AwsFault {
  return new AwsFault("EntityAlreadyExists", message, 409);
}
export function deleteConflict(message: string): AwsFault {
  return new AwsFault("DeleteConflict", message, 409);
}
export function limitExceeded(message: string): AwsFault {
  return new AwsFault("LimitExceeded", message, 409);
}
