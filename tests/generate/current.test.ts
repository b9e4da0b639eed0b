import { expect, test } from "bun:test";
import { fleet } from "#clusters/fleet.ts";
import { generate } from "#lib/generate/files.ts";
import { writeFiles } from "#lib/generate/write.ts";
import { projectRoot } from "#lib/paths.ts";
import { described } from "#tests/support/fleet.ts";

test("what is generated is current: if not, `bun run generate`", async () => {
  expect(await writeFiles(projectRoot, await generate(described(fleet)), { check: true })).toEqual([]);
});
