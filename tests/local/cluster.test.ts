import { describe, expect, test } from "bun:test";
import { FleetError } from "#lib/errors.ts";
import { createOutputs } from "#lib/graph/outputs.ts";
import type { World, WorldOptions } from "#lib/graph/world.ts";
import { localCluster } from "#lib/local/cluster.ts";
import { kind } from "#lib/local/kind.ts";
import { isUnfinished, markUnfinished } from "#lib/local/ready-mark.ts";
import { failureOf } from "#tests/support/failure.ts";
import { fakeExec } from "#tests/support/fake-exec.ts";
import {
  apiPort,
  clusterName,
  emptyMachine,
  failed,
  finish,
  localWorld,
  type Machine,
  machineWithCluster,
} from "#tests/support/local-world.ts";

const resource = localCluster({
  cluster: { provider: "kind", name: clusterName, apiPort },
  tool: kind,
  domain: "mylabs.dev",
  wanted: { image: "node:1", workers: 1, api: `127.0.0.1:${apiPort}`, arguments: [] },
  needs: [],
});
const outputs = createOutputs();
const worker = `${clusterName}-worker`;
const creating = `kind create cluster --name ${clusterName} --config ${clusterName}.yaml --image node:1 --kubeconfig kubeconfig --retain`;
const deleting = `kind delete cluster --name ${clusterName} --kubeconfig kubeconfig`;

const observe = (machine: Machine) => resource.observe(localWorld(machine).world, outputs);
/** As it was left by a run of ours that was killed. */
async function begun(machine: Machine, options: Partial<WorldOptions> = {}) {
  const opened = localWorld(machine, options);
  await markUnfinished(opened.world, clusterName);
  return opened;
}
const ensure = async (world: World) => await resource.ensure(world, await resource.observe(world, outputs), outputs);

const network = "reason:NetworkPluginNotReady message:cni plugin not initialized";
const failing = (app: string, reason: string) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: `${app}-1`, labels: { "k8s-app": app } },
  status: { containerStatuses: [{ state: { waiting: { reason } } }] },
});

/** A machine on which the second node registers only after some looks. */
function slowToJoin(looks: number): Machine {
  const machine = emptyMachine();
  let left = looks;
  machine.onCreate = () => {
    finish(machine);
    const { nodes } = machine;
    const [first = ""] = Object.keys(nodes);
    Object.defineProperty(machine, "nodes", {
      get: () => (left-- > 0 ? { [first]: true } : nodes),
      set: () => undefined,
    });
    return { stdout: "", stderr: "", exitCode: 0 };
  };
  return machine;
}

describe("a kind cluster that was just created", () => {
  test("may take a moment until its nodes have registered", async () => {
    const { world, calls, said } = localWorld(slowToJoin(5));
    expect(await ensure(world)).toMatchObject({ phase: "ready" });
    expect(said).toContain("waiting for what it lacks: 1 of 2 nodes never joined");
    expect(calls).toEqual([creating]);
  });

  test("is an error when they don't within a minute", async () => {
    const { world } = localWorld(slowToJoin(Number.POSITIVE_INFINITY));
    const failure = await failureOf(ensure(world));
    expect([failure.code, failure.message]).toEqual([
      "ClusterNotReady",
      "kind ended well, but 1 of 2 nodes never joined",
    ]);
    expect(world.clock.now()).toBeWithin(60_000, 61_000);
  });
});

