import { expect } from "bun:test";
import { stat } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { createKubernetesApi } from "#lib/kubernetes/api.ts";
import { endpointOf, parseKubeconfig } from "#lib/kubernetes/kubeconfig.ts";
import { type Ended, type Harness, names } from "./harness.ts";

/** What must hold of the fleet of two, in the sandbox as on real Docker. Each begins and ends with no clusters. */
export const scenarios: Readonly<Record<string, (harness: Harness, pace: Pace) => Promise<void>>> = {
  "come up, stay as they are, are started when stopped, and go without a trace": liveAndDie,
  "come up after a kill -9 in the middle": surviveKill,
  "leave no program and nothing half-made after an interrupt": surviveInterrupt,
  "come up beside one that fails": failAlone,
  "are refused when another fleet made them, unless adopted": adoptForeign,
  "are replaced only when that is permitted": replaceDrifted,
  "wait for another command that works on them": shareWork,
  "wait for another checkout on the same Docker": shareDocker,
  "are orphans when the fleet no longer names them, and go only when they are asked for": leaveOrphans,
};

export interface Pace {
  /** How long a create of both takes, about. */
  readonly createMs: number;
  /** Number of nodes that a cluster must have, as somebody else counts them. */
  readonly readyNodes: (kubeconfig: string) => Promise<readonly string[]>;
}

const clusterId = (name: string): string => `local/${name}/cluster`;

function outcomes(run: Ended): readonly string[] {
  return [...new Set(Object.values(run.results).map((result) => result.outcome))].sort();
}

async function expectReady(harness: Harness, pace: Pace): Promise<void> {
  for (const name of names) {
    expect((await pace.readyNodes(harness.kubeconfig(name))).length).toBe(2);
    expect((await stat(harness.kubeconfig(name))).mode & 0o777).toBe(0o600);
  }
}

async function create(harness: Harness, ...args: readonly string[]): Promise<Ended> {
  const run = await harness.run("create-all", args);
  expect(run.stderr).toBe("");
  expect({ exitCode: run.exitCode, errors: errorsOf(run) }).toEqual({ exitCode: 0, errors: [] });
  return run;
}

function errorsOf(run: Ended): readonly unknown[] {
  return Object.values(run.results).flatMap((result) => result.error ?? []);
}

async function deleteAll(harness: Harness): Promise<void> {
  const run = await harness.run("delete-all", ["--yes"]);
  expect({ exitCode: run.exitCode, errors: errorsOf(run) }).toEqual({ exitCode: 0, errors: [] });
  expect(await harness.leftovers()).toEqual([]);
}

async function liveAndDie(harness: Harness, pace: Pace): Promise<void> {
  const planned = await harness.run("plan", ["--detailed-exitcode"]);
  expect({ exitCode: planned.exitCode, outcomes: outcomes(planned) }).toEqual({
    exitCode: 2,
    outcomes: expect.arrayContaining(["to make"]),
  });
  for (const [flags, exitCode] of [
    [[], 1],
    [["--allow-absent"], 0],
  ] as const) {
    const absent = await harness.run("status", flags);
    expect([absent.exitCode, names.map((name) => absent.results[clusterId(name)]?.outcome)]).toEqual([
      exitCode,
      ["absent", "absent"],
    ]);
  }
  const made = await create(harness);
  for (const name of names) expect(made.results[clusterId(name)]?.outcome).toBe("made");
  await expectReady(harness, pace);

  expect(outcomes(await create(harness))).toEqual(["unchanged"]);
  const status = await harness.run("status");
  expect({ exitCode: status.exitCode, outcomes: outcomes(status) }).toEqual({ exitCode: 0, outcomes: ["healthy"] });
  const unchanged = await harness.run("plan", ["--detailed-exitcode"]);
  expect([unchanged.exitCode, outcomes(unchanged)]).toEqual([0, ["unchanged"]]);

  const stopped = await harness.program("docker", [
    "container",
    "stop",
    "test-kind.internal-worker",
    "k3d-test-k3d.internal-agent-0",
  ]);
  expect(stopped.exitCode).toBe(0);
  expect((await harness.run("status")).exitCode).toBe(1);
  const started = await create(harness);
  for (const name of names) expect(started.results[clusterId(name)]?.outcome).toBe("updated");
  await expectReady(harness, pace);

  expect(outcomes(await harness.run("delete-all", ["--dry-run"]))).toContain("to remove");
  await expectReady(harness, pace);
  await deleteAll(harness);
  expect(outcomes(await harness.run("delete-all", ["--yes"]))).not.toContain("removed");
}

