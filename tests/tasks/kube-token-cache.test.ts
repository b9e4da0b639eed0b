import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmod, rename, symlink } from "node:fs/promises";
import { join } from "node:path";
import { writePrivateFile } from "#lib/files.ts";
import { accountId, minutesLeft, openKubeToken, role, tokenUrl } from "#tests/support/kube-token.ts";

// Only against hanging: each test starts programs, which a loaded machine lets wait.
setDefaultTimeout(120_000);

let plugin: Awaited<ReturnType<typeof openKubeToken>>;
beforeEach(async () => {
  plugin = await openKubeToken();
});
afterEach(() => plugin.close());

describe("with a cached session, the plugin", () => {
  test("asks nobody", async () => {
    await plugin.cache();
    const credential = await plugin.credentialOf();
    expect(tokenUrl(credential).searchParams.get("X-Amz-Credential")).toStartWith("ASIACACHED/");
    expect(minutesLeft(credential)).toBeWithin(13.5, 14);
    expect(plugin.sts.calls).toEqual([]);
  });

  test("fetches another where that one dies before the token would", async () => {
    await plugin.cache({ expiresMs: Date.now() + 14.9 * 60_000 });
    expect(tokenUrl(await plugin.credentialOf()).searchParams.get("X-Amz-Credential")).not.toStartWith("ASIACACHED/");
  });

  test("ends a token with the session where none lives longer", async () => {
    plugin.sts.lifetimeMs = 10 * 60_000;
    expect(minutesLeft(await plugin.credentialOf())).toBeWithin(9, 10);
  });

  test("takes none that another endpoint or another role gave", async () => {
    await plugin.cache({}, plugin.key({ endpoint: undefined }));
    await plugin.cache({}, plugin.key({ role: `${role}x` }));
    expect(tokenUrl(await plugin.credentialOf()).searchParams.get("X-Amz-Credential")).not.toStartWith("ASIACACHED/");
  });

  test.each([
    ["half a file", '{"arn":'],
    ["nothing", ""],
    ["something else", '{"arn":"a","accessKeyId":1}'],
  ])("fetches another for %s", async (_what, text) => {
    await writePrivateFile(plugin.cachedPath(), text);
    await plugin.credentialOf();
    expect(plugin.sts.calls).toContain("AssumeRole aws-01-iam-role");
  });

  test.each([
    ["is readable by others", () => chmod(plugin.cachedPath(), 0o604), "has mode 0604"],
    ["is writable by the group", () => chmod(plugin.cachedPath(), 0o620), "has mode 0620"],
    ["is in a folder of others", () => chmod(plugin.folder(), 0o755), "has mode 0755"],
    [
      "is a link",
      async () => {
        await rename(plugin.cachedPath(), join(plugin.state, "elsewhere"));
        await symlink(join(plugin.state, "elsewhere"), plugin.cachedPath());
      },
      "is a link",
    ],
  ] as const)("refuses a file that %s", async (_what, change, why) => {
    await plugin.cache();
    await change();
    const said = await plugin.refusalOf();
    expect(said).toContain("(CacheUnsafe)");
    expect(said).toContain(why);
    expect(plugin.sts.calls).toEqual([]);
  });

  // Only root can give a file away.
  test.skipIf(process.getuid?.() !== 0)("refuses a file of somebody else", async () => {
    await plugin.cache();
    Bun.spawnSync(["chown", "4711", plugin.cachedPath()]);
    expect(await plugin.refusalOf()).toContain("belongs to user 4711");
  });

  test.each([
    ["another account", `arn:aws:sts::999999999990:assumed-role/aws-01-iam-role/x`, "WrongAccount"],
    ["another role", `arn:aws:sts::${accountId}:assumed-role/aws-01-iam-role-2/x`, "WrongIdentity"],
    ["another partition", `arn:aws-cn:sts::${accountId}:assumed-role/aws-01-iam-role/x`, "WrongIdentity"],
    ["a user", `arn:aws:iam::${accountId}:user/aws-01-iam-role`, "WrongIdentity"],
  ])("refuses one of %s", async (_what, arn, code) => {
    await plugin.cache({ arn });
    expect(await plugin.refusalOf()).toContain(`(${code})`);
    expect(plugin.sts.calls).toEqual([]);
  });

  test("knows the sessions of a role with a path", async () => {
    const withPath = `arn:aws:iam::${accountId}:role/k8s/aws-01-iam-role`;
    await plugin.cache({}, plugin.key({ role: withPath }));
    await plugin.credentialOf({ options: { role: withPath } });
    expect(plugin.sts.calls).toEqual([]);
  });
});
