import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { statSync } from "node:fs";
import { join } from "node:path";
import { k3dConfig, kindConfig, type Outcome, run, TestSandbox, temporaryFolder } from "#tests/sandbox/harness.ts";
import { freePort } from "#tests/support/free-port.ts";

/**
 * The same assertions on the sandbox's docker, kind and k3d and, with CONTRACT_REAL=1, on the real ones in PATH (Docker
 * running, images kindest/node:v1.36.1 and rancher/k3s:v1.36.1-k3s1 present). What passes on both is what code may rely on.
 */
interface Programs {
  readonly folder: string;
  readonly ports: { readonly kind: number; readonly k3d: number };
  run(program: string, ...args: readonly string[]): Promise<Outcome>;
  remove(): Promise<void>;
}

/** Fixed for the real programs, so that nobody else's cluster is met; free ones for the sandbox. */
const REAL_PORTS = { kind: 6591, k3d: 6592 };
const KIND = "contract-kind.internal";
const K3D = "contract-k3d.internal";
const KIND_IMAGE = "kindest/node:v1.36.1";
/** The real programs need half a minute for a cluster. */
const SLOW_MS = 240_000;
setDefaultTimeout(60_000);

async function sandboxPrograms(): Promise<Programs> {
  const sandbox = new TestSandbox();
  await sandbox.up();
  return {
    folder: sandbox.folder.path,
    ports: { kind: freePort(), k3d: freePort() },
    run: (program, ...args) =>
      program === "kubectl" ? run([program, ...args], sandbox.env) : sandbox.run(program, ...args),
    remove: () => sandbox.remove(),
  };
}

async function realPrograms(): Promise<Programs> {
  const folder = temporaryFolder();
  const env = { ...Bun.env, LOG_COLORS: "false", KUBECONFIG: join(folder.path, "default.yml") };
  const call = (program: string, ...args: readonly string[]) => run([program, ...args], env);
  const clean = async () => {
    await call("kind", "delete", "cluster", "--name", KIND, "--kubeconfig", join(folder.path, "kind.yml"));
    await call("k3d", "cluster", "delete", K3D);
  };
  await clean();
  return {
    folder: folder.path,
    ports: REAL_PORTS,
    run: call,
    remove: async () => {
      await clean();
      folder.remove();
    },
  };
}

const suites: readonly (readonly [string, () => Promise<Programs>])[] = [
  ["sandbox", sandboxPrograms],
  ...(Bun.env.CONTRACT_REAL === "1" ? [["real", realPrograms] as const] : []),
];