async function surviveKill(harness: Harness, pace: Pace): Promise<void> {
  const killed = harness.start("create-all");
  await Bun.sleep(pace.createMs * (0.1 + Math.random() * 0.6));
  killed.kill("SIGKILL");
  await killed.ended;
  await create(harness);
  await expectReady(harness, pace);
  await deleteAll(harness);
}

async function surviveInterrupt(harness: Harness, pace: Pace): Promise<void> {
  for (const [signal, exitCode] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const) {
    const run = harness.start("create-all");
    await run.begun;
    await Bun.sleep(pace.createMs * 0.1);
    run.kill(signal);
    expect((await run.ended).exitCode).toBe(exitCode);
    expect((await harness.leftovers()).filter((left) => left.startsWith("process"))).toEqual([]);
    // The next one must have all the work before it, or it ends before its signal. The last one is gone on from.
    if (signal === "SIGINT") await deleteAll(harness);
  }
  await create(harness);
  await expectReady(harness, pace);
  await deleteAll(harness);
}

async function failAlone(harness: Harness): Promise<void> {
  // Starts the sandbox: one that starts while the port is in use would choose another.
  await harness.run("status");
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(6571, "127.0.0.1", resolve));
  try {
    const run = await harness.run("create-all");
    expect(run.exitCode).toBe(1);
    const error = run.results[clusterId("test-kind.internal")]?.error;
    expect(error?.code).toBe("PortTaken");
    expect(error?.message).toContain("port 6571");
    expect(error?.hint).toContain("apiPort");
    expect(run.results["local/test-kind.internal/kubeconfig"]?.cause).toBe(clusterId("test-kind.internal"));
    expect(run.results["local/test-k3d.internal/kubeconfig"]?.outcome).toBe("made");
  } finally {
    await new Promise((resolve) => holder.close(resolve));
  }
  await deleteAll(harness);
}

async function adoptForeign(harness: Harness, pace: Pace): Promise<void> {
  const image = Bun.env.KIND_NODE_IMAGE ?? "kindest/node:v1.36.1";
  const config = `${harness.state}/foreign.yaml`;
  await Bun.write(
    config,
    `kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
name: test-kind.internal
networking: { apiServerAddress: 127.0.0.1, apiServerPort: 6571 }
nodes: [{ role: control-plane }, { role: worker }]
`,
  );
  const kubeconfig = `${harness.state}/foreign-kubeconfig`;
  const args = [
    "create",
    "cluster",
    "--name",
    "test-kind.internal",
    "--config",
    config,
    "--image",
    image,
    "--kubeconfig",
    kubeconfig,
  ];
  expect((await harness.program("kind", args)).exitCode).toBe(0);

  const refused = await harness.run("create-all", ["test-kind.internal"]);
  expect(refused.exitCode).toBe(1);
  expect(refused.results[clusterId("test-kind.internal")]?.error?.code).toBe("ForeignResource");
  expect((await harness.run("delete-all", ["test-kind.internal", "--yes"])).exitCode).toBe(1);
  expect((await harness.leftovers()).some((left) => left.includes("control-plane"))).toBe(true);

  const adopted = await create(harness, "test-kind.internal", "--adopt");
  expect(adopted.results[clusterId("test-kind.internal")]?.outcome).toBe("adopted");
  expect((await pace.readyNodes(harness.kubeconfig("test-kind.internal"))).length).toBe(2);
  await deleteAll(harness);
}

async function replaceDrifted(harness: Harness, pace: Pace): Promise<void> {
  await create(harness, "test-kind.internal");
  await loseNode(harness, "test-kind.internal");
  const narrower = `${harness.state}/narrower.yaml`;
  await Bun.write(
    narrower,
    `domain: two-local.test
zones: []
accounts: []
clusters:
  - { provider: kind, name: test-kind.internal, apiPort: 6571, workers: 0 }
`,
  );
  const planned = await harness.run("plan", ["--detailed-exitcode"], { fleet: narrower });
  expect([planned.exitCode, planned.results[clusterId("test-kind.internal")]]).toMatchObject([
    2,
    { outcome: "to replace", requires: "--allow-replacement", changes: [{ field: "workers", effect: "replace" }] },
  ]);
  const drifted = await harness.run("create-all", [], { fleet: narrower });
  expect(drifted.exitCode).toBe(1);
  const error = drifted.results[clusterId("test-kind.internal")]?.error;
  expect(error?.code).toBe("ReplacementRequired");
  expect(error?.details).toEqual(["workers: 1 → 0"]);
  expect((await pace.readyNodes(harness.kubeconfig("test-kind.internal"))).length).toBe(2);

  const replaced = await harness.run("create-all", ["--allow-replacement"], { fleet: narrower });
  expect(replaced.results[clusterId("test-kind.internal")]?.outcome).toBe("replaced");
  expect((await pace.readyNodes(harness.kubeconfig("test-kind.internal"))).length).toBe(1);
  await deleteAll(harness);
}

