import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmod, readdir } from "node:fs/promises";
import { join } from "node:path";
import { formatHint } from "#lib/printed-command.ts";
import { cluster, openEks, stateOf } from "#tests/support/eks-kubeconfig.ts";
import { failureOf } from "#tests/support/failure.ts";

let eks: Awaited<ReturnType<typeof openEks>>;
beforeEach(async () => {
  eks = await openEks();
});
afterEach(() => eks.close());

describe("its proof", () => {
  test("waits while the API server starts, and says so", async () => {
    eks.answers.push(...[503, 429]);
    const { ensure, said, clock } = eks.open();
    expect((await ensure()).access).toEqual({ kind: "open", nodes: [] });
    expect([said.length, said[1], clock.elapsed()]).toEqual([
      2,
      expect.stringMatching(/^waiting for the API server to answer, 5 s so far: .*429/),
      10_000,
    ]);
  });

  test("waits while an access entry comes to be known", async () => {
    eks.answers.push(...[401, 401, 200, 403]);
    const { ensure, said } = eks.open();
    expect((await ensure()).access).toEqual({ kind: "open", nodes: [] });
    expect(said[0]).toStartWith("waiting for the API server to let us in, 0 s so far:");
  });

  test("ends at an API server that can't be reached, and names who may", async () => {
    const { ensure, clock } = eks.open();
    await eks.server.stop(true);
    const error = await failureOf(ensure());
    expect([error.code, error.message]).toEqual([
      "ClusterUnreachable",
      "k01.k8s.aws.mylabs.test: this computer does not reach the API server",
    ]);
    expect(error.hint).toContain("publicAccessCidrs of k01.k8s.aws.mylabs.test (now 203.0.113.0/24)");
    expect(clock.elapsed()).toBe(180_000);
  });

  test.each([
    [401, "must name this role"],
    [403, "has no policy"],
  ])("ends at one that refuses us with %d, sooner", async (status, hint) => {
    eks.answers.push(...Array.from({ length: 1_000 }, () => status));
    const { ensure, clock } = eks.open();
    const error = await failureOf(ensure());
    expect([error.code, error.message]).toEqual([
      "ClusterDenied",
      "k01.k8s.aws.mylabs.test: the API server denies access to aws-01-iam-role of aws-01",
    ]);
    expect(formatHint(error.hint ?? "")).toContain(hint);
    expect(clock.elapsed()).toBe(120_000);
  });

  test("is asked for again by the next run where it failed", async () => {
    const { ensure, observe, changes, resource } = eks.open();
    await ensure();
    eks.answers.push(...[403]);
    const seen = stateOf(await observe());
    expect(resource.health(seen)).toMatchObject({ kind: "degraded", summary: expect.stringContaining("refused: ") });
    eks.answers.push(...[403]);
    expect(await changes()).toEqual([{ field: "access", from: "refused", to: "open", effect: "in-place" }]);
  });

  test("ends at once without credentials, which keeps nobody from removing the file", async () => {
    const { ensure, observe, remove } = eks.open();
    await ensure();
    const file = (await readdir(join(eks.state, ".cache/aws"))).find((name) => name.endsWith(".json")) ?? "";
    await chmod(join(eks.state, ".cache/aws", file), 0o644);
    const error = await failureOf(ensure());
    expect([error.code, ...error.details]).toEqual([
      "CredentialPluginFailed",
      expect.stringContaining("(CacheUnsafe)"),
    ]);
    // What the plugin advises; the kubeconfig is right.
    expect(error.hint).toStartWith("rm -r ");
    expect(stateOf(await observe()).access).toMatchObject({
      kind: "refused",
      why: expect.stringContaining("CacheUnsafe"),
    });
    expect(await remove()).toEqual({ kind: "removed" });
  });
});

const kubectl = Bun.which("kubectl") ?? undefined;

describe.skipIf(kubectl === undefined)("kubectl", () => {
  async function run(path: string, ...args: readonly string[]) {
    const env = { PATH: "/nonexistent", HOME: eks.state, KUBECONFIG: path };
    const child = Bun.spawn([kubectl ?? "", ...args], { cwd: "/", env, stdout: "pipe", stderr: "pipe" });
    const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    return { stdout, stderr, exitCode: await child.exited };
  }

  test("reads the file", async () => {
    const { ensure, path } = eks.open();
    await ensure();
    const { stdout, exitCode } = await run(
      path,
      "config",
      "view",
      "--minify",
      "-o",
      "jsonpath={.contexts[0].name} {.users[0].user.exec.interactiveMode}",
    );
    expect([exitCode, stdout]).toEqual([0, `${cluster.name} Never`]);
  });

  test("gets into the cluster with it, from any folder, without anything in PATH", async () => {
    const { ensure, path } = eks.open();
    await ensure();
    eks.asked.length = 0;
    const { stdout, stderr, exitCode } = await run(path, "get", "--raw", "/readyz");
    expect({ stderr, exitCode, stdout }).toEqual({ stderr: "", exitCode: 0, stdout: '{"items":[]}' });
    expect(eks.asked).toContain("/readyz");
  });

  test("gets no token for another server in the cluster's name", async () => {
    const { ensure, path, edit } = eks.open();
    await ensure();
    eks.asked.length = 0;
    await edit(({ clusters: [entry] }) =>
      Object.assign(entry?.cluster ?? {}, { server: `https://localhost:${eks.server.port}` }),
    );
    const { stderr, exitCode } = await run(path, "get", "--raw", "/readyz");
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining("(WrongCluster)")]);
    expect(eks.asked).toEqual([]);
  });
});
