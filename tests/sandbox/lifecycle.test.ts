import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { k3dConfig, kindConfig, TestSandbox } from "#tests/sandbox/harness.ts";
import { freePort } from "#tests/support/free-port.ts";

/** Generous: these tests start dozens of processes, maybe on a busy machine. */
setDefaultTimeout(60_000);

const IMAGE = ["--image", "kindest/node:v1.36.1"] as const;

describe("a sandbox", () => {
  const sandbox = new TestSandbox();
  beforeAll(() => sandbox.up(), 30_000);
  afterAll(() => sandbox.remove(), 30_000);

  const createKind = (name: string, port: number) => {
    const config = sandbox.file(`${name}.yaml`, kindConfig(name, port));
    const kubeconfig = join(sandbox.folder.path, `${name}.yml`);
    const args = ["create", "cluster", "--name", name, "--config", config, "--kubeconfig", kubeconfig, ...IMAGE];
    return { args, kubeconfig, done: () => sandbox.run("kind", ...args) };
  };
  const deleteKind = (name: string) =>
    sandbox.run("kind", "delete", "cluster", "--name", name, "--kubeconfig", join(sandbox.folder.path, `${name}.yml`));

  test("is started once by calls at the same time, and again by none", async () => {
    const { pid } = await sandbox.status();
    const outcomes = await Promise.all([sandbox.main("up"), sandbox.main("up"), sandbox.main("up")]);
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect((await sandbox.status()).pid).toBe(pid);
    expect(statSync(join(sandbox.state, "daemon.pid")).mode & 0o777).toBe(0o600);
  });

  test("clusters made side by side are all there", async () => {
    const names = ["a1.internal", "a2.internal", "a3.internal"];
    const outcomes = await Promise.all(names.map((name) => createKind(name, freePort()).done()));
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect((await sandbox.run("kind", "get", "clusters")).stdout.split("\n")).toEqual(expect.arrayContaining(names));
    const networks = await sandbox.run("docker", "network", "ls", "--filter", "name=^kind$", "--quiet");
    expect(networks.stdout.trim().split("\n")).toHaveLength(1);
    await Promise.all(names.map(deleteKind));
  });

  test("a killed creation leaves its containers and no kubeconfig", async () => {
    await sandbox.main("up", "--speed", "1");
    const { args } = createKind("killed.internal", freePort());
    const child = Bun.spawn([join(sandbox.state, "bin", "kind"), ...args], { env: sandbox.env, stderr: "pipe" });
    for await (const chunk of child.stderr) {
      if (new TextDecoder().decode(chunk).includes("Starting control-plane")) break;
    }
    child.kill("SIGKILL");
    await child.exited;
    await sandbox.main("up", "--speed", "50");
    const nodes = await sandbox.run("kind", "get", "nodes", "--name", "killed.internal");
    expect(nodes.stdout.trim().split("\n")).toHaveLength(2);
    const kubeconfig = await sandbox.run("kind", "get", "kubeconfig", "--name", "killed.internal");
    expect(kubeconfig.code).toBe(1);
    expect(kubeconfig.stderr).toContain("cat: /etc/kubernetes/admin.conf: No such file or directory");
    expect((await deleteKind("killed.internal")).code).toBe(0);
  });

  test("a port that another process has makes creation fail and clean up", async () => {
    const taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
    const outcome = await createKind("taken.internal", taken.port).done();
    taken.stop(true);
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain(`listen tcp4 127.0.0.1:${taken.port}: bind: address already in use`);
    expect(outcome.stderr).toContain("Deleted nodes:");
    expect((await sandbox.run("docker", "ps", "-aq", "--filter", "name=taken")).stdout).toBe("");
  });

  test("a cluster comes back on its port with its objects after the daemon was killed", async () => {
    const port = freePort();
    const { kubeconfig, done } = createKind("back.internal", port);
    await done();
    const text = readFileSync(kubeconfig, "utf8");
    const token = /token: (\S+)/.exec(text)?.[1];
    const ca = Buffer.from(/certificate-authority-data: (\S+)/.exec(text)?.[1] ?? "", "base64").toString();
    const call = async (path: string, init: BunFetchRequestInit = {}) =>
      await fetch(`https://127.0.0.1:${port}${path}`, {
        headers: { authorization: `Bearer ${token}` },
        tls: { ca },
        ...init,
      });
    const body = JSON.stringify({ metadata: { name: "kept" } });
    expect(
      (
        await call("/api/v1/namespaces", {
          method: "POST",
          body,
          headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        })
      ).status,
    ).toBe(201);
    const { pid } = await sandbox.status();
    process.kill(pid ?? 0, "SIGKILL");
    expect((await sandbox.run("docker", "ps")).stderr).toContain("Is the docker daemon running?");
    await sandbox.main("up");
    expect((await call("/api/v1/namespaces/kept")).status).toBe(200);
    await expect(fetch(`https://127.0.0.1:${port}/version`)).rejects.toThrow();
    await sandbox.run("docker", "stop", "back.internal-control-plane");
    await expect(call("/readyz")).rejects.toThrow();
    await sandbox.run("docker", "start", "back.internal-control-plane");
    expect((await call("/api/v1/namespaces/kept")).status).toBe(200);
    await deleteKind("back.internal");
    await expect(call("/readyz")).rejects.toThrow();
  });

  test("a fault meets the n-th matching call only", async () => {
    await sandbox.main("fault", "docker", "volume ls", "fail:7:disk on fire", "--nth", "2");
    const codes: number[] = [];
    for (let call = 0; call < 3; call++) codes.push((await sandbox.run("docker", "volume", "ls")).code);
    expect(codes).toEqual([0, 7, 0]);
    await sandbox.main("fault", "--clear");
  });

  test("an image that cannot be pulled fails kind's first step", async () => {
    const pulled = "Error response from daemon: toomanyrequests: slow down";
    await sandbox.main("fault", "docker", "pull kindest/node:v1.35.0", `fail:1:${pulled}`);
    const config = sandbox.file("pull.yaml", kindConfig("pull.internal", freePort()));
    const outcome = await sandbox.run(
      "kind",
      "create",
      "cluster",
      "--name",
      "pull.internal",
      "--config",
      config,
      "--image",
      "kindest/node:v1.35.0",
    );
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain(`Command Output: ${pulled}`);
    await sandbox.main("fault", "--clear");
  });

  test.each([
    [["docker", "run", "busybox"]],
    [["docker", "ps", "--frob"]],
    [["docker", "ps", "--filter", "status=running"]],
    [["kind", "load", "docker-image"]],
    [["k3d", "node", "list"]],
  ])("refuses %p", async ([program = "", ...args]) => {
    const outcome = await sandbox.run(program, ...args);
    expect(outcome.code).toBe(64);
    expect(outcome.stderr).toStartWith(`sandbox ${program}: does not know `);
  });

  test("refuses fields of configurations that it would ignore", async () => {
    const kind = sandbox.file("x.yaml", `${kindConfig("x.internal", 1)}featureGates: { A: true }\n`);
    expect((await sandbox.run("kind", "create", "cluster", "--config", kind)).code).toBe(64);
    const k3d = sandbox.file("y.yaml", `${k3dConfig("y.internal", 1)}network: kind\n`);
    expect((await sandbox.run("k3d", "cluster", "create", "--config", k3d)).code).toBe(64);
  });
});

test("a daemon ends when its folder is gone", async () => {
  const sandbox = new TestSandbox();
  await sandbox.up();
  const log = join(sandbox.state, "daemon.log");
  expect(existsSync(log)).toBe(true);
  const docker = [process.execPath, join(import.meta.dir, "../../sandbox/docker/docker.ts"), "ps"];
  const socket = join(sandbox.state, "daemon.sock");
  rmSync(sandbox.state, { recursive: true });
  const deadline = Date.now() + 5000;
  while (existsSync(socket) && Date.now() < deadline) await Bun.sleep(20);
  const outcome = Bun.spawnSync(docker, { env: { ...sandbox.env, K8S_SANDBOX_STATE: sandbox.state } });
  expect(outcome.exitCode).toBe(1);
  sandbox.folder.remove();
}, 20_000);
