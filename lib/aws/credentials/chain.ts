import type { AwsCredentialIdentity } from "@aws-sdk/types";
import { findCredentials, findProfile, hasKeys } from "#lib/aws/credentials/base.ts";
import { type AwsReach, profileOf } from "#lib/aws/credentials/client-settings.ts";
import {
  type AwsIdentity,
  type AwsSession,
  assumeRole,
  assumeRoleWithToken,
  identify,
} from "#lib/aws/credentials/sts.ts";
import { isPlaceholder } from "#lib/aws/fleet/placeholder.ts";
import {
  awsManagementRole,
  awsReadOnlyManagementRole,
  iamRoleOf,
  readOnlyRoleOf,
  roleArn,
} from "#lib/aws/fleet/roles.ts";
import type { AwsAccount } from "#lib/aws/fleet/types.ts";
import { type Clock, systemClock } from "#lib/clock.ts";
import { findManagement, managementOf } from "#lib/cloud/accounts.ts";
import { fetchGithubToken, mayOnlyRead } from "#lib/cloud/github-token.ts";
import { FleetError } from "#lib/errors.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import { command, type Hint } from "#lib/hint.ts";
import { type Lease, type Renewing, renewing } from "#lib/renewing.ts";

/**
 * The way into every account: base identity, then the management role, then the role of the account. Each hop is one call
 * of STS per run, however many clusters ask, and is renewed before it expires.
 */
export interface AwsChain {
  /** The credentials of this computer or CI job. @throws FleetError CredentialsMissing, MfaCodeNeeded, RootRefused, SessionExpired, AwsUnreachable */
  base(): Promise<AwsSession>;
  /**
   * Administrator credentials of an account: the base if it is in that account and none of our roles, else the profile
   * named like the account. Undefined if there is neither.
   *
   * @throws FleetError CredentialsMissing, WrongAccount, PlaceholderAccount, AwsUnreachable
   */
  findAdministrator(account: AwsAccount): Promise<AwsSession | undefined>;
  /** @throws FleetError CredentialsMissing, AssumeRoleDenied, WrongAccount, PlaceholderAccount, AwsUnreachable */
  management(): Promise<AwsSession>;
  /**
   * The role that creates the account's clusters.
   *
   * @param atOnce a denial is final even if roles have changed recently
   * @throws FleetError as management()
   */
  clusters(account: AwsAccount, atOnce?: boolean): Promise<AwsSession>;
  /** AWS rejected it before its expiry: the next caller gets a new one. */
  forget(session: AwsSession): void;
  /** Roles of the account were just created or changed. Those of the management account lead into all others. */
  rolesChanged(account: AwsAccount): void;
  /**
   * Makes a call and, if it is denied, retries it while the account's roles have changed recently:
   * IAM changes take seconds to propagate. Other failures are thrown.
   */
  untilSettled<Answer>(
    account: AwsAccount,
    isDenial: (error: unknown) => boolean,
    call: () => Promise<Answer>,
  ): Promise<Answer>;
}

/** With an emulator for its endpoint, ids that stand for accounts are accounts there. */
export interface AwsChainOptions extends AwsReach {
  readonly fleet: Pick<Fleet, "accounts" | "domain" | "github">;
  /** @default this computer's */
  readonly clock?: Clock;
  /** The root user of an account is accepted, to make the first user. @default false */
  readonly allowRoot?: boolean | undefined;
}

/** A role, and its read-only counterpart. */
interface RoleNames {
  readonly full: string;
  readonly reading: string;
}
const managementRoles: RoleNames = { full: awsManagementRole, reading: awsReadOnlyManagementRole };

/** Longer than IAM usually takes, and short enough if the denial is permanent. */
const settleMs = 30_000;
const settlePauseMs = 2_000;
/** Audience of GitHub's tokens in AWS trust policies. */
const githubAudience = "sts.amazonaws.com";
const renewEarlyMs = 5 * 60_000;
const project = "k8s-multicluster-gitops";

/** The external id that a role requires, which prevents the confused deputy problem. */
export function externalIdOf({ domain }: Pick<Fleet, "domain">): string {
  return `${project}/${domain}`;
}

