import { expect, setDefaultTimeout, test } from "bun:test";
import { realpath } from "node:fs/promises";
import { join } from "node:path";
import { readEnvironment } from "#lib/environment.ts";
import { createExec } from "#lib/exec.ts";
import { withFolder } from "#tests/support/processes.ts";

// Against hanging only: programs start slowly on a loaded machine.
setDefaultTimeout(60_000);

const own = "127.0.0.1,localhost,::1,[::1],169.254.169.254,metadata.google.internal";

test.each([
  ["no proxy: nothing to except", {}, undefined],
  ["an empty one", { HTTPS_PROXY: "" }, undefined],
  ["a proxy", { HTTPS_PROXY: "http://proxy:3128" }, own],
  ["a proxy for http", { http_proxy: "http://proxy:3128" }, own],
  ["a proxy for all", { ALL_PROXY: "socks5://proxy:1080" }, own],
  ["exceptions of its own", { HTTPS_PROXY: "http://proxy:3128", NO_PROXY: ".corp, 10.0.0.1" }, `.corp,10.0.0.1,${own}`],
  ["the other spelling", { HTTPS_PROXY: "http://proxy:3128", no_proxy: ".corp" }, `.corp,${own}`],
  [
    "loopback named already",
    { HTTPS_PROXY: "http://proxy:3128", NO_PROXY: "localhost" },
    "localhost,127.0.0.1,::1,[::1],169.254.169.254,metadata.google.internal",
  ],
])("neither this computer nor a metadata server is asked for by a proxy: %s", (_what, variables, wanted) => {
  const { variables: found } = readEnvironment(variables);
  expect([found.NO_PROXY, found.no_proxy]).toEqual([wanted, wanted]);
});

test("fetch follows what the environment says by then", async () => {
  const asked: string[] = [];
  const proxy = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: ({ url }) => {
      asked.push(url);
      return new Response("proxy");
    },
  });
  const local = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("cluster") });
  const code = `
    import { adoptEnvironment, readEnvironment } from "#lib/environment.ts";
    adoptEnvironment(readEnvironment());
    console.log(await (await fetch("http://127.0.0.1:${local.port}/")).text());`;
  const child = Bun.spawn([process.execPath, "-e", code], {
    env: { PATH: Bun.env.PATH ?? "", HTTP_PROXY: `http://127.0.0.1:${proxy.port}` },
    stdout: "pipe",
  });
  expect([await new Response(child.stdout).text(), asked]).toEqual(["cluster\n", []]);
  await Promise.all([proxy.stop(true), local.stop(true)]);
});

test("our git looks into the folder that it is given, also within a hook of another repository", async () => {
  await withFolder(async (folder) => {
    const exec = createExec(readEnvironment().variables);
    for (const name of ["own", "other"]) await exec`git init --quiet ${join(folder, name)}`;
    const ofHook = {
      GIT_DIR: join(folder, "other/.git"),
      GIT_INDEX_FILE: join(folder, "other/.git/index"),
      GIT_WORK_TREE: join(folder, "other"),
      GIT_PREFIX: "",
      GIT_NAMESPACE: "hook",
      GIT_CONFIG_PARAMETERS: "'core.bare'='true'",
    };
    const inHook = createExec(readEnvironment({ ...Bun.env, ...ofHook }).variables);
    const { stdout } = await inHook`git -C ${join(folder, "own")} rev-parse --show-toplevel`;
    expect(stdout.trim()).toBe(await realpath(join(folder, "own")));
    const { stdout: local } = await exec`git rev-parse --local-env-vars`;
    const variables = Object.fromEntries(
      local
        .trim()
        .split("\n")
        .map((name) => [name, "x"]),
    );
    expect(Object.keys(readEnvironment(variables).variables)).toEqual([]);
  });
});

test.each([
  ["mise", { MISE_TASK_NAME: "status" }, "/home/me/.npm/_npx/1/node_modules/bun/bin/bun.exe"],
  ["npx", { npm_command: "exec" }, "/usr/bin/bun"],
  // A script of package.json has its own npm_command.
  ["npx", { npm_command: "run-script" }, "/home/me/.npm/_npx/1/node_modules/bun/bin/bun.exe"],
  ["bun", { npm_command: "run-script" }, "/usr/bin/bun"],
] as const)("a task is started by %s: %o %s", (runner, variables, executable) => {
  expect(readEnvironment(variables, executable).runner).toBe(runner);
});
