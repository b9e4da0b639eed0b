import type { GetOpenIDConnectProviderResponse, IAM, Role } from "@aws-sdk/client-iam";
import { type ClientCalls, clientCalls } from "#lib/aws/client-calls.ts";
import type { AwsActor } from "#lib/aws/clients.ts";
import { isAwsError } from "#lib/aws/explain.ts";
import type { AwsAccount } from "#lib/aws/fleet/types.ts";
import { formatTags, parseTags } from "#lib/aws/tags.ts";
import type { AwsWorld } from "#lib/aws/world.ts";
import { isOfFleet, type Tags } from "#lib/cloud/ownership.ts";
import { FleetError } from "#lib/errors.ts";
import type { AnyResource, Change, Health, Observed, Removal, Resource, RowRef } from "#lib/graph/resource.ts";

export interface OidcProviderOptions {
  readonly id: string;
  readonly title: string;
  readonly row: RowRef;
  /** Where the role is that GitHub's jobs come in by. */
  readonly account: AwsAccount;
  readonly needs: readonly AnyResource[];
  /** Of a provider that we make: `project`, `fleet` and more. */
  readonly tags: Tags;
  /** Names of this fleet's roles that trust it, and that go before it. */
  readonly roles: readonly string[];
  /** Like `Resource`. @default a delete removes it */
  readonly keptOnDelete?: string;
}

export interface OidcProviderState {
  readonly arn: string;
  /** Created by this fleet, so a delete may remove it. */
  readonly ours: boolean;
  /** Whom tokens may be for. */
  readonly audiences: readonly string[];
  /** False if it can't be read: then it is assumed correct, because the management role exists. */
  readonly seen: boolean;
}

const host = "token.actions.githubusercontent.com";
/** What GitHub's official action asks its token for; trust policies hold it to that. */
const audience = "sts.amazonaws.com";

type IamCalls = ClientCalls<IAM>;

/**
 * GitHub's identity provider of an account. IAM allows only one per account: an existing one is used
 * is, and stays. IAM checks GitHub's certificate by its own list of authorities, so that there are no thumbprints to pin.
 */
export function oidcProvider(options: OidcProviderOptions): Resource<OidcProviderState, AwsWorld> {
  const actor: AwsActor = { account: options.account, as: "administrator" };
  return {
    id: options.id,
    title: options.title,
    label: "GitHub's identity provider",
    row: options.row,
    lane: "api",
    needs: options.needs,
    ...(options.keptOnDelete === undefined ? {} : { keptOnDelete: options.keptOnDelete }),
    observe: (world) => observe(world, actor, options),
    diff: compare,
    async ensure(world, observed) {
      if (observed.kind === "present") return await addAudience(world, actor, observed.state);
      if (observed.kind !== "absent") throw new FleetError("StillBusy", observed.why);
      return await make(world, actor, options);
    },
    remove: (world, observed) => remove(world, actor, observed, options),
    health,
  };
}

async function observe(
  world: AwsWorld,
  actor: AwsActor,
  options: OidcProviderOptions,
): Promise<Observed<OidcProviderState>> {
  if ((await world.aws.findAdministrator(actor.account)) === undefined) {
    // A session of the management role can't read IAM. The role's existence implies the provider.
    const arn = await arnOf(world, { ...actor, as: "management" });
    return { kind: "present", state: { arn, ours: false, audiences: [audience], seen: false } };
  }
  const arn = await arnOf(world, actor);
  const found = await find(await openIam(world, actor), arn);
  return found === undefined ? { kind: "absent" } : { kind: "present", state: parse(arn, found, options) };
}

async function openIam(world: AwsWorld, actor: AwsActor): Promise<IamCalls> {
  return clientCalls(world, actor, await world.aws.iam(actor));
}

async function arnOf(world: AwsWorld, actor: AwsActor): Promise<string> {
  const { identity } = await world.aws.session(actor);
  const [, partition = "aws"] = identity.arn.split(":");
  return `arn:${partition}:iam::${actor.account.accountId}:oidc-provider/${host}`;
}

async function find(call: IamCalls, arn: string): Promise<GetOpenIDConnectProviderResponse | undefined> {
  try {
    return await call("reading GitHub's identity provider", (iam, options) =>
      iam.getOpenIDConnectProvider({ OpenIDConnectProviderArn: arn }, options),
    );
  } catch (error) {
    if (isAwsError(error, "NoSuchEntityException")) return undefined;
    throw error;
  }
}

