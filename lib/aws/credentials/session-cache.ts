import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, type Stats } from "node:fs";
import { FleetError, isDiskFault } from "#lib/errors.ts";
import { modeOfNewFile, refuseIgnoredModes } from "#lib/file-modes.ts";

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

/**
 * What is cached, however old; undefined when there is nothing, or nothing that can be read. Reads without waiting, because
 * kubectl waits for the whole process.
 *
 * @throws FleetError CacheUnsafe, WrongIdentity
 */
export function readSession(folder: string, key: SessionKey): KeptSession | undefined {
  const path = sessionPath(folder, key);
  let file: number;
  try {
    const stats = lstatSync(folder);
    if (!stats.isDirectory()) return undefined;
    refuseShared(stats, folder);
    // Symbolic links are not followed: the target may belong to another user.
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (hasCode(error, "ELOOP")) throw unsafe(path, "is a link");
    return ignoreFault(error);
  }
  try {
    const stats = fstatSync(file);
    refuseShared(stats, path);
    const session = parseSession(readFileSync(file, "utf8"), key);
    return session === undefined ? undefined : { ...session, keptMs: stats.mtimeMs };
  } catch (error) {
    return ignoreFault(error);
  } finally {
    closeSync(file);
  }
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

/** Missing, unreadable, or on a file system without permissions: there is no cache. */
function ignoreFault(error: unknown): undefined {
  if (hasCode(error, "ENOENT") || isDiskFault(error)) return undefined;
  throw error;
}

/** Files and folders must be owned by this user and writable by nobody else. */
function refuseShared(stats: Stats, path: string): void {
  const own = process.getuid?.() ?? stats.uid;
  if (stats.uid !== own) throw unsafe(path, `belongs to user ${stats.uid}`);
  if ((stats.mode & 0o077) === 0) return;
  refuseIgnoredModes(modeOfNewFile(path), path);
  throw unsafe(path, `has mode 0${(stats.mode & 0o777).toString(8)}`);
}

function unsafe(path: string, what: string): FleetError {
  return new FleetError("CacheUnsafe", `${path} ${what}: cached credentials must be readable by their owner alone`, {
    hint: `rm -r '${path.replaceAll("'", "'\\''")}'   (they are fetched again)`,
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

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
