import type { IAM, User } from "@aws-sdk/client-iam";
import { type ClientCalls, clientCalls } from "#lib/aws/client-calls.ts";
import type { AwsActor, AwsClients } from "#lib/aws/clients.ts";
import { isAwsError } from "#lib/aws/explain.ts";
import type { AwsAccount } from "#lib/aws/fleet/types.ts";
import type { AccessKey } from "#lib/aws/iam/shared-credentials.ts";
import { formatTags, parseTags } from "#lib/aws/tags.ts";
import { systemClock } from "#lib/clock.ts";
import { describeOwner, isOfFleet, type Tags } from "#lib/cloud/ownership.ts";
import { FleetError } from "#lib/errors.ts";
import { keepSecret } from "#lib/secrets.ts";

/** Where a new key is stored. */
export interface KeyStore {
  /** Called before anything is created, if a key will be. Throws if it can't be stored. */
  prepare(): Promise<void>;
  /** If it fails the key is deleted: its secret can't be read again. */
  keep(key: AccessKey): Promise<void>;
}

/** The IAM user for people: the first step into every account. */
export const cliUserName = "aws-cli";
export const administratorPolicy = "AdministratorAccess";
/** Inline policy of a user whose set-up has ended. */
export const assumePolicyName = "assume-management-roles";
/** A key is created and stored, or deleted again, even if the run is interrupted. */
const keyTimeoutMs = 60_000;

export interface CliUserOptions {
  readonly aws: AwsClients;
  readonly signal: AbortSignal;
  /** The management account. */
  readonly account: AwsAccount;
  /** Tags of a new user. */
  readonly tags: Tags;
  /** Called with each step. */
  readonly progress: (message: string) => void;
  readonly store: KeyStore;
}

export interface CliUser {
  readonly arn: string;
  /** What was done; empty if nothing changed. */
  readonly done: readonly string[];
  /** Ids of the keys that there are. */
  readonly keyIds: readonly string[];
}

export type IamCalls = ClientCalls<IAM>;

/** The equivalent commands of the AWS CLI and mise, for users who don't use `--apply`. */
export function cliUserCommands(partition = "aws"): readonly string[] {
  const user = `--user-name ${cliUserName}`;
  return [
    `aws iam create-user ${user}`,
    `aws iam attach-user-policy ${user} --policy-arn ${policyArn(partition)}`,
    `aws iam create-access-key ${user}`,
    `mise set --file mise.local.toml AWS_USER_ARN="$(aws iam get-user ${user} --query User.Arn --output text)"`,
  ];
}

/**
 * Creates the user, its permissions and one key, each if missing. Uses the credentials of the account's administrators, which
 * have proved that they are of this account before anything is sent.
 *
 * @throws FleetError CredentialsMissing, WrongAccount, PlaceholderAccount, ForeignResource, or why AWS refuses a call
 */
export async function ensureCliUser(options: CliUserOptions): Promise<CliUser> {
  const { aws, account, progress } = options;
  const actor: AwsActor = { account, as: "administrator" };
  const { identity } = await aws.session(actor);
  const [, partition = "aws"] = identity.arn.split(":");
  const world = { clock: systemClock, signal: options.signal, progress };
  const call = clientCalls(world, actor, await aws.iam(actor));
  const done: string[] = [];
  const say = (what: string): void => {
    done.push(what);
    progress(what);
  };

  const found = await findUser(call);
  const attached =
    found !== undefined && ((await isAdministrator(call, policyArn(partition))) || (await isRestricted(call)));
  if (found !== undefined && !attached) refuseStranger(found, options);
  const known = found === undefined ? [] : await listKeys(call);
  if (known.length === 0) await options.store.prepare();

  const arn = found?.Arn ?? (await makeUser(call, options));
  if (found === undefined) say(`made the user ${arn}`);
  if (!attached) {
    await call(`attaching ${administratorPolicy} to ${cliUserName}`, (iam, http) =>
      iam.attachUserPolicy({ UserName: cliUserName, PolicyArn: policyArn(partition) }, http),
    );
    say(`attached the policy ${administratorPolicy}`);
  }
  if (known.length > 0) return { arn, done, keyIds: known };
  options.signal.throwIfAborted();
  const undisturbed = clientCalls({ ...world, signal: AbortSignal.timeout(keyTimeoutMs) }, actor, await aws.iam(actor));
  const id = await makeKey(undisturbed, options.store);
  say(`made the access key ${id}`);
  const keyIds = await listKeys(undisturbed);
  // A client repeats a call whose answer was lost: the key of the first answer is there, and its secret is nowhere.
  const lost = keyIds.filter((other) => other !== id);
  if (lost.length > 0)
    say(`found the key ${lost.join(", ")}, which was made in the same moment: delete it if it isn't yours`);
  return { arn, done, keyIds };
}

