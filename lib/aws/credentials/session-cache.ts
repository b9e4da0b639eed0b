import { readPrivateFile } from "#lib/cloud/credential-cache.ts";
import { FleetError } from "#lib/errors.ts";

/** Whose session a file holds: nothing that was fetched in one way is ever taken for another. */
export interface SessionKey {
  /** Twelve digits. */
  readonly accountId: string;
  /** ARN of the role. */
  readonly role: string;
  /** An emulator on this computer that gave it. @default AWS itself */
  readonly endpoint?: string | undefined;
}

export interface CachedSession {
  /** The identity that STS returned. */
  readonly arn: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | undefined;
  /** Milliseconds since 1970; infinity if unknown. */
  readonly expiresMs: number;
}

export function sessionPath(folder: string, { accountId, role, endpoint = "" }: SessionKey): string {
  const digest = new Bun.CryptoHasher("sha256").update(`${role}\n${endpoint}`).digest("hex");
  return `${folder}/${accountId}-${digest.slice(0, 16)}.json`;
}

/** A session from the cache. */
export interface KeptSession extends CachedSession {
  /** When it was written, in milliseconds since 1970. */
  readonly keptMs: number;
}

/** The cached session, however old. @throws FleetError CacheUnsafe, WrongIdentity */
export function readSession(folder: string, key: SessionKey): KeptSession | undefined {
  const cached = readPrivateFile(folder, sessionPath(folder, key));
  const session = cached === undefined ? undefined : parseSession(cached.text, key);
  return cached === undefined || session === undefined ? undefined : { ...session, keptMs: cached.keptMs };
}

export function formatSession(key: SessionKey, session: CachedSession): string {
  return `${JSON.stringify({ ...key, ...session })}\n`;
}

function parseSession(text: string, key: SessionKey): CachedSession | undefined {
  const found = tryParse(text);
  if (!isSession(found)) return undefined;
  refuseOtherIdentity(found.arn, key);
  const { arn, accessKeyId, secretAccessKey, sessionToken, expiresMs } = found;
  return { arn, accessKeyId, secretAccessKey, sessionToken, expiresMs };
}

/**
 * The ARN must be of a session of the role, in its account and partition.
 *
 * @throws FleetError WrongAccount, WrongIdentity
 */
export function refuseOtherIdentity(arn: string, { accountId, role }: SessionKey): void {
  const [, partition, , , , path = ""] = role.split(":");
  const [, foundPartition, , , foundAccount = "", session = ""] = arn.split(":");
  if (foundAccount !== accountId) {
    throw new FleetError("WrongAccount", `credentials are for ${foundAccount}, the kubeconfig says ${accountId}`, {
      hint: "log in to the right account: the task whoami shows each step",
    });
  }
  // The path of a role is no part of the ARN of its sessions.
  const name = path.split("/").at(-1) ?? "";
  if (foundPartition === partition && session.startsWith(`assumed-role/${name}/`)) return;
  throw new FleetError("WrongIdentity", `credentials are of ${arn}, the kubeconfig wants ${role}`, {
    hint: "run create again: it writes a new kubeconfig. The task whoami shows the identity",
  });
}

function isSession(found: unknown): found is CachedSession {
  const { arn, accessKeyId, secretAccessKey, sessionToken, expiresMs } = (found ?? {}) as Partial<CachedSession>;
  const texts = [arn, accessKeyId, secretAccessKey, sessionToken ?? ""];
  return texts.every((text) => typeof text === "string") && typeof expiresMs === "number";
}

function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
