import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type GitServer, type GitServerWorld, serveCheckout } from "#lib/argocd/git-server.ts";
import { systemClock } from "#lib/clock.ts";
import { readEnvironment } from "#lib/environment.ts";
import { createExec } from "#lib/exec.ts";
import { createLocks } from "#lib/locks.ts";
import { pathsBelow } from "#lib/paths.ts";
import { failureOf } from "#tests/support/failure.ts";
import { freePort } from "#tests/support/free-port.ts";

// Only against hanging: programs are started, which a loaded machine lets wait.
setDefaultTimeout(120_000);

let folder = "";
let root = "";
let commit = "";
/** Commits that nobody asked to publish, by how they came about. */
const unpublished: Record<string, string> = {};
const servers: GitServer[] = [];

/** Not spawnSync: the server that it talks to is in this process. */
async function git(args: readonly string[], cwd = root) {
  const identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "credential.helper="];
  const child = Bun.spawn(["git", ...identity, ...args], {
    cwd,
    env: { ...readEnvironment().variables, GIT_TERMINAL_PROMPT: "0" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const said = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { exitCode: await child.exited, said: said.join("").trim() };
}

async function commitAll(message: string): Promise<string> {
  await git(["add", "."]);
  await git(["commit", "--quiet", "--message", message]);
  return (await git(["rev-parse", "HEAD"])).said;
}

function worldOf(state = join(folder, "state")): GitServerWorld {
  const { variables } = readEnvironment();
  const paths = pathsBelow(root, state);
  return {
    clock: systemClock,
    variables,
    exec: createExec(variables),
    paths,
    locks: createLocks(paths.locks, systemClock, "test"),
    signal: new AbortController().signal,
    progress: () => undefined,
  };
}

const optionsFor = (port: number, revision = commit) => ({
  repository: `http://127.0.0.1:${port}/checkout.git`,
  revision,
  checkout: { address: "127.0.0.1", port },
});

/** A server, its URL with and without the password that clusters have, and that as a header. */
async function serve({ port = freePort(), revision = commit, world = worldOf() } = {}) {
  const server = await serveCheckout(world, optionsFor(port, revision));
  servers.push(server);
  const password = (await Bun.file(join(world.paths.cache, "checkout-password")).text()).trim();
  const open = `http://127.0.0.1:${port}/checkout.git`;
  const authorization = `Basic ${btoa(`checkout:${password}`)}`;
  return { server, port, open, url: open.replace("//", `//checkout:${password}@`), headers: { authorization } };
}

/** Whether a client gets the object when it asks for it by its name. */
async function canFetch(url: string, object: string): Promise<boolean> {
  const into = await mkdtemp(join(folder, "into-"));
  await git(["init", "--quiet"], into);
  await git(["fetch", "--quiet", url, object], into);
  return (await git(["cat-file", "-t", object], into)).exitCode === 0;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "check out-"));
  root = join(folder, "root");
  await git(["init", "--quiet", "--initial-branch=main", "root"], folder);
  await writeFile(join(root, "file"), "one\n");
  commit = await commitAll("one");
  await git(["switch", "--quiet", "--create", "private"]);
  await writeFile(join(root, "secret"), "private\n");
  unpublished["private branch"] = await commitAll("private");
  await git(["switch", "--quiet", "main"]);
  await writeFile(join(root, "file"), "stashed\n");
  await git(["stash", "--quiet"]);
  unpublished.stash = (await git(["rev-parse", "refs/stash"])).said;
  await writeFile(join(root, "file"), "thrown away\n");
  unpublished["dangling commit"] = await commitAll("thrown away");
  await git(["reset", "--quiet", "--hard", commit]);
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("the checkout", () => {
  test("is cloned, and a commit fetched, by the real git", async () => {
    const { url } = await serve();
    expect((await git(["ls-remote", url, "HEAD"], folder)).said).toBe(`${commit}\tHEAD`);
    expect(await git(["clone", "--quiet", url, "clone"], folder)).toEqual({ exitCode: 0, said: "" });
    expect(await Bun.file(join(folder, "clone/file")).text()).toBe("one\n");
    expect(await canFetch(url, commit)).toBe(true);
  });

  test("is fetched as Argo CD does it: all branches and tags, then the commit", async () => {
    const { url } = await serve();
    const into = await mkdtemp(join(folder, "argocd-"));
    await git(["init", "--quiet"], into);
    await git(["remote", "add", "origin", url], into);
    expect(await git(["fetch", "origin", "--tags", "--force", "--prune", "--quiet"], into)).toMatchObject({
      exitCode: 0,
    });
    expect(await git(["checkout", "--quiet", "--force", commit], into)).toEqual({ exitCode: 0, said: "" });
  });

  test.each(["protocol.version=0", "protocol.version=2"])(
    "with %s publishes the pinned commit alone",
    async (version) => {
      const { url } = await serve();
      const listed = await git(["-c", version, "ls-remote", url], folder);
      expect(listed.said.split("\n").sort()).toEqual([`${commit}\tHEAD`, `${commit}\trefs/heads/pinned`]);
      for (const [name, object] of Object.entries(unpublished)) {
        expect([name, await canFetch(url, object)]).toEqual([name, false]);
      }
    },
  );

  test("is told nothing of without the password", async () => {
    const { open, headers } = await serve();
    expect((await git(["ls-remote", open], folder)).exitCode).not.toBe(0);
    const refs = `${open}/info/refs?service=git-upload-pack`;
    const status = async (given: Readonly<Record<string, string>>) => (await fetch(refs, { headers: given })).status;
    expect(await status({})).toBe(401);
    expect(await status({ authorization: `Basic ${btoa("checkout:guessed")}` })).toBe(401);
    expect(await status(headers)).toBe(200);
    expect((await fetch(`${open}/git-upload-pack`, { method: "POST", body: "0000" })).status).toBe(401);
  });

  test("is refused under a name that clusters do not use", async () => {
    const { open, headers } = await serve();
    const refs = `${open}/info/refs?service=git-upload-pack`;
    expect((await fetch(refs, { headers: { ...headers, host: "rebound.example.org" } })).status).toBe(421);
  });

  test("takes no request that is longer than one of Git, packed or not", async () => {
    const { open, headers } = await serve();
    const post = async (body: Uint8Array<ArrayBuffer>, more: Readonly<Record<string, string>> = {}) =>
      (await fetch(`${open}/git-upload-pack`, { method: "POST", body, headers: { ...headers, ...more } })).status;
    const bomb = gzipSync(Buffer.alloc(200_000_000));
    const before = process.memoryUsage.rss();
    expect(await post(bomb, { "content-encoding": "gzip" })).toBe(413);
    expect(process.memoryUsage.rss() - before).toBeLessThan(100_000_000);
    expect(await post(Buffer.alloc(5_000_000))).toBe(413);
  });

  test("can't be written", async () => {
    const { url, open, port, headers } = await serve();
    expect((await git(["push", url, "HEAD:refs/heads/other"])).exitCode).not.toBe(0);
    expect((await fetch(`${open}/git-receive-pack`, { method: "POST", headers })).status).toBe(403);
    expect((await fetch(`http://127.0.0.1:${port}/file`)).status).toBe(404);
  });

  test("is copied without the hooks and signatures of a person's settings, and privately", async () => {
    const hooks = join(folder, "hooks");
    await mkdir(hooks, { recursive: true });
    for (const name of ["pre-push", "pre-receive", "post-receive"]) {
      await writeFile(join(hooks, name), `#!/bin/sh\ntouch '${folder}/hooked'\nexit 1\n`);
      await chmod(join(hooks, name), 0o755);
    }
    const settings = join(folder, "gitconfig");
    await writeFile(settings, `[core]\n\thooksPath = ${hooks}\n[push]\n\tgpgSign = true\n\trecurseSubmodules = only\n`);
    const usual = worldOf(join(folder, "hooked-state"));
    const exec = createExec({ ...usual.variables, GIT_CONFIG_GLOBAL: settings });
    const { url } = await serve({ world: { ...usual, exec } });
    expect(await canFetch(url, commit)).toBe(true);
    expect(await Bun.file(join(folder, "hooked")).exists()).toBe(false);
    expect((await stat(join(usual.paths.cache, "checkout-password"))).mode & 0o777).toBe(0o600);
  });

  test("of a shallow clone is served as far as it goes", async () => {
    await git(["clone", "--quiet", "--depth=1", `file://${root}`, "shallow"], folder);
    const world = worldOf(join(folder, "shallow-state"));
    const paths = { ...world.paths, root: join(folder, "shallow") };
    const { url } = await serve({ world: { ...world, paths } });
    expect(await canFetch(url, commit)).toBe(true);
  });
});

describe("commits of several runs", () => {
  test("are served together, and alone again when one of them is left", async () => {
    const other = unpublished["private branch"] ?? "";
    const { port, url, server } = await serve();
    const second = await serve({ port, revision: other });
    expect([await canFetch(url, commit), await canFetch(url, other)]).toEqual([true, true]);
    await server.stop();
    const refs = async () => (await git(["ls-remote", url], folder)).said;
    while (!(await refs()).includes("refs/heads/pinned")) await Bun.sleep(20);
    expect(await refs()).toBe(`${other}\tHEAD\n${other}\trefs/heads/pinned`);
    await second.server.stop();
    const third = await serve({ port });
    expect([await canFetch(third.url, commit), await canFetch(third.url, other)]).toEqual([true, false]);
  });

  test("come and go with the history that they are in", async () => {
    const { url, server, port } = await serve();
    await server.stop();
    const later = unpublished["dangling commit"] ?? "";
    await serve({ port, revision: later });
    expect((await git(["ls-remote", url], folder)).said).toBe(`${later}\tHEAD\n${later}\trefs/heads/pinned`);
    expect(await canFetch(url, commit)).toBe(true);
  });
});

describe("the port", () => {
  test("is taken over when the process that has it ends", async () => {
    const { server, port } = await serve();
    const second = await serve({ port });
    await server.stop();
    const answers = async (): Promise<boolean> =>
      await fetch(`http://127.0.0.1:${port}/`).then(
        ({ ok }) => ok,
        () => false,
      );
    while (!(await answers())) await Bun.sleep(20);
    await second.server.stop();
    expect(await answers()).toBe(false);
  });

  test("is refused when something else has it", async () => {
    const other = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("other") });
    try {
      expect((await failureOf(serveCheckout(worldOf(), optionsFor(other.port ?? 0)))).code).toBe("PortTaken");
    } finally {
      await other.stop(true);
    }
  });

  test("is refused when another checkout has it, which lacks our commits", async () => {
    const { port } = await serve();
    const error = await failureOf(serveCheckout(worldOf(join(folder, "elsewhere")), optionsFor(port)));
    expect([error.code, error.message]).toEqual(["PortTaken", expect.stringContaining(`the checkout in ${root}`)]);
  });
});