describe.each(suites)("%s programs", (_name, make) => {
  let programs: Programs;
  const call = (program: string, ...args: readonly string[]) => programs.run(program, ...args);
  const path = (name: string) => join(programs.folder, name);

  beforeAll(async () => {
    programs = await make();
    await Bun.write(path("kind.yaml"), kindConfig(KIND, programs.ports.kind));
    await Bun.write(path("rival.yaml"), kindConfig("contract-rival.internal", programs.ports.kind));
    await Bun.write(path("k3d.yaml"), k3dConfig(K3D, programs.ports.k3d));
  }, SLOW_MS);
  afterAll(() => programs.remove(), SLOW_MS);

  test("docker describes itself as JSON", async () => {
    const version = JSON.parse((await call("docker", "version", "--format", "{{json .}}")).stdout);
    expect(version.Client.Version).toBeString();
    expect(version.Server.Version).toBeString();
    const info = JSON.parse((await call("docker", "info", "--format", "{{json .}}")).stdout);
    expect(info).toMatchObject({ OSType: "linux", NCPU: expect.any(Number), MemTotal: expect.any(Number) });
    for (const key of ["ServerVersion", "DockerRootDir", "CgroupVersion", "OperatingSystem"]) {
      expect(info[key]).toBeString();
    }
  });

  test("docker refuses what is not there", async () => {
    const cases: readonly (readonly [string, Outcome])[] = [
      [
        "container inspect",
        { code: 1, stdout: "[]\n", stderr: "Error response from daemon: No such container: x-none\n" },
      ],
      ["inspect", { code: 1, stdout: "[]\n", stderr: "Error: No such object: x-none\n" }],
      [
        "container start",
        {
          code: 1,
          stdout: "",
          stderr: "Error response from daemon: No such container: x-none\nError: failed to start containers: x-none\n",
        },
      ],
      ["container stop", { code: 1, stdout: "", stderr: "Error response from daemon: No such container: x-none\n" }],
      [
        "container rm --force --volumes",
        { code: 0, stdout: "", stderr: "Error response from daemon: No such container: x-none\n" },
      ],
      [
        "network inspect",
        { code: 1, stdout: "[]\n", stderr: "Error response from daemon: network x-none not found\n" },
      ],
      [
        "network rm",
        { code: 1, stdout: "", stderr: "Error response from daemon: network x-none not found\nexit status 1\n" },
      ],
      ["volume rm", { code: 1, stdout: "", stderr: "Error response from daemon: get x-none: no such volume\n" }],
      [
        "image inspect",
        {
          code: 1,
          stdout: "[]\n",
          stderr: "Error response from daemon: no such image: x-none:latest: No such image: x-none:latest\n",
        },
      ],
    ];
    for (const [command, expected] of cases) {
      const name = command === "image inspect" ? "x-none:latest" : "x-none";
      expect(await call("docker", ...command.split(" "), name)).toEqual(expected);
    }
  });

  test("networks are made once, listed, inspected and removed", async () => {
    const name = "contract-network";
    const args = [
      "--driver",
      "bridge",
      "--label",
      "a=b",
      "--opt",
      "com.docker.network.bridge.enable_ip_masquerade=true",
    ];
    const created = await call(
      "docker",
      "network",
      "create",
      ...args,
      "--ipv6",
      "--subnet",
      "fc00:f853:ccd:e799::/64",
      name,
    );
    expect(created.stdout).toMatch(/^[0-9a-f]{64}\n$/);
    expect(await call("docker", "network", "create", ...args, name)).toEqual({
      code: 1,
      stdout: "",
      stderr: `Error response from daemon: network with name ${name} already exists\n`,
    });
    const [network] = JSON.parse((await call("docker", "network", "inspect", name)).stdout);
    expect(network).toMatchObject({
      Name: name,
      Driver: "bridge",
      EnableIPv6: true,
      Labels: { a: "b" },
      Containers: {},
    });
    const rows = await call("docker", "network", "ls", "--filter", `name=${name}`, "--format", "{{json .}}");
    expect(JSON.parse(rows.stdout)).toMatchObject({ Name: name, Driver: "bridge", IPv6: "true", Labels: "a=b" });
    expect(await call("docker", "network", "rm", name)).toEqual({ code: 0, stdout: `${name}\n`, stderr: "" });
  });

  test("kind and k3d answer about clusters that are not there", async () => {
    const kubeconfig = await call("kind", "get", "kubeconfig", "--name", "x-none");
    expect(kubeconfig).toMatchObject({ code: 1, stdout: "" });
    expect(kubeconfig.stderr).toStartWith("ERROR: could not locate any control plane nodes for cluster named 'x-none'");
    expect(await call("kind", "get", "nodes", "--name", "x-none")).toEqual({
      code: 0,
      stdout: "",
      stderr: 'No kind nodes found for cluster "x-none".\n',
    });
    expect(await call("kind", "delete", "cluster", "--name", "x-none", "--kubeconfig", path("none.yml"))).toEqual({
      code: 0,
      stdout: "",
      stderr: 'Deleting cluster "x-none" ...\n',
    });
    for (const args of [
      ["cluster", "start"],
      ["cluster", "stop"],
      ["kubeconfig", "get"],
    ]) {
      const outcome = await call("k3d", ...args, "x-none");
      expect(outcome).toMatchObject({ code: 1, stdout: "" });
      expect(outcome.stderr).toContain('level=fatal msg="No nodes found for given cluster"');
    }
    const deleted = await call("k3d", "cluster", "delete", "x-none");
    expect(deleted).toMatchObject({ code: 0, stderr: "" });
    expect(deleted.stdout).toContain("No nodes found for cluster 'x-none', nothing to delete.");
    expect(JSON.parse((await call("k3d", "version", "-o", "json")).stdout)).toEqual({
      k3d: "v5.9.0",
      k3s: "v1.36.1-k3s1",
    });
  });

  test(
    "a kind cluster from creation to deletion",
    async () => {
      const kubeconfig = path("kind.yml");
      const create = ["create", "cluster", "--name", KIND, "--config", path("kind.yaml"), "--kubeconfig", kubeconfig];
      const created = await call("kind", ...create, "--image", KIND_IMAGE, "--retain");
      expect(created).toMatchObject({ code: 0, stdout: "" });
      const steps = created.stderr.split("\n").filter((line) => /^ [•✓✗] /.test(line));
      expect(steps).toEqual(
        [
          `Ensuring node image (${KIND_IMAGE}) 🖼`,
          "Preparing nodes 📦 📦 ",
          "Writing configuration 📜",
          "Starting control-plane 🕹️",
          "Installing CNI 🔌",
          "Installing StorageClass 💾",
          "Joining worker nodes 🚜",
        ].flatMap((step) => [` • ${step}  ...`, ` ✓ ${step}`]),
      );
      expect(created.stderr).toContain(`Creating cluster "${KIND}" ...\n`);
      expect(created.stderr).toContain(`Set kubectl context to "kind-${KIND}"\n`);
      expect(statSync(kubeconfig).mode & 0o777).toBe(0o600);
      const written = Bun.YAML.parse(await Bun.file(kubeconfig).text());
      expect(written).toMatchObject({
        "current-context": `kind-${KIND}`,
        contexts: [{ name: `kind-${KIND}`, context: { cluster: `kind-${KIND}`, user: `kind-${KIND}` } }],
        clusters: [{ cluster: { server: `https://127.0.0.1:${programs.ports.kind}` } }],
      });
      expect(Bun.YAML.parse((await call("kind", "get", "kubeconfig", "--name", KIND)).stdout)).toEqual(written);
      expect((await call("kind", "get", "clusters")).stdout.split("\n")).toContain(KIND);
      const nodes = (await call("kind", "get", "nodes", "--name", KIND)).stdout.trim().split("\n");
      expect(nodes.toSorted()).toEqual([`${KIND}-control-plane`, `${KIND}-worker`]);

      const [container] = JSON.parse((await call("docker", "container", "inspect", `${KIND}-control-plane`)).stdout);
      const id: string = container.Id;
      const binding = [{ HostIp: "127.0.0.1", HostPort: String(programs.ports.kind) }];
      expect(container).toMatchObject({
        Name: `/${KIND}-control-plane`,
        State: { Status: "running", Running: true, ExitCode: 0, FinishedAt: "0001-01-01T00:00:00Z" },
        Config: {
          Image: KIND_IMAGE,
          Labels: { "io.x-k8s.kind.cluster": KIND, "io.x-k8s.kind.role": "control-plane" },
          Cmd: null,
        },
        HostConfig: { PortBindings: { "6443/tcp": binding }, NetworkMode: "kind" },
        NetworkSettings: {
          Ports: { "6443/tcp": binding },
          Networks: { kind: { IPAddress: expect.stringMatching(/^\d/) } },
        },
      });
      const byPort = await call(
        "docker",
        "container",
        "ls",
        "--all",
        "--quiet",
        "--no-trunc",
        "--filter",
        `publish=${programs.ports.kind}`,
      );
      expect(id).toMatch(/^[0-9a-f]{64}$/);
      expect(byPort.stdout).toBe(`${id}\n`);

      const again = await call("kind", ...create);
      expect(again.code).toBe(1);
      expect(again.stderr).toEndWith(
        `ERROR: failed to create cluster: node(s) already exist for a cluster with the name "${KIND}"\n`,
      );
      const rival = await call(
        "kind",
        "create",
        "cluster",
        "--config",
        path("rival.yaml"),
        "--kubeconfig",
        path("rival.yml"),
        "--image",
        KIND_IMAGE,
      );
      expect(rival.code).toBe(1);
      expect(rival.stderr).toContain(`Bind for 127.0.0.1:${programs.ports.kind} failed: port is already allocated`);
      expect(rival.stderr).toContain('Deleted nodes: ["');

      if (Bun.which("kubectl") !== null) {
        const kubectl = (...args: readonly string[]) => call("kubectl", "--kubeconfig", kubeconfig, ...args);
        expect(await kubectl("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=60s")).toMatchObject({
          code: 0,
          stdout: [`${KIND}-control-plane`, `${KIND}-worker`].map((node) => `node/${node} condition met\n`).join(""),
        });
        expect(await kubectl("get", "--raw", "/readyz")).toMatchObject({ code: 0, stdout: "ok" });
        expect((await kubectl("get", "nodes")).stdout).toMatch(/^NAME +STATUS +ROLES +AGE +VERSION\n/);
        expect(await kubectl("label", "node", `${KIND}-worker`, "contract=yes")).toMatchObject({ code: 0 });
        expect(await kubectl("create", "configmap", "contract", "--from-literal=a=b")).toMatchObject({
          code: 0,
          stdout: "configmap/contract created\n",
        });
        expect((await kubectl("get", "configmap", "contract", "-o", "jsonpath={.data.a}")).stdout).toBe("b");
        expect((await kubectl("create", "configmap", "contract")).stderr).toContain(
          'configmaps "contract" already exists',
        );
      }

      expect(await call("docker", "container", "stop", `${KIND}-control-plane`)).toEqual({
        code: 0,
        stdout: `${KIND}-control-plane\n`,
        stderr: "",
      });
      const stopped = await call("kind", "get", "kubeconfig", "--name", KIND);
      expect(stopped.code).toBe(1);
      expect(stopped.stderr).toContain(`Error response from daemon: Container ${id} is not running`);

      const deleted = await call("kind", "delete", "cluster", "--name", KIND, "--kubeconfig", kubeconfig);
      expect(deleted).toMatchObject({ code: 0, stdout: "" });
      expect(deleted.stderr).toMatch(/^Deleting cluster ".*" \.\.\.\nDeleted nodes: \[".*" ".*"\]\n$/);
      expect(await Bun.file(kubeconfig).text()).toBe("apiVersion: v1\nkind: Config\n");
    },
    SLOW_MS,
  );

  test(
    "a k3d cluster from creation to deletion",
    async () => {
      const create = ["cluster", "create", "--config", path("k3d.yaml"), "--kubeconfig-update-default=false"];
      const created = await call(
        "k3d",
        ...create,
        "--kubeconfig-switch-context=false",
        "--wait",
        "--timeout",
        "200s",
        "--no-rollback",
      );
      expect(created).toMatchObject({ code: 0, stderr: "" });
      expect(messages(created.stdout)).toEqual(
        expect.arrayContaining([
          "Prep: Network",
          `Created network 'k3d-${K3D}'`,
          `Created image volume k3d-${K3D}-images`,
          `Creating node 'k3d-${K3D}-server-0'`,
          `Creating node 'k3d-${K3D}-agent-0'`,
          `Creating LoadBalancer 'k3d-${K3D}-serverlb'`,
          "Starting servers...",
          "Starting agents...",
          "Starting helpers...",
          `Cluster '${K3D}' created successfully!`,
        ]),
      );
      const [cluster] = JSON.parse((await call("k3d", "cluster", "list", K3D, "-o", "json")).stdout);
      expect(cluster).toMatchObject({
        name: K3D,
        serversRunning: 1,
        serversCount: 1,
        agentsRunning: 1,
        agentsCount: 1,
        hasLoadbalancer: true,
        imageVolume: `k3d-${K3D}-images`,
      });
      expect(cluster.nodes.map(({ name }: { name: string }) => name).toSorted()).toEqual(
        ["agent-0", "server-0", "serverlb"].map((node) => `k3d-${K3D}-${node}`),
      );
      const [server] = JSON.parse((await call("docker", "inspect", `k3d-${K3D}-server-0`)).stdout);
      expect(server.Config.Labels).toMatchObject({ app: "k3d", "k3d.cluster": K3D, "k3d.role": "server" });
      expect(server.Config.Cmd).toEqual([
        "server",
        "--disable=traefik",
        "--node-label",
        "fleet=mine",
        "--tls-san",
        "127.0.0.1",
        "--tls-san",
        `k3d-${K3D}-serverlb`,
      ]);
      const [balancer] = JSON.parse((await call("docker", "inspect", `k3d-${K3D}-serverlb`)).stdout);
      expect(balancer.HostConfig.PortBindings).toEqual({
        6443: [{ HostIp: "127.0.0.1", HostPort: String(programs.ports.k3d) }],
      });
      expect(Bun.YAML.parse((await call("k3d", "kubeconfig", "get", K3D)).stdout)).toMatchObject({
        "current-context": `k3d-${K3D}`,
        clusters: [{ name: `k3d-${K3D}`, cluster: { server: `https://127.0.0.1:${programs.ports.k3d}` } }],
        users: [{ name: `admin@k3d-${K3D}` }],
      });
      const again = await call("k3d", ...create);
      expect(again.code).toBe(1);
      expect(again.stderr).toContain(
        `Failed to create cluster '${K3D}' because a cluster with that name already exists`,
      );

      expect((await call("k3d", "cluster", "stop", K3D)).code).toBe(0);
      const exited = JSON.parse((await call("docker", "inspect", `k3d-${K3D}-server-0`)).stdout)[0];
      expect(exited).toMatchObject({ State: { Status: "exited", ExitCode: 143 }, NetworkSettings: { Ports: {} } });
      const started = await call("k3d", "cluster", "start", K3D);
      expect(started.code).toBe(0);
      expect(messages(started.stdout)).toContain(`Started cluster '${K3D}'`);

      const busy = await call("docker", "network", "rm", `k3d-${K3D}`);
      expect(busy.stderr).toContain("has active endpoints");
      const deleted = await call("k3d", "cluster", "delete", K3D);
      expect(deleted.code).toBe(0);
      expect(messages(deleted.stdout)).toContain(`Successfully deleted cluster ${K3D}!`);
      for (const [kind, name] of [
        ["network", `k3d-${K3D}`],
        ["volume", `k3d-${K3D}-images`],
      ] as const) {
        expect((await call("docker", kind, "ls", "--quiet", "--filter", `name=${name}`)).stdout).toBe("");
      }
    },
    SLOW_MS,
  );
});

/** The messages of k3d's log lines without colours. */
function messages(log: string): readonly string[] {
  return log.split("\n").flatMap((line) => {
    const message = /msg=("(?:[^"\\]|\\.)*")/.exec(line)?.[1];
    return message === undefined ? [] : [JSON.parse(message) as string];
  });
}
