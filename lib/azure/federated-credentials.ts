import { retryWhileBusy } from "#lib/azure/arm-resource.ts";
import type { ArmResource } from "#lib/azure/clients.ts";
import type { AzureAccount } from "#lib/azure/fleet/types.ts";
import type { IdentityState } from "#lib/azure/identity.ts";
import type { AzureWorld } from "#lib/azure/world.ts";
import { FleetError } from "#lib/errors.ts";
import type { AnyResource, Change, Observed, Outputs, Resource } from "#lib/graph/resource.ts";

/** Whose tokens Entra exchanges for those of an identity. All three are compared to the letter. */
export interface FederatedCredential {
  readonly issuer: string;
  readonly subject: string;
  readonly audience: string;
}

export interface FederatedCredentialsOptions {
  readonly id: string;
  readonly title: string;
  /** @default "federated credentials" */
  readonly label?: string;
  /** Beside the identity. @default none */
  readonly needs?: readonly AnyResource[];
  readonly account: AzureAccount;
  readonly identity: Resource<IdentityState>;
  readonly credentials: (outputs: Outputs) => readonly FederatedCredential[];
}

/** All credentials of one identity. */
export interface FederatedCredentialsState {
  readonly found: readonly FoundCredential[];
}

interface FoundCredential extends FederatedCredential {
  readonly azureId: string;
}

/** What Entra asks of every token that it exchanges. */
const audience = "api://AzureADTokenExchange";
const githubIssuer = "https://token.actions.githubusercontent.com";
/** https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations */
const mostCredentials = 20;
const longestName = 120;
/** Azure takes one write in four seconds for each identity. */
const timeoutMs = 10 * 60_000;

/** The jobs of GitHub with these subjects. */
export function githubCredentials(subjects: readonly string[]): readonly FederatedCredential[] {
  return subjects.map((subject) => ({ issuer: githubIssuer, subject, audience }));
}

/**
 * A service account of an AKS cluster.
 *
 * @param issuer as AKS names it: it ends in a slash
 * @throws FleetError AzureFailed for an issuer that no token of AKS has: https://github.com/Azure/azure-workload-identity/issues/977
 */
export function workloadCredential(issuer: string, namespace: string, account: string): FederatedCredential {
  if (!issuer.endsWith("/")) {
    throw new FleetError("AzureFailed", `the issuer ${issuer} of the cluster has no slash at its end`, {
      hint: "az aks show --query oidcIssuerProfile.issuerUrl shows the issuer to the letter",
    });
  }
  return { issuer, subject: `system:serviceaccount:${namespace}:${account}`, audience };
}

/**
 * The federated credentials of an identity: exactly those that are wanted. Azure refuses two writes at once on one identity, so they are
 * written one after the other.
 */
export function federatedCredentials({
  label = "federated credentials",
  needs = [],
  ...options
}: FederatedCredentialsOptions): Resource<FederatedCredentialsState, AzureWorld> {
  const { id, title, identity, credentials } = options;
  return {
    id,
    title,
    label,
    row: identity.row,
    lane: "api",
    needs: [identity, ...needs],
    goesWith: identity,
    observe: (world, outputs) => observe(world, outputs, options),
    diff: (state, outputs) => compare(state, credentials(outputs)),
    ensure: (world, _observed, outputs) => ensure(world, outputs, options),
    async remove(world, observed) {
      const found = observed.kind === "present" ? observed.state.found : [];
      for (const one of found) await removeOne(world, one, options);
      return { kind: "removed" };
    },
    health: ({ found }) => ({ kind: "healthy", summary: found.length === 1 ? "1" : String(found.length) }),
  };
}

async function observe(
  world: AzureWorld,
  outputs: Outputs,
  options: FederatedCredentialsOptions,
): Promise<Observed<FederatedCredentialsState>> {
  const identity = outputs.find(options.identity);
  const found = identity === undefined ? [] : await list(world, identity, options);
  return found.length === 0 ? { kind: "absent" } : { kind: "present", state: { found } };
}

