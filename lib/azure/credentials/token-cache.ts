import { statSync } from "node:fs";
import type { Choice } from "#lib/azure/credentials/choice.ts";
import { readPrivateFile } from "#lib/cloud/credential-cache.ts";

/** A token in a file that only its owner can read. */
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

type Variables = Readonly<Record<string, string>>;

/** The file for one tenant, scope and caller: what was fetched in one way is never taken for another. */
export function tokenPath(
  folder: string,
  { tenantId, scope }: { readonly tenantId: string; readonly scope: string },
  choice: Choice,
  variables: Variables,
): string {
  const { ARM_METADATA_HOSTNAME: host = "" } = variables;
  const parts = [tenantId.toLowerCase(), scope, host, ...identityOf(choice, variables)];
  const digest = new Bun.CryptoHasher("sha256").update(JSON.stringify(parts)).digest("hex");
  return `${folder}/${tenantId.toLowerCase()}-${digest.slice(0, 16)}.json`;
}

/** All that decides who acts. After another login of az, another token is fetched. */
function identityOf(choice: Choice, variables: Variables): readonly string[] {
  if (choice.kind !== "az") {
    const { GITHUB_RUN_ID: run = "" } = variables;
    return [...Object.values(choice), ...(choice.kind === "github" ? [run] : [])];
  }
  const { AZURE_CONFIG_DIR, HOME = "" } = variables;
  const folder = AZURE_CONFIG_DIR || `${HOME}/.azure`;
  return ["az", folder, String(statSync(`${folder}/azureProfile.json`, { throwIfNoEntry: false })?.mtimeMs)];
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
