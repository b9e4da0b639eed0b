import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, symlinkSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { full, readOnly, whyNoMounts, withoutModes } from "#tests/support/disks.ts";
import { openKubeToken, type Run, tokenUrl } from "#tests/support/kube-token.ts";

// Only against hanging.
setDefaultTimeout(120_000);

let plugin: Awaited<ReturnType<typeof openKubeToken>>;
beforeEach(async () => {
  plugin = await openKubeToken();
});
afterEach(() => plugin.close());

const keyOf = (credential: Parameters<typeof tokenUrl>[0]): string =>
  tokenUrl(credential).searchParams.get("X-Amz-Credential") ?? "";

/** It asks STS each time: nothing was kept. */
async function expectNoCache(given?: Run): Promise<void> {
  for (const calls of [1, 2]) {
    expect(keyOf(await plugin.credentialOf(given))).not.toStartWith("ASIACACHED/");
    expect(plugin.sts.calls.filter((call) => call === "AssumeRole aws-01-iam-role").length).toBe(calls);
  }
}

describe("where nothing can be kept, the plugin works without a cache:", () => {
  test("a file where the state folder belongs", async () => {
    await Bun.write(join(plugin.state, "file"), "");
    await expectNoCache({ options: { state: join(plugin.state, "file") } });
  });

  test.each([".cache", ".cache/aws"])("a file where %s belongs", async (path) => {
    await Bun.write(join(plugin.state, path), "");
    await expectNoCache();
  });

  test("a folder in place of the session", async () => {
    mkdirSync(plugin.folder(), { recursive: true, mode: 0o700 });
    mkdirSync(plugin.cachedPath(), { mode: 0o700 });
    await expectNoCache();
  });

  test("a database of locks that cannot be written", async () => {
    mkdirSync(join(plugin.state, ".locks"));
    symlinkSync("../../../../../../../../dev/full", join(plugin.state, ".locks/leases"));
    await plugin.credentialOf();
    await plugin.credentialOf();
    // The cache itself is as good as ever.
    expect(plugin.sts.calls.filter((call) => call === "AssumeRole aws-01-iam-role").length).toBe(1);
  });
});

describe.skipIf(whyNoMounts() !== undefined)("on a disk that is", () => {
  test("read-only, it uses the session that is there, and fetches another that it can't keep", async () => {
    await plugin.cache();
    const within = readOnly(plugin.state);
    expect(keyOf(await plugin.credentialOf({ within }))).toStartWith("ASIACACHED/");
    await rm(plugin.cachedPath());
    await expectNoCache({ within });
  });

  test.each([".cache", ".locks"])("full at %s", async (path) => {
    await plugin.credentialOf({ within: full(join(plugin.state, path)) });
    expect(plugin.sts.calls).toContain("AssumeRole aws-01-iam-role");
  });

  test.skipIf(Bun.which("bindfs") === null)("without modes, it keeps no session that others could read", async () => {
    await expectNoCache({ within: withoutModes(plugin.state) });
    // With the folder that the first left there.
    expect(Bun.spawnSync(["find", plugin.folder(), "-name", "*.json"]).stdout.toString()).toBe("");
  });
});