export function awsChain(options: AwsChainOptions): AwsChain {
  const { fleet, clock = systemClock } = options;
  /** When roles of an account, by its name, were changed last. */
  const changed = new Map<string, number>();
  const isSettling = (account: AwsAccount): boolean =>
    [account, findManagement(fleet, "aws") ?? account].some(
      ({ name }) => clock.now() - (changed.get(name) ?? Number.NEGATIVE_INFINITY) < settleMs,
    );
  const opened = new Map<string, Renewing<AwsSession>>();
  /** One for each who, that is renewed. */
  const open = (who: string, ask: () => Promise<Lease<AwsSession>>): Promise<AwsSession> => {
    const known = opened.get(who) ?? renewing(ask, renewEarlyMs, ["AwsThrottled"]);
    opened.set(who, known);
    return known.get();
  };
  const chain: AwsChain = {
    base: () => open("base", () => openBase(options)),
    async findAdministrator(account) {
      refusePlaceholder(account, options);
      const base = await chain.base().catch((error: unknown) => {
        // Users with a profile for each account may have no other credentials.
        if (error instanceof FleetError && error.code === "CredentialsMissing") return undefined;
        throw error;
      });
      if (base?.identity.account === account.accountId && !isOfOurs(base.identity, account)) return base;
      const profile = await findProfile(account.name, options);
      if (profile === undefined) return undefined;
      return await open(`profile ${account.name}`, async () => await guard(options, account, lease(profile)));
    },
    management() {
      const account = managementOf(fleet, "aws", "AssumeRoleDenied");
      const hint = [
        command("create:aws-mgmt:cf-route53-gh-action-iam-role-oidc"),
        `   (with credentials of ${account.name}, and AWS_USER_ARN set to the user to admit)`,
      ];
      return open("management", () => step(account, managementRoles, chain.base, { hint }));
    },
    clusters(account, atOnce = false) {
      const hint = [command("create:aws-tenant:cf-iam-role", account.name), `   (with credentials of ${account.name})`];
      const externalId = externalIdOf(fleet);
      return open(`clusters ${account.name}${atOnce ? " at once" : ""}`, () =>
        step(account, rolesIn(account), chain.management, { hint, externalId }, atOnce),
      );
    },
    forget(session) {
      for (const one of opened.values()) one.forget(session);
    },
    rolesChanged({ name }) {
      changed.set(name, clock.now());
    },
    async untilSettled(account, isDenial, call) {
      for (;;) {
        try {
          return await call();
        } catch (error) {
          if (!isDenial(error) || !isSettling(account)) throw error;
          await clock.sleep(settlePauseMs);
        }
      }
    },
  };

  async function step(
    account: AwsAccount,
    names: RoleNames,
    callerOf: () => Promise<AwsSession>,
    asked: { readonly hint: Hint; readonly externalId?: string },
    atOnce = false,
  ): Promise<Lease<AwsSession>> {
    refusePlaceholder(account, options);
    const base = await chain.base();
    const name = isReadOnly(base.identity, fleet) ? names.reading : names.full;
    // The caller already has the role, so the step is skipped.
    if (isSessionOf(base.identity, account, name)) return { value: base, expiresMs: expiryOf(base.credentials) };
    const enter = async (caller: AwsSession): Promise<AwsCredentialIdentity> => {
      const source = sourceOf(caller.identity);
      const step = {
        role: roleArn(account, name),
        sessionName: sessionNameOf(base.identity, options.variables),
        ...(source === undefined ? {} : { sourceIdentity: source }),
        ...asked,
      };
      const assume = async () => await assumeRole(options, caller, step);
      return atOnce ? await assume() : await chain.untilSettled(account, isDenied, assume);
    };
    const caller = await callerOf();
    const credentials = await enter(caller).catch(async (error: unknown) => {
      if (!(error instanceof FleetError) || error.code !== "SessionExpired") throw error;
      // What leads here has ended before its time. It is renewed once, from wherever it came from.
      chain.forget(caller);
      return await enter(await callerOf());
    });
    return await guard(options, account, lease(credentials));
  }

  return chain;
}

/** Keys or a profile that the environment names on purpose, else GitHub's token where a job has one, else what this computer has. */
async function openBase(options: AwsChainOptions): Promise<Lease<AwsSession>> {
  const isChosen = hasKeys(options.variables) || profileOf(options.variables) !== undefined;
  const token = isChosen ? undefined : await fetchGithubToken(options.variables, githubAudience);
  const credentials = token === undefined ? await findCredentials(options) : await openByToken(options, token);
  const identity = await identify(options, credentials);
  refuseOtherPartition(identity);
  if (options.allowRoot !== true) refuseRoot(identity);
  return { value: { credentials, identity }, expiresMs: expiryOf(credentials) };
}

/** Regions, ARNs and endpoints of the fleet are of the partition `aws`. @throws FleetError PartitionNotSupported */
function refuseOtherPartition({ arn }: AwsIdentity): void {
  const partition = partitionOf(arn);
  if (partition === "aws") return;
  throw new FleetError("PartitionNotSupported", `the credentials are of the partition ${partition}`, {
    hint: "clusters are created in the commercial regions of AWS alone (partition aws): log in to an account there",
  });
}

