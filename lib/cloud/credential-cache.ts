import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { FleetError, isDiskFault } from "#lib/errors.ts";
import { modeOfNewFile, refuseIgnoredModes } from "#lib/file-modes.ts";
import { quoteForShell } from "#lib/shell-words.ts";

export interface CachedFile {
  readonly text: string;
  /** When it was written, in milliseconds since 1970. */
  readonly keptMs: number;
}

/**
 * A file of cached credentials; undefined if it is missing or unreadable. Synchronous, because kubectl waits for the whole process.
 *
 * @throws FleetError CacheUnsafe if the file or its folder is accessible to others
 */
export function readPrivateFile(folder: string, path: string): CachedFile | undefined {
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
    return { text: readFileSync(file, "utf8"), keptMs: stats.mtimeMs };
  } catch (error) {
    return ignoreFault(error);
  } finally {
    closeSync(file);
  }
}

/**
 * Writes a file that readPrivateFile() reads, if the disk takes it and keeps its mode. Not flushed: what a power loss damages is fetched
 * again.
 */
export function tryWritePrivateFile(path: string, text: string): void {
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const file = openSync(temporary, "wx", 0o600);
    try {
      refuseIgnoredModes(fstatSync(file).mode, path);
      writeFileSync(file, text);
      renameSync(temporary, path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (!isDiskFault(error)) throw error;
  }
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
    hint: `rm -r ${quoteForShell(path)}   (they are fetched again)`,
  });
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
