import { AwsFault, type Cloud } from "#sandbox/aws/cloud.ts";
import {
  alreadyExists,
  formatTime,
  iamOf,
  limitExceeded,
  noSuchEntity,
  type OidcProvider,
} from "#sandbox/aws/iam/model.ts";
import { checkTags } from "#sandbox/aws/iam/validation.ts";
import { checkLength } from "#sandbox/aws/protocol/constraints.ts";

export interface NewOidcProvider {
  /** With `https://`. */
  readonly url: string;
  readonly clientIds?: readonly string[] | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

const maxClientIds = 100;
/** Stands for the one that IAM would look up of the issuer's certificates. */
const lookedUpThumbprint = "0".repeat(40);

/** One per URL and account. @throws AwsFault EntityAlreadyExists, InvalidInput, LimitExceeded, ValidationError */
export function createOidcProvider(cloud: Cloud, account: string, input: NewOidcProvider): OidcProvider {
  const { clientIds = [], tags = {} } = input;
  checkLength("url", input.url, 1, 255);
  const url = parseUrl(input.url);
  checkTags(tags);
  checkClientIds(clientIds);
  const arn = oidcProviderArn(account, url);
  const { providers } = iamOf(cloud, account);
  if (providers[arn] !== undefined) throw alreadyExists(`Provider with url https://${url} already exists.`);
  return keep(cloud, account, {
    arn,
    url,
    clientIds,
    thumbprints: [lookedUpThumbprint],
    created: formatTime(cloud.now()),
    tags,
  });
}

/** @param url without `https://` */
export function oidcProviderArn(account: string, url: string): string {
  return `arn:aws:iam::${account}:oidc-provider/${url}`;
}

function parseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = url !== undefined && url.search === "" && url.hash === "" && url.port === "" && url.username === "";
  if (!isPlain || url.protocol !== "https:") {
    throw new AwsFault("ValidationError", "Invalid Open ID Connect Provider URL");
  }
  return text.slice("https://".length);
}

function checkClientIds(clientIds: readonly string[]): void {
  for (const id of clientIds) checkLength("clientIDList", id, 1, 255);
  if (clientIds.length > maxClientIds) {
    throw limitExceeded(`Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: ${maxClientIds}`);
  }
}

function keep(cloud: Cloud, account: string, provider: OidcProvider): OidcProvider {
  iamOf(cloud, account).providers[provider.arn] = provider;
  cloud.save();
  return provider;
}

/** @throws AwsFault NoSuchEntity */
export function findOidcProvider(cloud: Cloud, account: string, arn: string): OidcProvider {
  const found = iamOf(cloud, account).providers[arn];
  if (found === undefined) throw noSuchEntity(`OpenIDConnect Provider not found for arn ${arn}`);
  return found;
}

/** Deleting one that isn't there is a fault of its own. @throws AwsFault NoSuchEntity */
export function deleteOidcProvider(cloud: Cloud, account: string, arn: string): void {
  findOidcProvider(cloud, account, arn);
  delete iamOf(cloud, account).providers[arn];
  cloud.save();
}

/** Adding twice is no fault. @throws AwsFault NoSuchEntity, LimitExceeded */
export function addClientId(cloud: Cloud, account: string, arn: string, clientId: string): OidcProvider {
  const provider = findOidcProvider(cloud, account, arn);
  const clientIds = [...new Set([...provider.clientIds, clientId])];
  checkClientIds(clientIds);
  return keep(cloud, account, { ...provider, clientIds });
}
