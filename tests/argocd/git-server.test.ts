import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serveCheckout } from "#lib/argocd/git-server.ts";
import { systemClock } from "#lib/clock.ts";
import { readEnvironment } from "#lib/environment.ts";
import { failureOf } from "#tests/support/failure.ts";

const world = { clock: systemClock, variables: readEnvironment().variables };
let folder = "";
let root = "";
let commit = "";

/** Not spawnSync: the server that it talks to is in this process. */
async function git(args: readonly string[], cwd = root) {
  const identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"];
  const child = Bun.spawn(["git", ...identity, ...args], { cwd, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const said = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { exitCode: await child.exited, said: said.join("").trim() };
}

/** A port that was free a moment ago. */
function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "checkout-"));
  root = join(folder, "root");
  await git(["init", "--quiet", "root"], folder);
  await writeFile(join(root, "file"), "one\n");
  await git(["add", "."]);
  await git(["commit", "--quiet", "--message", "one"]);
  commit = (await git(["rev-parse", "HEAD"])).said;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("the checkout", () => {
  test("is cloned, and a commit fetched, by the real git", async () => {
    const port = freePort();
    const server = await serveCheckout(world, { address: "127.0.0.1", port, root });
    const url = `http://127.0.0.1:${port}/checkout.git`;
    try {
      expect((await git(["ls-remote", url, "HEAD"], folder)).said).toBe(`${commit}\tHEAD`);
      expect(await git(["clone", "--quiet", url, "clone"], folder)).toEqual({ exitCode: 0, said: "" });
      expect(await Bun.file(join(folder, "clone/file")).text()).toBe("one\n");
      await git(["init", "--quiet", "fetched"], folder);
      expect((await git(["fetch", "--quiet", url, commit], join(folder, "fetched"))).exitCode).toBe(0);
    } finally {
      await server.stop();
    }
  });

  test("can't be written", async () => {
    const port = freePort();
    const server = await serveCheckout(world, { address: "127.0.0.1", port, root });
    try {
      const url = `http://127.0.0.1:${port}/checkout.git`;
      expect((await git(["push", url, "HEAD:refs/heads/other"])).exitCode).not.toBe(0);
      expect((await fetch(`${url}/git-receive-pack`, { method: "POST" })).status).toBe(403);
      expect((await fetch(`http://127.0.0.1:${port}/file`)).status).toBe(404);
    } finally {
      await server.stop();
    }
  });

  test("is taken over when the one that serves it ends", async () => {
    const port = freePort();
    const options = { address: "127.0.0.1", port, root };
    const first = await serveCheckout(world, options);
    const second = await serveCheckout(world, options);
    await first.stop();
    const answers = async (): Promise<boolean> =>
      await fetch(`http://127.0.0.1:${port}/`).then(
        ({ ok }) => ok,
        () => false,
      );
    while (!(await answers())) await Bun.sleep(20);
    await second.stop();
    expect(await answers()).toBe(false);
  });

  test("is refused a port that something else has", async () => {
    const other = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("other") });
    try {
      const options = { address: "127.0.0.1", port: other.port ?? 0, root };
      expect((await failureOf(serveCheckout(world, options))).code).toBe("PortTaken");
    } finally {
      await other.stop(true);
    }
  });
});
