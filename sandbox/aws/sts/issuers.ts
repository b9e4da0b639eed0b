import type { JWK } from "jose";
import type { Cloud } from "#sandbox/aws/cloud.ts";

interface IssuersState {
  /** By the issuer's URL without `https://`. */
  readonly keys: Record<string, readonly JWK[]>;
}

function issuersOf(cloud: Cloud): IssuersState {
  return cloud.slice("issuers", "public", "global", (): IssuersState => ({ keys: {} }));
}

/** Puts keys where STS looks them up: the sandbox has no internet to ask an issuer in. @param url without `https://` */
export function publishKeys(cloud: Cloud, url: string, keys: readonly JWK[]): void {
  issuersOf(cloud).keys[url] = keys;
  cloud.save();
}

/** Undefined for an issuer without published keys. @param url without `https://` */
export function tryFindKeys(cloud: Cloud, url: string): readonly JWK[] | undefined {
  return issuersOf(cloud).keys[url];
}
