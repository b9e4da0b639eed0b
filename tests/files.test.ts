import { describe, expect, test } from "bun:test";
import { chmod, mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { refuseIgnoredModes } from "#lib/file-modes.ts";
import { isErrno, makePrivate, removeEmptyFolder, tryReadText, writePrivateFile } from "#lib/files.ts";
import { withFolder } from "#tests/support/processes.ts";

const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;

describe("a private file", () => {
  test("can be read by its owner alone, and so can its folder", () =>
    withFolder(async (folder) => {
      const path = join(folder, "new/file");
      await writePrivateFile(path, "secret");
      expect(await tryReadText(path)).toBe("secret");
      expect([await modeOf(path), await modeOf(join(folder, "new"))]).toEqual([0o600, 0o700]);
    }));

  test("is private also when an open one was in its place", () =>
    withFolder(async (folder) => {
      const path = join(folder, "file");
      await Bun.write(path, "old");
      await chmod(path, 0o644);
      await writePrivateFile(path, "new");
      expect([await tryReadText(path), await modeOf(path)]).toEqual(["new", 0o600]);
    }));

  test("is whole at any time, and leaves nothing beside it", () =>
    withFolder(async (folder) => {
      const path = join(folder, "file");
      const texts = Array.from({ length: 20 }, (_, index) => String(index).repeat(50_000));
      await Promise.all(texts.map((text) => writePrivateFile(path, text)));
      expect(texts).toContain((await tryReadText(path)) ?? "");
      expect(await readdir(folder)).toEqual(["file"]);
    }));

  test("that can't be put in its place leaves nothing beside it", () =>
    withFolder(async (folder) => {
      await mkdir(join(folder, "taken/by-a-folder"), { recursive: true });
      await expect(writePrivateFile(join(folder, "taken"), "text")).rejects.toThrow();
      expect(await readdir(folder)).toEqual(["taken"]);
    }));

  test.each([0o100777, 0o100640, 0o40701])("is refused where a file system gives it to others: %o", (mode) => {
    expect(() => refuseIgnoredModes(mode, "/mnt/c/checkout/clusters/x")).toThrow(/^\/mnt\/c\/checkout\/clusters\/x: /);
    expect(() => refuseIgnoredModes(mode & ~0o077, "x")).not.toThrow();
  });

  test("is made of any file", () =>
    withFolder(async (folder) => {
      const path = join(folder, "file");
      await Bun.write(path, "text");
      await makePrivate(path);
      expect(await modeOf(path)).toBe(0o600);
    }));
});

test("a file that isn't there has no text, and a folder is an error", () =>
  withFolder(async (folder) => {
    expect(await tryReadText(join(folder, "missing"))).toBeUndefined();
    await expect(tryReadText(folder)).rejects.toThrow();
  }));

test("a folder is removed when it is empty, and only then", () =>
  withFolder(async (folder) => {
    await mkdir(join(folder, "empty"));
    await Bun.write(join(folder, "full/file"), "");
    await removeEmptyFolder(join(folder, "empty"));
    await removeEmptyFolder(join(folder, "full"));
    await removeEmptyFolder(join(folder, "missing"));
    expect(await readdir(folder)).toEqual(["full"]);
  }));

test("an error is known by its code, whatever was thrown", () => {
  const error = Object.assign(new Error("no"), { code: "ENOENT" });
  expect(isErrno(error, "EEXIST", "ENOENT")).toBe(true);
  expect(isErrno(error, "EEXIST")).toBe(false);
  expect(isErrno({ code: "ENOENT" }, "ENOENT")).toBe(false);
  expect(isErrno(undefined, "ENOENT")).toBe(false);
});