describe("a kind cluster is seen", () => {
  test("absent without containers", async () => {
    expect(await observe(emptyMachine())).toEqual({ kind: "absent" });
  });

  test("ready when its nodes are, and CoreDNS is up", async () => {
    const observed = await observe(machineWithCluster());
    expect(observed).toMatchObject({ kind: "present", state: { phase: "ready", waitingFor: "" } });
  });

  test.each<[string, Partial<Machine>, string]>([
    ["a node that is not", { nodes: { a: true, b: false } }, "1 of 2 nodes (b: KubeletNotReady)"],
    [
      "a pod network",
      {
        nodes: { a: false, b: true },
        kubeletMessage: `container runtime network not ready: NetworkReady=false ${network}`,
        pods: [failing("kube-dns", "Pending"), failing("kindnet", "ErrImagePull")],
      },
      "1 of 2 nodes (a: NetworkPluginNotReady: cni plugin not initialized): pod kindnet-1: ErrImagePull",
    ],
    ["CoreDNS", { dnsUp: false }, "CoreDNS"],
    [
      "an image of CoreDNS",
      { dnsUp: false, pods: [failing("kindnet", "Error"), failing("kube-dns", "ImagePullBackOff")] },
      "CoreDNS: pod kube-dns-1: ImagePullBackOff",
    ],
  ])("starting while it waits for %s", async (_what, change, waitingFor) => {
    expect(await observe(machineWithCluster(change))).toMatchObject({ state: { phase: "starting", waitingFor } });
  });

  test("absent when another command removes it under the look", async () => {
    const machine = machineWithCluster();
    machine.kubeconfigFault = () => {
      machine.containers = {};
      return `Error: No such object: ${worker}`;
    };
    expect(await observe(machine)).toEqual({ kind: "absent" });
  });

  test("as it is then, when another command removes a part of it under the look", async () => {
    const machine = machineWithCluster();
    machine.kubeconfigFault = () => {
      machine.containers = { [`${clusterName}-control-plane`]: "running" };
      machine.kubeconfigFault = undefined;
      return `Error: No such object: ${worker}`;
    };
    expect(await observe(machine)).toMatchObject({ kind: "present", state: { configuration: { workers: 0 } } });
  });

  test("stopped with a container that is", async () => {
    const observed = await observe(
      machineWithCluster({ containers: { [`${clusterName}-control-plane`]: "running", [worker]: "exited" } }),
    );
    expect(observed).toMatchObject({ state: { phase: "stopped", waitingFor: "1 of 2 containers are exited" } });
  });

  const lacking: readonly (readonly [string, Partial<Machine>, string])[] = [
    ["without a control plane", { containers: { [worker]: "running" } }, "it has no control plane"],
    [
      "with a container that never ran",
      { containers: { [`${clusterName}-control-plane`]: "created" } },
      `container ${clusterName}-control-plane is created`,
    ],
    ["without its network", { hasNetwork: false }, "kube-system has no daemonsets/kindnet"],
    ["with a node that never joined", { nodes: { a: true } }, "1 of 2 nodes never joined"],
  ];

  test.each(lacking)("half-made %s, where a run of ours began to make it", async (_what, change, why) => {
    const { world } = await begun(machineWithCluster({ isMarked: false, ...change }));
    expect(await resource.observe(world, outputs)).toEqual({ kind: "broken", why });
  });

  test.each(lacking)("damaged %s, where nobody knows that it was never ready", async (_what, change, waitingFor) => {
    const observed = await observe(machineWithCluster({ isMarked: false, ...change }));
    expect(observed).toMatchObject({ kind: "present", state: { phase: "damaged", waitingFor } });
  });

  test("damaged with a node that was deleted, whatever a run of ours once began", async () => {
    const { world } = await begun(machineWithCluster({ nodes: { a: true } }));
    const observed = await resource.observe(world, outputs);
    expect(observed).toMatchObject({ state: { phase: "damaged", waitingFor: "1 of 2 nodes are missing" } });
    if (observed.kind !== "present") throw new Error(observed.kind);
    expect(resource.diff(observed.state, outputs)).toEqual([
      { field: "state", from: "damaged: 1 of 2 nodes are missing", to: "complete", effect: "replace" },
    ]);
    expect(resource.health(observed.state)).toEqual({
      kind: "degraded",
      summary: "damaged: 1 of 2 nodes are missing",
      cluster: { nodes: "1" },
    });
  });

  test.each(["Error response from daemon: container is not running", "unexpected EOF", ""])(
    "never as unfinished because kind itself fails: %p",
    async (kubeconfigFault) => {
      const { world, calls } = await begun(machineWithCluster({ isMarked: false, kubeconfigFault }));
      const error = await failureOf(resource.observe(world, outputs));
      expect([error.code, error.hint, calls]).toEqual([
        "ProgramFailed",
        "run the same command again; the cluster was left alone",
        [],
      ]);
    },
  );

  test("with docker alone: another engine is refused by name", async () => {
    const { world } = localWorld(machineWithCluster());
    const error = await failureOf(
      resource.observe({ ...world, variables: { KIND_EXPERIMENTAL_PROVIDER: "podman" } }, outputs),
    );
    expect([error.code, error.message]).toEqual([
      "KindProviderRefused",
      "KIND_EXPERIMENTAL_PROVIDER is podman: kind clusters are created with docker here",
    ]);
  });

  test.each([
    ["another fleet", "other.dev", "made by the fleet other.dev"],
    ["a person", undefined, "not made by this fleet"],
  ])("as somebody else's when %s made it", async (_who, owner, why) => {
    expect(await observe(machineWithCluster({ owner }))).toMatchObject({
      kind: "foreign",
      why: expect.stringContaining(why),
    });
  });

  test("busy while a kind is at work on it", async () => {
    const processes = [`4711 /usr/bin/kind create cluster --name ${clusterName}`];
    const why = "kind is creating it (process 4711)";
    for (const machine of [emptyMachine(), machineWithCluster({ hasNetwork: false })]) {
      expect(await observe(Object.assign(machine, { processes }))).toEqual({ kind: "busy", why });
    }
  });
});

