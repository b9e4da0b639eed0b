import { afterAll, expect, test } from "bun:test";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { env } from "#sandbox/azure/environment.ts";

const folder = await mkdtemp(join(tmpdir(), "azure-environment-"));
afterAll(async () => await rm(folder, { recursive: true, force: true }));

test("the sandbox's az is the installed one behind the proxy, and no other program is", async () => {
  const [bin, programs] = [join(folder, "bin"), join(folder, "programs")];
  const installed = join(programs, "az");
  await Bun.write(installed, '#!/bin/sh\nprintf "%s %s" "$HTTPS_PROXY" "$*"\n');
  await chmod(installed, 0o755);
  const variables = await env({
    endpoint: "https://127.0.0.1:8443",
    folder,
    accounts: [{ provider: "azure", name: "azure-mgmt", subscriptionId: "", tenantId: "t" }],
    authorityPath: "/ca.pem",
    proxyUrl: "http://127.0.0.1:8080",
    bin,
  });
  expect(variables.HTTPS_PROXY).toBeUndefined();
  const run = Bun.spawn([join(bin, "az"), "account", "show"], {
    env: { PATH: `${bin}:${programs}:${Bun.env.PATH}` },
    stdout: "pipe",
  });
  expect(await new Response(run.stdout).text()).toBe("http://127.0.0.1:8080 account show");
});
