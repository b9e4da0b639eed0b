import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { TestSandbox } from "#tests/sandbox/harness.ts";

setDefaultTimeout(60_000);

const account = JSON.stringify({ provider: "toy", name: "toy-01", color: "red" });
const program = join(import.meta.dir, "../fixtures/clouds/toy.ts");

/** Starts a daemon whose list has one more cloud; the command line uses it as its own. */
async function start(sandbox: TestSandbox): Promise<void> {
  mkdirSync(sandbox.state, { recursive: true });
  Bun.spawn([process.execPath, program, sandbox.state], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "inherit",
  }).unref();
  while (!existsSync(join(sandbox.state, "daemon.pid"))) await Bun.sleep(20);
}

async function json(sandbox: TestSandbox, ...args: readonly string[]) {
  const { code, stdout, stderr } = await sandbox.main(...args);
  expect([code, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout);
}

let sandbox: TestSandbox;
let variables: Readonly<Record<string, string>>;
const ask = async (action: string) => await fetch(`${variables.TOY_ENDPOINT}/${action}`);

beforeEach(async () => {
  sandbox = new TestSandbox();
  await start(sandbox);
  variables = (await json(sandbox, "up", "--account", account)).env;
});
afterEach(() => sandbox.remove());

test("a cloud in the daemon's list is opened by an account, and gives its variables", async () => {
  expect(variables.TOY_COLOR).toBe("red");
  expect(await (await ask("increment")).json()).toEqual({ count: 1 });
  const servers = await Bun.file(variables.DNS_DIRECTORY ?? "").json();
  expect(Object.keys(servers.servers)).toContain("ns1.toy.sandbox");
});

test("accounts of clouds outside of the list are left out", async () => {
  const other = JSON.stringify({ provider: "other", name: "other-01" });
  expect((await json(sandbox, "up", "--account", account, "--account", other)).env).toEqual(variables);
  expect(await json(sandbox, "status")).not.toHaveProperty("other");
  expect((await sandbox.main("fault", "other", "*:*", "cut")).code).toBe(64);
});

test("it refuses accounts that it cannot use", async () => {
  const { code, stderr } = await sandbox.main("up", "--account", '{"provider":"toy","name":"toy-02"}');
  expect(code).toBe(64);
  expect(stderr).toContain('the account "toy-02": it has no color');
});

test("it has its part of the status and of the call log, and operations of its own", async () => {
  expect((await json(sandbox, "status")).toy).toMatchObject({ endpoint: variables.TOY_ENDPOINT, faults: [] });
  await sandbox.main("calls", "--clear");
  await ask("decrement");
  expect(await json(sandbox, "calls", "--clear")).toMatchObject({
    cloud: "toy",
    service: "counter",
    action: "decrement",
    account: "red",
  });
  const { count } = await json(sandbox, "run", "toy", "add", "number=5");
  expect((await json(sandbox, "status")).toy.count).toBe(count);
  expect((await sandbox.main("run", "toy", "subtract")).code).toBe(64);
});

test("it meets faults until they are cleared", async () => {
  await sandbox.main("fault", "toy", "counter:increment", "throttle", "--nth", "2");
  expect([(await ask("increment")).status, (await ask("increment")).status]).toEqual([200, 429]);
  await sandbox.main("fault", "toy", "counter:*", "cut");
  await expect(ask("increment")).rejects.toThrow();
  await sandbox.main("fault", "--clear");
  expect((await ask("increment")).status).toBe(200);
  expect((await sandbox.main("fault", "toy", "counter", "cut")).code).toBe(64);
});

test("it is closed and reopened with its state and port, and removed by a reset", async () => {
  await ask("increment");
  await sandbox.main("down");
  await start(sandbox);
  expect((await json(sandbox, "up")).env).toEqual(variables);
  expect((await json(sandbox, "status")).toy.count).toBe(1);
  await sandbox.main("reset");
  expect(existsSync(sandbox.state)).toBe(false);
});
