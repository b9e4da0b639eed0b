import { chmod, mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isErrno } from "#lib/files.ts";
import type { GeneratedFiles } from "#lib/generate/files.ts";
import { type GeneratedFile, generatedMark } from "#lib/render/generator.ts";

/** A task's header has one line for each option before the mark. */
const headLength = 8_000;

/**
 * Updates the files below `root` and returns the paths of changed and removed files. `check` changes
 * nothing.
 */
export async function writeFiles(
  root: string,
  { files, folders }: GeneratedFiles,
  { check = false }: { readonly check?: boolean } = {},
): Promise<readonly string[]> {
  const stale = await filter(files, async (file) => !(await isCurrent(root, file)));
  const gone = await findGone(root, folders, new Set(files.map(({ path }) => path)));
  if (!check) {
    for (const file of stale) await write(root, file);
    for (const path of gone) await rm(join(root, path), { force: true });
  }
  return [...stale.map(({ path }) => path), ...gone].sort();
}

async function isCurrent(root: string, { path, content, mode }: GeneratedFile): Promise<boolean> {
  const file = Bun.file(join(root, path));
  if (!(await file.exists()) || (await file.text()) !== content) return false;
  // only the executable bit: the others depend on the umask
  return (((await stat(join(root, path))).mode ^ mode) & 0o100) === 0;
}

/** Atomic, so that nobody reads an incomplete file. */
async function write(root: string, { path, content, mode }: GeneratedFile): Promise<void> {
  const target = join(root, path);
  await mkdir(dirname(target), { recursive: true });
  const draft = `${target}.new`;
  await Bun.write(draft, content);
  await chmod(draft, mode);
  await rename(draft, target);
}

/** Outdated files: in a generator's folder, with the generated mark, and no longer generated. */
async function findGone(
  root: string,
  folders: readonly string[],
  current: ReadonlySet<string>,
): Promise<readonly string[]> {
  const paths = (await Promise.all(folders.map((folder) => list(root, folder)))).flat();
  return await filter(paths, async (path) => !current.has(path) && (await isMarked(join(root, path))));
}

async function list(root: string, folder: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}

async function isMarked(path: string): Promise<boolean> {
  return (await Bun.file(path).slice(0, headLength).text()).includes(generatedMark);
}

async function filter<Item>(items: readonly Item[], keep: (item: Item) => Promise<boolean>): Promise<readonly Item[]> {
  const kept = await Promise.all(items.map(keep));
  return items.filter((_, index) => kept[index] === true);
}