/** A cluster that was ready keeps its data, whatever has happened to it since. */
async function loseNode(harness: Harness, name: string): Promise<void> {
  const path = harness.kubeconfig(name);
  const endpoint = endpointOf(parseKubeconfig(await Bun.file(path).text(), path), path);
  await createKubernetesApi(endpoint).remove(`/api/v1/nodes/${name}-worker`, {});
  const damaged = await harness.run("create-all", [name]);
  expect(damaged.exitCode).toBe(1);
  const { code, details } = damaged.results[clusterId(name)]?.error ?? {};
  expect([code, details]).toEqual(["ReplacementRequired", ["state: damaged: 1 of 2 nodes are missing → complete"]]);
  expect((await harness.run("status", [name])).exitCode).toBe(1);
  const replaced = await harness.run("create-all", [name, "--allow-replacement"]);
  expect([replaced.exitCode, replaced.results[clusterId(name)]?.outcome]).toEqual([0, "replaced"]);
}

async function shareWork(harness: Harness, pace: Pace): Promise<void> {
  const [first, second] = await Promise.all([harness.run("create-all"), harness.run("create-all")]);
  expect([first.exitCode, second.exitCode]).toEqual([0, 0]);
  for (const name of names) {
    const both = [first, second].map((run) => run.results[clusterId(name)]?.outcome).sort();
    expect(both).toEqual(["made", "unchanged"]);
  }
  await expectReady(harness, pace);
  await deleteAll(harness);
}

