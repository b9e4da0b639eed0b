import { AwsFault, type Cloud } from "#sandbox/aws/cloud.ts";
import {
  alreadyExists,
  formatTime,
  iamOf,
  limitExceeded,
  noSuchEntity,
  type OidcProvider,
} from "#sandbox/aws/iam/model.ts";
import { checkLength, checkTags } from "#sandbox/aws/iam/validation.ts";

export interface NewOidcProvider {
  /** With `https://`. */
  readonly url: string;
  readonly clientIds?: readonly string[] | undefined;
  /** Not needed for issuers that a public authority vouches for: then one is looked up. */
  readonly thumbprints?: readonly string[] | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

const maxClientIds = 100;
const maxThumbprints = 5;
/** Stands for the one that IAM would look up of the issuer's certificates. */
const lookedUpThumbprint = "0".repeat(40);

/** One per URL and account. @throws AwsFault EntityAlreadyExists, InvalidInput, LimitExceeded, ValidationError */
export function createOidcProvider(cloud: Cloud, account: string, input: NewOidcProvider): OidcProvider {
  const { clientIds = [], thumbprints = [], tags = {} } = input;
  checkLength("url", input.url, 1, 255);
  const url = parseUrl(input.url);
  checkTags(tags);
  checkClientIds(clientIds);
  if (thumbprints.length > maxThumbprints)
    throw limitExceeded(`Cannot exceed quota for ThumbprintsPerOpenIdConnectProvider: ${maxThumbprints}`);
  for (const thumbprint of thumbprints) {
    checkLength("thumbprintList", thumbprint, 40, 40);
    if (!/^[0-9a-fA-F]{40}$/.test(thumbprint)) throw new AwsFault("InvalidInput", "Invalid thumbprint");
  }
  const arn = oidcProviderArn(account, url);
  const { providers } = iamOf(cloud, account);
  if (providers[arn] !== undefined) throw alreadyExists(`Provider with url https://${url} already exists.`);
  return keep(cloud, account, {
    arn,
    url,
    clientIds,
    thumbprints: thumbprints.length === 0 ? [lookedUpThumbprint] : thumbprints,
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

export function listOidcProviders(cloud: Cloud, account: string): readonly OidcProvider[] {
  return Object.values(iamOf(cloud, account).providers);
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

/** Removing one that isn't there is no fault. @throws AwsFault NoSuchEntity */
export function removeClientId(cloud: Cloud, account: string, arn: string, clientId: string): OidcProvider {
  const provider = findOidcProvider(cloud, account, arn);
  return keep(cloud, account, { ...provider, clientIds: provider.clientIds.filter((id) => id !== clientId) });
}

/** @throws AwsFault NoSuchEntity, InvalidInput, LimitExceeded */
export function tagOidcProvider(
  cloud: Cloud,
  account: string,
  arn: string,
  tags: Readonly<Record<string, string>>,
): OidcProvider {
  const provider = findOidcProvider(cloud, account, arn);
  const all = { ...provider.tags, ...tags };
  checkTags(all);
  return keep(cloud, account, { ...provider, tags: all });
}

/** @throws AwsFault NoSuchEntity */
export function untagOidcProvider(cloud: Cloud, account: string, arn: string, keys: readonly string[]): OidcProvider {
  const provider = findOidcProvider(cloud, account, arn);
  const tags = Object.fromEntries(Object.entries(provider.tags).filter(([key]) => !keys.includes(key)));
  return keep(cloud, account, { ...provider, tags });
}
