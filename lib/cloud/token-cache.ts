import { readPrivateFile } from "#lib/cloud/credential-cache.ts";

/** A bearer token in a file that only its owner can read. */
export interface CachedToken {
  readonly token: string;
  /** Milliseconds since 1970. */
  readonly expiresMs: number;
}

/** A token from the cache. */
export interface KeptToken extends CachedToken {
  /** When it was written, in milliseconds since 1970. */
  readonly keptMs: number;
}

/** The file for one purpose and caller: what was fetched in one way is never taken for another. @param parts all that decides whose token it is */
export function tokenPath(folder: string, name: string, parts: readonly string[]): string {
  const digest = new Bun.CryptoHasher("sha256").update(JSON.stringify(parts)).digest("hex");
  return `${folder}/${name}-${digest.slice(0, 16)}.json`;
}

/** The cached token, however old. @throws FleetError CacheUnsafe */
export function readToken(folder: string, path: string): KeptToken | undefined {
  const cached = readPrivateFile(folder, path);
  const found = cached === undefined ? undefined : tryParse(cached.text);
  return cached === undefined || found === undefined ? undefined : { ...found, keptMs: cached.keptMs };
}

export function formatToken(token: CachedToken): string {
  return `${JSON.stringify(token)}\n`;
}

function tryParse(text: string): CachedToken | undefined {
  try {
    const { token, expiresMs } = JSON.parse(text) as Partial<CachedToken>;
    return typeof token === "string" && typeof expiresMs === "number" ? { token, expiresMs } : undefined;
  } catch {
    return undefined;
  }
}
