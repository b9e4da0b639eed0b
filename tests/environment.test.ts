import { expect, test } from "bun:test";
import { readEnvironment } from "#lib/environment.ts";

const loopback = "127.0.0.1,localhost,::1,[::1]";

test.each([
  ["no proxy: nothing to except", {}, undefined],
  ["an empty one", { HTTPS_PROXY: "" }, undefined],
  ["a proxy", { HTTPS_PROXY: "http://proxy:3128" }, loopback],
  ["a proxy for http", { http_proxy: "http://proxy:3128" }, loopback],
  ["a proxy for all", { ALL_PROXY: "socks5://proxy:1080" }, loopback],
  [
    "exceptions of its own",
    { HTTPS_PROXY: "http://proxy:3128", NO_PROXY: ".corp, 10.0.0.1" },
    `.corp,10.0.0.1,${loopback}`,
  ],
  ["the other spelling", { HTTPS_PROXY: "http://proxy:3128", no_proxy: ".corp" }, `.corp,${loopback}`],
  [
    "loopback named already",
    { HTTPS_PROXY: "http://proxy:3128", NO_PROXY: "localhost" },
    "localhost,127.0.0.1,::1,[::1]",
  ],
])("this computer is never asked for by a proxy: %s", (_what, variables, wanted) => {
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
