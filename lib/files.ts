import { chmod, mkdir, open, readFile, rename, rm, rmdir } from "node:fs/promises";
import { dirname } from "node:path";
import { refuseIgnoredModes } from "#lib/file-modes.ts";

/**
 * Writes a file with credentials atomically: mode 0600, in a folder of mode 0700.
 *
 * @param setting the variable that changes the file's location
 * @throws FleetError ModesIgnored, before anything secret is written
 */
export async function writePrivateFile(path: string, text: string, setting?: string): Promise<void> {
  await writeWholeFile(path, text, 0o600, (mode) => refuseIgnoredModes(mode, path, setting));
}

/** Writes atomically: a temporary file next to it, flushed and renamed. `check` gets the mode of the new file. */
export async function writeWholeFile(
  path: string,
  text: string,
  mode: number,
  check: (mode: number) => void = () => undefined,
): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}-${crypto.randomUUID()}.tmp`;
  try {
    const file = await open(temporary, "wx", mode);
    try {
      // The umask removes bits from the mode given to open; this sets the exact mode.
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

/** Text of a file, undefined if it does not exist. */
export async function tryReadText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Removes a folder if it is empty. */
export async function removeEmptyFolder(path: string): Promise<void> {
  try {
    await rmdir(path);
  } catch (error) {
    if (!isErrno(error, "ENOENT", "ENOTEMPTY", "EEXIST")) throw error;
  }
}

/** Makes a file readable only by its owner. */
export async function makePrivate(path: string): Promise<void> {
  await chmod(path, 0o600);
}

export function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}
