import { expect, test } from "bun:test";
import { Usage } from "#sandbox/usage.ts";
import { kindConfig, TestSandbox } from "#tests/sandbox/harness.ts";
import { freePort } from "#tests/support/free-port.ts";
import { openSandboxApi } from "#tests/support/sandbox-api.ts";

const hour = 3_600_000;

test("a daemon is idle an hour after the last request", () => {
  let now = 0;
  const usage = new Usage(hour, () => now);
  now = hour - 1;
  expect(usage.isOver()).toBe(false);
  usage.use();
  now += hour - 1;
  expect(usage.isOver()).toBe(false);
  now += 1;
  expect(usage.isOver()).toBe(true);
});

test("a daemon is not idle while a connection is open, and for an hour after it", () => {
  let now = 0;
  let isOpen = true;
  const usage = new Usage(hour, () => now);
  const forget = usage.watch(() => isOpen);
  now = 5 * hour;
  expect(usage.isOver()).toBe(false);
  isOpen = false;
  now += hour - 1;
  expect(usage.isOver()).toBe(false);
  now += 1;
  expect(usage.isOver()).toBe(true);
  isOpen = true;
  forget();
  expect(usage.isOver()).toBe(true);
});

test("an idle sandbox stops, and the next command finds its clusters", async () => {
  const sandbox = new TestSandbox();
  const port = freePort();
  try {
    await sandbox.up();
    const config = sandbox.file("kept.yaml", kindConfig("kept", port));
    await sandbox.run("kind", "create", "cluster", "--config", config, "--image", "kindest/node:v1.36.1");
    await sandbox.main("down");
    const { pid } = await started(sandbox, "--idle", "1");
    await endOf(pid);
    expect((await sandbox.status()).running).toBe(false);
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
    await started(sandbox);
    expect((await sandbox.run("kind", "get", "clusters")).stdout).toBe("kept\n");
    const [container] = (await sandbox.status()).containers.filter(({ name }) => name === "kept-control-plane");
    expect(container?.status).toBe("running");
  } finally {
    await sandbox.remove();
  }
}, 60_000);

test("a watch of a cluster counts as use while it is open", async () => {
  let now = 0;
  const usage = new Usage(hour, () => now);
  const { endpoint, close } = await openSandboxApi([], usage);
  const stop = new AbortController();
  try {
    const watch = await fetch(`${endpoint.server}/api/v1/namespaces?watch=true`, {
      headers: { authorization: `Bearer ${endpoint.token}` },
      tls: { ca: endpoint.ca },
      signal: stop.signal,
    });
    expect(watch.status).toBe(200);
    now = hour;
    expect(usage.isOver()).toBe(false);
    stop.abort();
    do {
      await Bun.sleep(5);
      now += hour;
    } while (!usage.isOver());
  } finally {
    await close();
  }
});

async function started(sandbox: TestSandbox, ...flags: readonly string[]): Promise<{ readonly pid: number }> {
  expect((await sandbox.main("up", ...flags)).code).toBe(0);
  return { pid: Number(await Bun.file(`${sandbox.state}/daemon.pid`).text()) };
}

/** It may run for less time than a program needs to ask for it. */
async function endOf(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await Bun.sleep(20);
  }
}