export function policyArn(partition: string): string {
  return `arn:${partition}:iam::aws:policy/${administratorPolicy}`;
}

export async function findUser(call: IamCalls): Promise<User | undefined> {
  try {
    const { User: user } = await call(`reading the user ${cliUserName}`, (iam, http) =>
      iam.getUser({ UserName: cliUserName }, http),
    );
    return user;
  } catch (error) {
    if (isAwsError(error, "NoSuchEntityException")) return undefined;
    throw error;
  }
}

/** A user with a completed set-up must not become an administrator again. */
export async function isRestricted(call: IamCalls): Promise<boolean> {
  const { PolicyNames = [] } = await call(`reading the policies of ${cliUserName}`, (iam, http) =>
    iam.listUserPolicies({ UserName: cliUserName }, http),
  );
  return PolicyNames.includes(assumePolicyName);
}

export async function isAdministrator(call: IamCalls, arn: string): Promise<boolean> {
  let marker: string | undefined;
  do {
    const start = { UserName: cliUserName, ...(marker === undefined ? {} : { Marker: marker }) };
    const page = await call(`reading the policies of ${cliUserName}`, (iam, http) =>
      iam.listAttachedUserPolicies(start, http),
    );
    if ((page.AttachedPolicies ?? []).some(({ PolicyArn }) => PolicyArn === arn)) return true;
    marker = page.IsTruncated === true ? page.Marker : undefined;
  } while (marker !== undefined);
  return false;
}

/** An existing user of that name who isn't an administrator must not become one. */
function refuseStranger(user: User, { account, tags }: CliUserOptions): void {
  const found = parseTags(user.Tags);
  if (isOfFleet(found, tags)) return;
  const message = `${account.name} has a user ${cliUserName} ${describeOwner(found)}, who is no administrator`;
  throw new FleetError("ForeignResource", message, {
    hint: `attach ${administratorPolicy} to it yourself if it is meant, or rename or remove it`,
  });
}

async function makeUser(call: IamCalls, { tags }: CliUserOptions): Promise<string> {
  const { User: user } = await call(`making the user ${cliUserName}`, (iam, http) =>
    iam.createUser({ UserName: cliUserName, Tags: formatTags(tags) }, http),
  );
  if (user?.Arn === undefined) throw new FleetError("AwsFailed", `IAM made ${cliUserName} and does not tell its ARN`);
  return user.Arn;
}

async function listKeys(call: IamCalls): Promise<readonly string[]> {
  const page = await call(`listing the access keys of ${cliUserName}`, (iam, http) =>
    // A user has two at most: they fit on one page.
    iam.listAccessKeys({ UserName: cliUserName }, http),
  );
  return (page.AccessKeyMetadata ?? []).flatMap(({ AccessKeyId }) => AccessKeyId ?? []);
}

async function makeKey(call: IamCalls, store: KeyStore): Promise<string> {
  const { AccessKey: made } = await call(`making an access key for ${cliUserName}`, (iam, http) =>
    iam.createAccessKey({ UserName: cliUserName }, http),
  );
  const { AccessKeyId: id, SecretAccessKey: secret } = made ?? {};
  if (id === undefined || secret === undefined) {
    throw new FleetError("AwsFailed", `IAM made an access key for ${cliUserName} and does not tell it`);
  }
  keepSecret(secret);
  try {
    await store.keep({ id, secret });
  } catch (error) {
    await call(`deleting the access key ${id}, which could not be kept`, (iam, http) =>
      iam.deleteAccessKey({ UserName: cliUserName, AccessKeyId: id }, http),
    );
    throw error;
  }
  return id;
}
