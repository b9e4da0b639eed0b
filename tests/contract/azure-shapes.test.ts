import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { projectRoot } from "#lib/paths.ts";

// Against hanging only: the packages are imported slowly on a loaded machine.
setDefaultTimeout(60_000);

/** A python with the packages that scripts/azure-shapes.py names. */
const python = Bun.env.AZURE_SHAPES_PYTHON ?? "";
if (python === "") process.stdout.write("shapes of Azure are not compared: AZURE_SHAPES_PYTHON is not set\n");

test.if(python !== "")("the shapes of the sandbox's Azure are those of Microsoft's own packages", async () => {
  const child = Bun.spawn([python, join(projectRoot, "scripts/azure-shapes.py")], {
    stdout: "pipe",
    stderr: "inherit",
  });
  const generated: unknown = JSON.parse(await new Response(child.stdout).text());
  expect(await child.exited).toBe(0);
  const kept: unknown = await Bun.file(join(projectRoot, "sandbox/azure/arm/shapes.json")).json();
  expect(generated).toEqual(kept);
});