/**
 * The root user can assume no role, and a trust policy that names it trusts everybody in the account
 * (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html).
 *
 * @throws FleetError RootRefused
 */
function refuseRoot({ arn, account }: AwsIdentity): void {
  if (!/^arn:[\w-]+:iam::\d{12}:root$/.test(arn)) return;
  throw new FleetError("RootRefused", `the credentials are of the root user of ${account}, which can assume no role`, {
    hint: [
      command("create:aws-mgmt:user", "--apply"),
      "   (creates the user aws-cli in the management account: use its key)",
    ],
  });
}

async function openByToken(options: AwsChainOptions, token: string): Promise<AwsCredentialIdentity> {
  const account = managementOf(options.fleet, "aws", "AssumeRoleDenied");
  refusePlaceholder(account, options);
  const role = mayOnlyRead(token, options.fleet.github) ? managementRoles.reading : managementRoles.full;
  return await assumeRoleWithToken(options, token, {
    role: roleArn(account, role),
    sessionName: sessionNameOf(undefined, options.variables),
    hint: "does fleet.github name this repository, and this branch or environment? then create the management account's stack again",
  });
}

/** Asks who these credentials are of before they are used for anything else. @throws FleetError WrongAccount */
async function guard(
  options: AwsChainOptions,
  account: AwsAccount,
  { value: credentials, expiresMs }: Lease<AwsCredentialIdentity>,
): Promise<Lease<AwsSession>> {
  const identity = await identify(options, credentials);
  if (identity.account === account.accountId) return { value: { credentials, identity }, expiresMs };
  throw new FleetError(
    "WrongAccount",
    `${account.name}: credentials are for ${identity.account}, the fleet says ${account.accountId}`,
    { hint: `log in to ${account.name}, or correct its id in clusters/aws.ts` },
  );
}

/** @throws FleetError PlaceholderAccount */
function refusePlaceholder(account: AwsAccount, { endpoint }: AwsChainOptions): void {
  if (endpoint !== undefined || !isPlaceholder(account)) return;
  throw new FleetError("PlaceholderAccount", `${account.name} has the placeholder ${account.accountId} for its id`, {
    hint: "put the account's own id into clusters/aws.ts",
  });
}

/** Recorded in CloudTrail of every account that the run enters: the user or the job. */
function sessionNameOf(
  base: AwsIdentity | undefined,
  { GITHUB_RUN_ID: run = "" }: AwsChainOptions["variables"],
): string {
  const who = run === "" ? (base?.arn.split("/").at(-1)?.split(":").at(-1) ?? "job") : `github-${run}`;
  return `${project}-${who}`.replaceAll(/[^\w+=,.@-]/g, "-").slice(0, 64);
}

/** Only a user's first step may set it: a role session may already have one, which can't be changed. */
function sourceOf({ arn }: AwsIdentity): string | undefined {
  const name = /:user\/(?:.*\/)?([\w+=,.@-]{2,64})$/.exec(arn)?.[1];
  return name;
}

function lease(credentials: AwsCredentialIdentity): Lease<AwsCredentialIdentity> {
  return { value: credentials, expiresMs: expiryOf(credentials) };
}

function expiryOf({ expiration }: AwsCredentialIdentity): number {
  return expiration?.getTime() ?? Number.POSITIVE_INFINITY;
}

/** `arn:aws-cn:…` in China. */
function partitionOf(arn: string): string {
  return arn.split(":")[1] ?? "aws";
}

/** Whether an ARN is a session of this role, with any session name. */
function isSessionOf({ account, arn }: AwsIdentity, wanted: AwsAccount, role: string): boolean {
  return account === wanted.accountId && arn.includes(`:assumed-role/${role}/`);
}

function isDenied(error: unknown): boolean {
  return error instanceof FleetError && error.code === "AssumeRoleDenied";
}

function isOfOurs(identity: AwsIdentity, account: AwsAccount): boolean {
  return [managementRoles, rolesIn(account)]
    .flatMap(({ full, reading }) => [full, reading])
    .some((role) => isSessionOf(identity, account, role));
}

function rolesIn(account: AwsAccount): RoleNames {
  return { full: iamRoleOf(account), reading: readOnlyRoleOf(account) };
}

/** A session of the management account's read-only role continues with the read-only roles of others. */
function isReadOnly(identity: AwsIdentity, fleet: AwsChainOptions["fleet"]): boolean {
  return isSessionOf(identity, managementOf(fleet, "aws", "AssumeRoleDenied"), managementRoles.reading);
}