describe("what differs from the fleet", () => {
  test("is named, and can only be replaced", async () => {
    const observed = await observe(machineWithCluster({ image: "node:0" }));
    if (observed.kind !== "present") throw new Error(observed.kind);
    expect(resource.diff(observed.state, outputs)).toEqual([
      { field: "image", from: "node:0", to: "node:1", effect: "replace" },
    ]);
  });

  test("is nothing when all is as it should be", async () => {
    const observed = await observe(machineWithCluster());
    if (observed.kind !== "present") throw new Error(observed.kind);
    expect(resource.diff(observed.state, outputs)).toEqual([]);
  });
});

describe("a kind cluster is", () => {
  test("made by one command of kind, and waited for", async () => {
    const machine = emptyMachine();
    const { world, calls, clock } = localWorld(machine);
    machine.onCreate = () => {
      finish(machine);
      machine.dnsUp = false;
      void clock.sleep(5_000).then(() => Object.assign(machine, { dnsUp: true }));
      return { stdout: "", stderr: "", exitCode: 0 };
    };
    expect(await ensure(world)).toMatchObject({ phase: "ready" });
    expect(calls).toEqual([creating]);
    expect([machine.isMarked, await isUnfinished(world, clusterName)]).toEqual([true, false]);
    expect(clock.elapsed()).toBeGreaterThanOrEqual(5_000);
  });

  test("started when it is stopped, its control plane first", async () => {
    const containers = { [worker]: "exited", [`${clusterName}-control-plane`]: "exited" };
    const { world, calls } = localWorld(machineWithCluster({ containers }));
    expect(await ensure(world)).toMatchObject({ phase: "ready" });
    expect(calls).toEqual([`docker container start ${clusterName}-control-plane`, `docker container start ${worker}`]);
  });

  test("made anew when it is half-made, or differs", async () => {
    for (const change of [{ hasNetwork: false, isMarked: false }, { image: "node:0" }]) {
      const machine = machineWithCluster(change);
      const { world, calls } = await begun(machine);
      machine.onCreate = () => {
        finish(machine);
        Object.assign(machine, { hasNetwork: true, image: "node:1" });
        return { stdout: "", stderr: "", exitCode: 0 };
      };
      expect(await ensure(world)).toMatchObject({ phase: "ready" });
      expect(calls).toEqual([deleting, creating]);
    }
  });

  test("adopted by labels on its nodes", async () => {
    const { world, calls } = localWorld(machineWithCluster({ owner: undefined }), { adopt: true });
    expect(await ensure(world)).toMatchObject({ phase: "ready" });
    expect(calls).toHaveLength(2);
    expect(calls[0]).toContain(`PATCH /api/v1/nodes/${clusterName}-control-plane`);
  });

  test("given up when it never becomes ready, with what is missing", async () => {
    const error = await failureOf(ensure(localWorld(machineWithCluster({ dnsUp: false })).world));
    expect([error.code, error.message]).toEqual([
      "ClusterNotReady",
      "not ready after 10 minutes: still waiting for CoreDNS",
    ]);
  });

  test("removed, also when it is gone", async () => {
    for (const machine of [machineWithCluster(), emptyMachine()]) {
      const { world, calls } = localWorld(machine);
      const removal = await resource.remove(world, await resource.observe(world, outputs), outputs);
      expect([removal.kind, calls]).toEqual(["removed", [deleting]]);
    }
  });
});

