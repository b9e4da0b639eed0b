import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { projectRoot } from "#lib/paths.ts";

// Against hanging only: the packages are imported slowly on a loaded machine.
setDefaultTimeout(60_000);

/** A python with the packages that scripts/google-discovery.py names. */
const python = Bun.env.GOOGLE_DISCOVERY_PYTHON ?? "";
if (python === "")
  process.stdout.write("methods and schemas of Google are not compared: GOOGLE_DISCOVERY_PYTHON is not set\n");

test.if(python !== "")(
  "the methods and schemas of the sandbox's Google Cloud are those of Google's own package",
  async () => {
    const child = Bun.spawn([python, join(projectRoot, "scripts/google-discovery.py")], {
      stdout: "pipe",
      stderr: "inherit",
    });
    const generated: unknown = JSON.parse(await new Response(child.stdout).text());
    expect(await child.exited).toBe(0);
    const kept: unknown = await Bun.file(join(projectRoot, "sandbox/gcp/api/google.json")).json();
    expect(generated).toEqual(kept);
  },
);
