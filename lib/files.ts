import { randomBytes } from "node:crypto";
import { chmod, mkdir, open, readFile, rename, rm, rmdir } from "node:fs/promises";
import { dirname } from "node:path";
import { refuseIgnoredModes } from "#lib/file-modes.ts";

/**
 * Writes a file that holds credentials: mode 0600 in a folder of mode 0700, whole or not at all.
 *
 * @param setting the variable that moves the file elsewhere
 * @throws FleetError ModesIgnored, before anything secret is written
 */
export async function writePrivateFile(path: string, text: string, setting?: string): Promise<void> {
  await writeWholeFile(path, text, 0o600, (mode) => refuseIgnoredModes(mode, path, setting));
}

/** Written beside its place, flushed, renamed: there is never half a file. `check` gets the mode that the new file has. */
export async function writeWholeFile(
  path: string,
  text: string,
  mode: number,
  check: (mode: number) => void = () => undefined,
): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}-${randomBytes(4).toString("hex")}.tmp`;
  try {
    const file = await open(temporary, "wx", mode);
    try {
      // The mode that open gives is cut by the umask, never widened; this makes it exact.
      await file.chmod(mode).catch((error: unknown) => {
        if (!isErrno(error, "EPERM", "ENOTSUP", "ENOSYS")) throw error;
      });
      check((await file.stat()).mode);
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Text of a file, undefined when there is none. */
export async function tryReadText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Removes a folder if nothing is in it. */
export async function removeEmptyFolder(path: string): Promise<void> {
  try {
    await rmdir(path);
  } catch (error) {
    if (!isErrno(error, "ENOENT", "ENOTEMPTY", "EEXIST")) throw error;
  }
}

/** Makes a file readable by its owner alone. */
export async function makePrivate(path: string): Promise<void> {
  await chmod(path, 0o600);
}

export function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}