async function list(
  world: AzureWorld,
  { id }: Pick<IdentityState, "id">,
  { account }: FederatedCredentialsOptions,
): Promise<readonly FoundCredential[]> {
  return (await world.azure.arm(account).list(world, collectionOf(id))).map(readCredential);
}

function collectionOf(identity: string): string {
  return `${identity}/federatedIdentityCredentials`;
}

function readCredential({ id, properties = {} }: ArmResource): FoundCredential {
  const { issuer, subject, audiences } = properties;
  const all = Array.isArray(audiences) ? audiences.map(String) : [];
  return { azureId: id, issuer: String(issuer), subject: String(subject), audience: all.join(" ") };
}

function compare({ found }: FederatedCredentialsState, wanted: readonly FederatedCredential[]): readonly Change[] {
  const from = found.map(format).toSorted();
  const to = wanted.map(format).toSorted();
  return from.join("\n") === to.join("\n") ? [] : [{ field: "credentials", from, to, effect: "in-place" }];
}

function format({ issuer, subject, audience: for_ }: FederatedCredential): string {
  return `${subject} of ${issuer}${for_ === audience ? "" : ` for ${for_}`}`;
}

async function ensure(
  world: AzureWorld,
  outputs: Outputs,
  options: FederatedCredentialsOptions,
): Promise<FederatedCredentialsState> {
  const identity = outputs.of(options.identity);
  const wanted = options.credentials(outputs);
  const found = await list(world, identity, options);
  const missing = wanted.filter((one) => !found.some((other) => format(other) === format(one)));
  const unwanted = found.filter((one) => !wanted.some((other) => format(other) === format(one)));
  // Jobs keep their access until its replacement exists, as long as there is room for both.
  let count = found.length;
  const take = (fits: (one: FoundCredential) => boolean): FoundCredential | undefined => {
    const at = unwanted.findIndex(fits);
    return at < 0 ? undefined : unwanted.splice(at, 1)[0];
  };
  for (const one of missing) {
    const overwritten = take(({ azureId }) => azureId.split("/").at(-1) === nameOf(one));
    if (overwritten === undefined) count++;
    const isFull = count > mostCredentials;
    const same = take(({ issuer, subject }) => issuer === one.issuer && subject === one.subject);
    const obstacle = same ?? (isFull ? take(() => true) : undefined);
    if (obstacle !== undefined) await removeOne(world, obstacle, options);
    if (obstacle !== undefined) count--;
    await write(world, identity, one, options);
  }
  for (const one of unwanted) await removeOne(world, one, options);
  return { found: await list(world, identity, options) };
}

async function write(
  world: AzureWorld,
  { id }: IdentityState,
  one: FederatedCredential,
  { account }: FederatedCredentialsOptions,
): Promise<void> {
  world.progress(`writing the credential of ${one.subject}`);
  const arm = world.azure.arm(account);
  const properties = { issuer: one.issuer, subject: one.subject, audiences: [one.audience] };
  await retryWhileBusy(world, { timeoutMs }, () =>
    arm.put(world, `${collectionOf(id)}/${nameOf(one)}`, { properties }),
  );
}

async function removeOne(
  world: AzureWorld,
  { azureId, subject }: FoundCredential,
  { account }: FederatedCredentialsOptions,
): Promise<void> {
  world.progress(`deleting the credential of ${subject}`);
  const arm = world.azure.arm(account);
  await retryWhileBusy(world, { timeoutMs }, () => arm.remove(world, azureId));
}

/** Readable, and unique by its hash: Azure allows letters, digits, `-` and `_`. */
function nameOf(one: FederatedCredential): string {
  const hash = new Bun.CryptoHasher("sha256").update(format(one)).digest("hex").slice(0, 8);
  const readable = one.subject.replaceAll(/[^A-Za-z0-9]+/g, "-").slice(0, longestName - hash.length - 1);
  return `${readable}-${hash}`;
}
