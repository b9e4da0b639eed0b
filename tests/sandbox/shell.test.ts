import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "#lib/paths.ts";
import { type Outcome, run, TestSandbox } from "#tests/sandbox/harness.ts";

setDefaultTimeout(60_000);

const fleet = join(projectRoot, "tests/fixtures/fleets/valid/two-local.ts");
const sandbox = new TestSandbox();
beforeAll(() => sandbox.up(), 30_000);
afterAll(() => sandbox.remove(), 30_000);

/** A task in a shell that has evaluated `sandbox:env`. */
function task(name: string, ...args: readonly string[]): Promise<Outcome> {
  const real = join(sandbox.folder.path, "real");
  const env = { ...sandbox.env, CI: "true", CLUSTERS_DIRECTORY: real, MISE_TASK_NAME: undefined };
  return run([process.execPath, "run", join(projectRoot, `tasks/${name}.ts`), ...args], env);
}

test("a run by the variables of the sandbox says so, and writes nothing beside the sandbox", async () => {
  const made = await task("create-all", "--fleet", fleet);
  expect(made.stdout).toContain("· sandbox");
  expect(made.code).toBe(0);
  expect(existsSync(join(sandbox.state, ".kubeconfigs/kubeconfig_test-kind.internal.yml"))).toBe(true);
  expect(existsSync(join(sandbox.folder.path, "real"))).toBe(false);
  const { stdout, stderr } = await task("kubeconfig", "--fleet", fleet);
  expect(stdout).toContain(sandbox.state);
  expect(stderr).toContain(`K8S_SANDBOX_STATE=${sandbox.state}`);
  expect((await task("delete-all", "--yes", "--fleet", fleet)).stdout).toContain("· sandbox");
});

test("the user of the sandbox's AWS is not written to the checkout's mise.local.toml", async () => {
  const account = JSON.stringify({ provider: "aws", name: "aws-mgmt", accountId: "111111111111" });
  const { stdout } = await sandbox.main("up", "--domain", "mylabs.dev", "--account", account);
  sandbox.env = { ...sandbox.env, ...JSON.parse(stdout).env };
  const file = join(projectRoot, "mise.local.toml");
  const text = () => (existsSync(file) ? readFileSync(file, "utf8") : undefined);
  const before = text();
  const aws = join(projectRoot, "tests/fixtures/fleets/valid/three-accounts.ts");
  const made = await task("create/aws-mgmt/user", "--apply", "--profile", "made", "--fleet", aws);
  expect(made.stderr).toContain("sandbox: ");
  expect(made.stdout).toContain("arn:aws:iam::111111111111:user/aws-cli is there");
  expect(made.stdout).toContain("mise.local.toml: not changed by the sandbox");
  expect(text()).toBe(before);
});
