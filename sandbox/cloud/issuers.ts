import type { JWK } from "jose";
import { type GithubIssuer, githubIssuer } from "#sandbox/cloud/github.ts";
import type { Slices } from "#sandbox/cloud/slices.ts";

/** A cloud that verifies tokens of other issuers. */
export interface VerifyingCloud extends Pick<Slices, "slice" | "save"> {
  readonly github: GithubIssuer;
}

interface IssuersState {
  /** By the issuer's URL without `https://`. */
  readonly keys: Record<string, readonly JWK[]>;
}

function issuersOf(cloud: VerifyingCloud): IssuersState {
  return cloud.slice("issuers", "public", "global", (): IssuersState => ({ keys: {} }));
}

/** Puts keys where the cloud looks them up: the sandbox has no internet to ask an issuer in. @param url without `https://` */
export function publishKeys(cloud: VerifyingCloud, url: string, keys: readonly JWK[]): void {
  issuersOf(cloud).keys[url] = keys;
  cloud.save();
}

/** Undefined for an issuer without published keys. @param url without `https://` */
export function tryFindKeys(cloud: VerifyingCloud, url: string): readonly JWK[] | undefined {
  return url === githubIssuer ? [cloud.github.publicKey()] : issuersOf(cloud).keys[url];
}
