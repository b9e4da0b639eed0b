import { readFileSync } from "node:fs";
import { tryWritePrivateFile } from "#lib/cloud/credential-cache.ts";

/** A client process that got a token. */
export interface TokenAsker {
  readonly pid: number;
  /** Name of the cluster in its cloud. */
  readonly cluster: string;
  /** Expiry of its token: milliseconds since 1970. */
  readonly expiresMs: number;
}

/** More clients than one person runs at once. */
const longest = 16;

/**
 * Does this client have a valid token for the cluster? Clients keep a token until it expires or an API server answers 401,
 * and tell the plugin neither: an early request may mean that the token was rejected. `kubectl apply` requests two anyway.
 */
function hasGoodToken(path: string, { pid, cluster }: Omit<TokenAsker, "expiresMs">, now: number): boolean {
  return readAskers(path).some((one) => one.pid === pid && one.cluster === cluster && one.expiresMs > now);
}

/** Newer credentials are trusted: what was valid a moment ago is not the cause of a refusal. */
const doubtAfterMs = 60_000;

/**
 * Whether a cluster has rejected cached credentials, or may have.
 *
 * @param said of `refusedVariable`: `1` or `0` if the client tells, empty if it doesn't
 */
export function isDoubted(
  keptMs: number,
  said: string,
  path: string,
  asker: Omit<TokenAsker, "expiresMs">,
  now: number,
): boolean {
  if (now - keptMs <= doubtAfterMs) return false;
  return said === "" ? hasGoodToken(path, asker, now) : said === "1";
}

/** Records the last clients. Write errors are ignored: kubectl gets its token anyway. */
export function rememberAsker(path: string, asker: TokenAsker): void {
  const others = readAskers(path).filter(({ pid, cluster }) => pid !== asker.pid || cluster !== asker.cluster);
  const lines = [...others, asker].slice(-longest).map((one) => `${one.pid} ${one.cluster} ${one.expiresMs}\n`);
  try {
    tryWritePrivateFile(path, lines.join(""));
  } catch {
    // No secret is in it.
  }
}

function readAskers(path: string): readonly TokenAsker[] {
  const lines = tryRead(path).split("\n");
  return lines.flatMap((line) => {
    const [, pid = "", cluster = "", expires = ""] = /^(\d+) ([\w-]+) (\d+)$/.exec(line) ?? [];
    return cluster === "" ? [] : [{ pid: Number(pid), cluster, expiresMs: Number(expires) }];
  });
}

function tryRead(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
