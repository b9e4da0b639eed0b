import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { stat } from "node:fs/promises";
import { createServer } from "node:net";
import { type Harness, names, openHarness, readyNodes, whyNot } from "./harness.ts";

// Noisy machines have been seen to take ten times as long as quiet ones.
setDefaultTimeout(15 * 60_000);

const reason = await whyNot();
if (reason !== undefined) process.stderr.write(`tests on real clusters are skipped: ${reason}\n`);

describe.skipIf(reason !== undefined)("on real Docker", () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await openHarness();
  });
  afterAll(async () => await harness.close());

  async function expectReady(): Promise<void> {
    for (const name of names) {
      expect((await readyNodes(harness.kubeconfig(name))).length).toBe(2);
      expect((await stat(harness.kubeconfig(name))).mode & 0o777).toBe(0o600);
    }
  }

  // One after the other on purpose: each begins where the one before ended.
  test("clusters come up, stay, survive kills and interrupts, and go without a trace", async () => {
    const created = await harness.run("create-all");
    expect(created.stderr).toBe("");
    expect(created.exitCode).toBe(0);
    await expectReady();

    const again = await harness.run("create-all");
    expect(again.exitCode).toBe(0);
    expect([...new Set(Object.values(again.results).map((result) => result.outcome))]).toEqual(["unchanged"]);

    const status = await harness.run("status");
    expect(status.exitCode).toBe(0);

    // Stopped clusters are started, not made anew.
    const stopped = Bun.spawnSync([
      "docker",
      "stop",
      "--time",
      "1",
      "test-kind.internal-worker",
      "k3d-test-k3d.internal-agent-0",
    ]);
    expect(stopped.exitCode).toBe(0);
    expect((await harness.run("status")).exitCode).toBe(1);
    const started = await harness.run("create-all");
    expect(started.exitCode).toBe(0);
    for (const name of names) expect(started.results[`local/${name}/cluster`]?.outcome).toBe("updated");
    await expectReady();

    const deleted = await harness.run("delete-all", ["--yes"]);
    expect(deleted.exitCode).toBe(0);
    expect(await harness.leftovers()).toEqual([]);

    // Killed without a chance to clean up.
    const killed = harness.start("create-all");
    await Bun.sleep(6_000 + Math.random() * 10_000);
    killed.kill("SIGKILL");
    await killed.ended;
    const resumed = await harness.run("create-all");
    expect(resumed.exitCode).toBe(0);
    await expectReady();
    await harness.run("delete-all", ["--yes"]);

    // Interrupted: nothing half-made is left, and no program goes on.
    const interrupted = harness.start("create-all");
    await Bun.sleep(8_000);
    interrupted.kill("SIGINT");
    expect((await interrupted.ended).exitCode).toBe(130);
    expect((await harness.leftovers()).filter((left) => /^\s*\d+ /.test(left))).toEqual([]);

    // One fails for a taken port; the other comes up.
    const holder = createServer().listen(6571, "127.0.0.1");
    const half = await harness.run("create-all");
    holder.close();
    expect(half.exitCode).toBe(1);
    expect(half.results["local/test-kind.internal/cluster"]?.error?.code).toBe("PortTaken");
    expect(half.results["local/test-kind.internal/kubeconfig"]?.outcome).toBe("blocked");
    expect(half.results["local/test-k3d.internal/kubeconfig"]?.outcome).toBe("made");
    await harness.run("delete-all", ["--yes"]);
    expect(await harness.leftovers()).toEqual([]);
  });
});