describe("a create that fails", () => {
  const half = (machine: Machine, said: string): void => {
    machine.onCreate = () => {
      machine.containers = { [worker]: "running" };
      return failed(said);
    };
  };

  test("leaves nothing", async () => {
    const machine = emptyMachine();
    half(machine, "it broke");
    const { world, calls } = localWorld(machine);
    const error = await failureOf(ensure(world));
    expect([error.code, error.details]).toEqual(["ProgramFailed", ["it broke"]]);
    expect([calls, machine.containers]).toEqual([[creating, deleting], {}]);
  });

  test.each([
    `ERROR: failed to create cluster: node(s) already exist for a cluster with the name "${clusterName}"`,
    `docker: Error response from daemon: Conflict. The container name "/${worker}" is already in use by container "4f2".`,
    `Failed to create cluster '${clusterName}' because a cluster with that name already exists`,
  ])("because another was faster leaves that one alone, and names it: %s", async (said) => {
    const machine = emptyMachine();
    machine.onCreate = () => {
      machine.containers = { [worker]: "running" };
      machine.processes = [`  71 kind create cluster --name ${clusterName} --config /tmp/x/${clusterName}.yaml`];
      return failed(said);
    };
    const { world, calls } = localWorld(machine);
    const error = await failureOf(ensure(world));
    expect([error.code, error.message]).toEqual([
      "StillBusy",
      "another program made it at the same time: kind is creating it (process 71)",
    ]);
    expect([calls, machine.containers]).toEqual([[creating], { [worker]: "running" }]);
  });

  test("leaves everything where it is to be looked at", async () => {
    const machine = emptyMachine();
    half(machine, "it broke");
    const { world, calls } = localWorld(machine, { retain: true });
    await failureOf(ensure(world));
    expect(calls).toEqual([creating]);
  });

  test.each([
    [`Bind for 127.0.0.1:${apiPort} failed: port is already allocated`, "PortTaken"],
    ['could not find a log line that matches "Reached target"', "InotifyLow"],
    ["failed to pull image: dial tcp: no such host", "ImageUnavailable"],
  ])("is explained: %s", async (said, code) => {
    const machine = emptyMachine();
    half(machine, said);
    const { world } = localWorld(machine);
    const error = await failureOf(ensure({ ...world, exec: withoutListeners(world) }));
    expect(error.code).toBe(code);
    expect(error.hint).not.toBeUndefined();
  });

  test("by an interrupt is cleaned up in spite of it", async () => {
    const controller = new AbortController();
    const machine = emptyMachine();
    const { world, calls } = localWorld(machine);
    machine.onCreate = () => {
      machine.containers = { [worker]: "running" };
      controller.abort(new FleetError("Interrupted", "interrupted"));
      throw controller.signal.reason;
    };
    const error = await failureOf(ensure({ ...world, signal: controller.signal }));
    expect(error.code).toBe("Interrupted");
    expect([calls, machine.containers]).toEqual([[creating, deleting], {}]);
  });
});

/** Nothing listens on this machine; how that is asked is not of interest here. */
function withoutListeners(world: World): World["exec"] {
  return fakeExec(async (program, args, options) =>
    ["ss", "lsof", "netstat"].includes(program)
      ? failed("")
      : await world.exec({ ...options, nothrow: true })`${program} ${args}`,
  );
}