/** Two clones have no lease in common but that of the machine. */
async function shareDocker(harness: Harness, pace: Pace): Promise<void> {
  const [one, two] = [{ checkout: "one" }, { checkout: "two" }];
  const both = await Promise.all([one, two].map((options) => harness.run("create-all", [], options)));
  expect(both.map((run) => [run.exitCode, errorsOf(run)])).toEqual([
    [0, []],
    [0, []],
  ]);
  for (const name of names) {
    expect(both.map((run) => run.results[clusterId(name)]?.outcome).sort()).toEqual(["made", "unchanged"]);
    for (const { checkout } of [one, two]) {
      expect((await pace.readyNodes(harness.kubeconfig(name, checkout))).length).toBe(2);
    }
  }
  const waited = both.flatMap(({ events }) => events).filter((event) => event.kind === "progress");
  expect(waited.map(({ message }) => message)).toContainEqual(
    expect.stringMatching(/^waiting for another command that works on it \(process \d+: create-all of \//),
  );

  // Whoever is first, both end well, and what is there afterwards is whole.
  const deleting = harness.run("delete-all", ["--yes"], one);
  await Bun.sleep(pace.createMs * 0.05 * Math.random());
  const mixed = await Promise.all([deleting, harness.run("create-all", [], two)]);
  expect(mixed.map((run) => [run.exitCode, errorsOf(run)])).toEqual([
    [0, []],
    [0, []],
  ]);
  const again = await harness.run("create-all", [], two);
  expect([again.exitCode, errorsOf(again)]).toEqual([0, []]);
  for (const name of names) expect((await pace.readyNodes(harness.kubeconfig(name, "two"))).length).toBe(2);

  // While one creates, the other deletes what is there by then, and nothing of it is left.
  expect((await harness.run("delete-all", ["--yes"], one)).exitCode).toBe(0);
  const creating = harness.start("create-all", [], two);
  await creating.begun;
  const [made, deleted] = await Promise.all([creating.ended, harness.run("delete-all", ["--yes"], one)]);
  expect([deleted.exitCode, errorsOf(deleted)]).toEqual([0, []]);
  expect([made.exitCode, errorsOf(made)]).toEqual([0, []]);
  for (const options of [one, two]) expect((await harness.run("delete-all", ["--yes"], options)).exitCode).toBe(0);
  expect(await harness.leftovers()).toEqual([]);
}

async function leaveOrphans(harness: Harness, pace: Pace): Promise<void> {
  const [k3d, kind] = names;
  const fleetOf = async (name: string, domain: string, ...clusters: readonly object[]): Promise<string> => {
    const path = join(harness.state, `${name}.json`);
    await Bun.write(path, JSON.stringify({ domain, zones: [], accounts: [], clusters }));
    return path;
  };
  const kindEntry = { provider: "kind", name: kind, apiPort: 6571 };
  const removed = { fleet: await fleetOf("removed", "two-local.test", kindEntry) };
  const renamed = { fleet: await fleetOf("renamed", "two-local.test", { ...kindEntry, name: "test-kind2.internal" }) };
  const foreign = { fleet: await fleetOf("foreign", "other.test") };
  const endOf = (run: Ended, name: string) => run.results[clusterId(name)]?.outcome;
  await create(harness);

  const status = await harness.run("status", [], removed);
  expect([status.exitCode, endOf(status, k3d), endOf(status, kind)]).toEqual([1, "orphan", "healthy"]);
  const planned = await harness.run("plan", ["--detailed-exitcode"], removed);
  expect([planned.exitCode, endOf(planned, k3d), endOf(planned, kind)]).toEqual([0, "orphan", "unchanged"]);
  const created = await harness.run("create-all", [], removed);
  expect([created.exitCode, endOf(created, k3d), endOf(created, kind)]).toEqual([0, undefined, "unchanged"]);
  await expectReady(harness, pace);

  // Of another fleet nothing is an orphan, whatever it names.
  const other = await harness.run("status", ["--allow-absent"], foreign);
  expect(Object.values(other.results).filter(({ outcome }) => outcome === "orphan")).toEqual([]);
  for (const args of [["--orphans"], [k3d]]) {
    const refused = await harness.run("delete-all", [...args, "--yes"], foreign);
    expect(refused.exitCode).toBe(2);
  }
  await expectReady(harness, pace);

  const tried = await harness.run("delete-all", ["--orphans", "--dry-run"], removed);
  expect([tried.exitCode, endOf(tried, k3d), endOf(tried, kind)]).toEqual([0, "to remove", undefined]);
  const gone = await harness.run("delete-all", ["--orphans", "--yes"], removed);
  expect([gone.exitCode, endOf(gone, k3d), endOf(gone, kind)]).toEqual([0, "removed", undefined]);
  expect((await pace.readyNodes(harness.kubeconfig(kind))).length).toBe(2);
  expect((await harness.run("delete-all", ["--orphans", "--yes"], removed)).exitCode).toBe(2);

  // A name that the fleet has, for another tool, is no orphan's: a delete of orphans must not reach what has its name.
  const retold = { fleet: await fleetOf("retold", "two-local.test", { ...kindEntry, provider: "k3d" }) };
  expect((await harness.run("delete-all", ["--orphans", "--yes"], retold)).exitCode).toBe(2);
  expect(endOf(await harness.run("plan", [], retold), kind)).toBe("to replace");
  const drifted = await harness.run("status", [], retold);
  expect([drifted.exitCode, endOf(drifted, kind)]).toEqual([1, "degraded"]);
  const refused = await harness.run("create-all", [], retold);
  expect([refused.exitCode, refused.results[clusterId(kind)]?.error?.code]).toEqual([1, "ReplacementRequired"]);
  expect((await pace.readyNodes(harness.kubeconfig(kind))).length).toBe(2);
  // There and back.
  for (const [entry, node] of [
    [retold, `k3d-${kind}-server-0`],
    [removed, `${kind}-control-plane`],
  ] as const) {
    const replaced = await harness.run("create-all", ["--allow-replacement"], entry);
    expect([replaced.exitCode, errorsOf(replaced), endOf(replaced, kind)]).toEqual([0, [], "replaced"]);
    expect(await pace.readyNodes(harness.kubeconfig(kind))).toContain(node);
    const again = await harness.run("create-all", [], entry);
    expect([again.exitCode, endOf(again, kind)]).toEqual([0, "unchanged"]);
  }

  const both = await harness.run("plan", [], renamed);
  expect([endOf(both, kind), endOf(both, "test-kind2.internal")]).toEqual(["orphan", "to make"]);
  // kind marks nodes in Kubernetes alone, which a stopped cluster can't be asked.
  await harness.program("docker", ["container", "stop", `${kind}-control-plane`, `${kind}-worker`]);
  expect(endOf(await harness.run("status", ["--allow-absent"], renamed), kind)).toBe("orphan");
  const named = await harness.run("delete-all", [kind, "--yes"], renamed);
  expect([named.exitCode, endOf(named, kind)]).toEqual([0, "removed"]);
  expect(await harness.leftovers()).toEqual([]);
}