function parse(arn: string, found: GetOpenIDConnectProviderResponse, { tags }: OidcProviderOptions): OidcProviderState {
  const { ClientIDList = [], Tags } = found;
  return { arn, ours: isOfFleet(parseTags(Tags), tags), audiences: [...ClientIDList].sort(), seen: true };
}

function compare({ audiences }: OidcProviderState): readonly Change[] {
  if (audiences.includes(audience)) return [];
  return [{ field: "audiences", from: audiences, to: [...audiences, audience].sort(), effect: "in-place" }];
}

async function make(world: AwsWorld, actor: AwsActor, options: OidcProviderOptions): Promise<OidcProviderState> {
  const call = await openIam(world, actor);
  const arn = await arnOf(world, actor);
  try {
    await call("making GitHub's identity provider", (iam, http) =>
      iam.createOpenIDConnectProvider(
        { Url: `https://${host}`, ClientIDList: [audience], Tags: formatTags(options.tags) },
        http,
      ),
    );
    return { arn, ours: true, audiences: [audience], seen: true };
  } catch (error) {
    const exists = isAwsError(error, "EntityAlreadyExistsException");
    const found = exists ? await find(call, arn) : undefined;
    // Another fleet of the account, or an answer that was lost.
    if (found !== undefined) return await addAudience(world, actor, parse(arn, found, options));
    throw error;
  }
}

async function addAudience(world: AwsWorld, actor: AwsActor, state: OidcProviderState): Promise<OidcProviderState> {
  if (state.audiences.includes(audience)) return state;
  const call = await openIam(world, actor);
  await call("adding an audience to GitHub's identity provider", (iam, options) =>
    iam.addClientIDToOpenIDConnectProvider({ OpenIDConnectProviderArn: state.arn, ClientID: audience }, options),
  );
  return { ...state, audiences: [...state.audiences, audience].sort() };
}

async function remove(
  world: AwsWorld,
  actor: AwsActor,
  observed: Observed<OidcProviderState>,
  { roles }: OidcProviderOptions,
): Promise<Removal> {
  if (observed.kind !== "present") return { kind: "removed" };
  const { arn, ours, seen } = observed.state;
  if (!seen) return { kind: "kept", why: `no administrator credentials for ${actor.account.name}` };
  if (!ours) return { kind: "kept", why: "this fleet did not make it" };
  const call = await openIam(world, actor);
  const users = (await listTrusting(call, arn)).filter((name) => !roles.includes(name));
  if (users.length > 0) return { kind: "kept", why: `other roles trust it: ${users.join(", ")}` };
  try {
    await call("deleting GitHub's identity provider", (iam, options) =>
      iam.deleteOpenIDConnectProvider({ OpenIDConnectProviderArn: arn }, options),
    );
  } catch (error) {
    if (!isAwsError(error, "NoSuchEntityException")) throw error;
  }
  return { kind: "removed" };
}

/** Names of the account's roles that trust the provider. */
async function listTrusting(call: IamCalls, arn: string): Promise<readonly string[]> {
  const trusting: string[] = [];
  let marker: string | undefined;
  do {
    const start = marker === undefined ? {} : { Marker: marker };
    const page = await call("listing the roles of the account", (iam, options) => iam.listRoles(start, options));
    for (const role of page.Roles ?? []) if (trusts(role, arn)) trusting.push(role.RoleName ?? "");
    marker = page.IsTruncated === true ? page.Marker : undefined;
  } while (marker !== undefined);
  return trusting.sort();
}

/** An unreadable document counts as trust. */
function trusts({ AssumeRolePolicyDocument: encoded = "" }: Role, arn: string): boolean {
  const document = tryParse(encoded);
  if (document === undefined) return true;
  const statements = [document.Statement ?? []].flat();
  return statements.some(({ Principal: principal }) => {
    if (typeof principal !== "object") return false;
    return [principal.Federated ?? []].flat().some((federated) => federated === arn || federated === host);
  });
}

interface TrustStatement {
  readonly Principal?: string | { readonly Federated?: string | readonly string[] };
}

/** IAM gives documents as they stand in a URL. */
function tryParse(encoded: string): { readonly Statement?: TrustStatement | readonly TrustStatement[] } | undefined {
  try {
    return JSON.parse(decodeURIComponent(encoded));
  } catch {
    return undefined;
  }
}

function health({ audiences, ours, seen }: OidcProviderState): Health {
  if (!seen) return { kind: "healthy", summary: "not looked at: that takes an administrator of the account" };
  if (!audiences.includes(audience)) return { kind: "degraded", summary: `does not know the audience ${audience}` };
  return { kind: "healthy", summary: ours ? "exists" : "exists, created by others" };
}
