import { expect, test } from "bun:test";
import { fleet } from "#clusters/fleet.ts";
import { files } from "#lib/generate/files.ts";
import { writeFiles } from "#lib/generate/write.ts";
import { projectRoot } from "#lib/paths.ts";

test("what is generated is current: if not, `bun run generate`", async () => {
  expect(await writeFiles(projectRoot, await files(fleet), { check: true })).toEqual([]);
});
