import { afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { chmod, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EksKubeconfigState, type EksOutputs, eksEndpoint, eksKubeconfig } from "#lib/aws/kubeconfig.ts";
import { formatSession, sessionPath } from "#lib/credentials/session-cache.ts";
import { readEnvironment } from "#lib/environment.ts";
import { createExec } from "#lib/exec.ts";
import { writePrivateFile } from "#lib/files.ts";
import { findBun } from "#lib/find-bun.ts";
import type { AwsAccount, EksCluster } from "#lib/fleet/types.ts";
import { createOutputs } from "#lib/graph/outputs.ts";
import type { Observed, Resource } from "#lib/graph/resource.ts";
import { createKubernetesApi } from "#lib/kubernetes/api.ts";
import { eksToken } from "#lib/kubernetes/eks-token.ts";
import { formatKubeconfig, type Kubeconfig, parseKubeconfig } from "#lib/kubernetes/kubeconfig.ts";
import { mergedPath, writeMergedKubeconfig } from "#lib/kubernetes/merged.ts";
import { kubeconfigPath, pathsBelow, projectRoot } from "#lib/paths.ts";
import { cautious, type World } from "#lib/world.ts";
import { makeCertificates, type ServerCertificates } from "#sandbox/kubernetes/certificates.ts";
import { failureOf } from "#tests/support/failure.ts";
import { kubeconfigOf } from "#tests/support/kubeconfigs.ts";
import { virtualClock } from "#tests/support/virtual-clock.ts";

const account: AwsAccount = { provider: "aws", name: "aws-01", role: "tenant", accountId: "210987654321" };
const cluster: EksCluster = {
  provider: "aws",
  name: "k01.k8s.aws.mylabs.test",
  account: account.name,
  region: "eu-central-1",
  publicAccessCidrs: ["203.0.113.0/24"],
};
const eksName = "k01-k8s-aws-mylabs-test";
const role = `arn:aws:iam::${account.accountId}:role/aws-01-iam-role`;
const session = { accessKeyId: "ASIACACHED", secretAccessKey: "cached-secret", sessionToken: "t" };
const variables = readEnvironment().variables;

/** Tests themselves may be run by a Bun that doesn't stay. */
const bun = await findBun({ exec: createExec(variables), variables });

let certificates: ServerCertificates;
let server: Bun.Server<undefined>;
let state: string;
/** Status of each next answer, for who is let in. */
let answers: number[];
/** Paths that were asked for by somebody with the right token. */
let asked: string[];

beforeAll(async () => {
  certificates = await makeCertificates({ dns: ["localhost"], ip: ["127.0.0.1"] });
});
beforeEach(async () => {
  [answers, asked] = [[], []];
  state = await mkdtemp(join(tmpdir(), "eks-kubeconfig-"));
  server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: { cert: certificates.certificate, key: certificates.key },
    fetch(request) {
      if (!isOurs(request.headers.get("authorization") ?? "")) return refuse(401);
      asked.push(new URL(request.url).pathname);
      const status = answers.shift() ?? 200;
      return status === 200 ? Response.json({ items: [] }) : refuse(status);
    },
  });
  const key = { accountId: account.accountId, role };
  const arn = `arn:aws:sts::${account.accountId}:assumed-role/aws-01-iam-role/x`;
  await writePrivateFile(
    sessionPath(join(state, ".cache/aws"), key),
    formatSession(key, { arn, ...session, expiresMs: Date.now() + 3_600_000 }),
  );
});
afterEach(async () => {
  await server.stop(true);
  await rm(state, { recursive: true, force: true });
});

const refuse = (status: number): Response => Response.json({ message: `refused with ${status}` }, { status });

/** As EKS does it: the token must be signed for this cluster, by the role's session, in the last 15 minutes. */
function isOurs(header: string): boolean {
  const token = header.replace("Bearer ", "");
  const url = URL.parse(Buffer.from(token.replace("k8s-aws-v1.", ""), "base64url").toString());
  const date = url?.searchParams.get("X-Amz-Date") ?? "";
  const at = new Date(date.replace(/^(....)(..)(..T..)(..)(..Z)$/, "$1-$2-$3:$4:$5"));
  if (!(Date.now() - at.getTime() < 15 * 60_000)) return false;
  return token === eksToken({ credentials: session, region: cluster.region, cluster: eksName, at });
}

function open(change: Partial<World> = {}) {
  const clock = virtualClock();
  const said: string[] = [];
  const paths = pathsBelow(projectRoot, state);
  const exec = createExec(variables);
  const unasked = (): never => {
    throw new Error("nothing here asks for that");
  };
  const world: World = {
    exec,
    variables,
    clock,
    paths,
    locks: { hold: (_name, _waiting, work) => work() },
    kubernetes: (endpoint) => createKubernetesApi(endpoint, exec),
    aws: { session: unasked, findOwner: unasked, cloudFormation: unasked, route53: unasked, iam: unasked },
    dns: { addressesOf: unasked, serversOf: unasked },
    download: unasked,
    signal: new AbortController().signal,
    progress: (message) => void said.push(message),
    output: unasked,
    options: cautious,
    ...change,
  };
  const stack = {
    id: "stack",
    title: "k01: EKS cluster",
    owner: { kind: "cluster", name: cluster.name, group: "aws" },
  };
  const options = { cluster, account, role: "aws-01-iam-role", stack: stack as unknown as Resource<EksOutputs> };
  const outputs = createOutputs();
  const made = {
    ClusterEndpoint: `https://127.0.0.1:${server.port}`,
    CertificateAuthorityData: Buffer.from(certificates.authority).toString("base64"),
    ClusterName: eksName,
  };
  outputs.set(options.stack, { outputs: made });
  const resource = eksKubeconfig(options);
  return {
    world,
    clock,
    said,
    outputs,
    options,
    made,
    path: kubeconfigPath(paths, cluster.name),
    paths,
    resource,
    observe: () => resource.observe(world, outputs),
    ensure: async () => await resource.ensure(world, await resource.observe(world, outputs), outputs),
    remove: async () => await resource.remove(world, await resource.observe(world, outputs), outputs),
    changes: async () => resource.diff(stateOf(await resource.observe(world, outputs)), outputs),
    async edit(change: (kubeconfig: Kubeconfig) => void) {
      const path = kubeconfigPath(paths, cluster.name);
      const kubeconfig = parseKubeconfig(await Bun.file(path).text(), path);
      change(kubeconfig);
      await Bun.write(path, formatKubeconfig(kubeconfig));
    },
  };
}

function stateOf(observed: Observed<EksKubeconfigState>): EksKubeconfigState {
  if (observed.kind !== "present") throw new Error(`it is ${observed.kind}`);
  return observed.state;
}

describe("the kubeconfig of an EKS cluster", () => {
  test("is written when it is absent, for its owner alone, and proved by a call", async () => {
    const { observe, ensure, path } = open();
    expect(await observe()).toEqual({ kind: "absent" });
    const made = await ensure();
    expect(asked).toEqual(["/readyz", "/api/v1/namespaces"]);
    expect([made.path, made.access, (await stat(path)).mode & 0o777]).toEqual([path, { kind: "open" }, 0o600]);
  });

  test("names all by the FQDN, and pins all that must not come from where kubectl is called", async () => {
    const { ensure, made } = open();
    const { content } = await ensure();
    const { name } = cluster;
    expect(content).toEqual({
      apiVersion: "v1",
      kind: "Config",
      clusters: [
        {
          name,
          cluster: {
            server: made.ClusterEndpoint,
            "certificate-authority-data": made.CertificateAuthorityData,
          },
        },
      ],
      users: [
        {
          name,
          user: {
            exec: {
              apiVersion: "client.authentication.k8s.io/v1",
              command: bun,
              args: [
                "--no-env-file",
                `--config=${projectRoot}/bunfig.toml`,
                "--no-install",
                "run",
                `${projectRoot}/tasks/kube-token.ts`,
                ...["--cluster", eksName, "--region", "eu-central-1", "--server", made.ClusterEndpoint],
                ...["--account", "aws-01", "--account-id", "210987654321", "--role", role, "--state", state],
              ],
              interactiveMode: "Never",
              provideClusterInfo: true,
              installHint: expect.stringContaining(name),
            },
          },
        },
      ],
      contexts: [{ name, context: { cluster: name, user: name } }],
      "current-context": name,
    });
  });

  test("is left alone when it is as wanted and the API server lets us in", async () => {
    const { ensure, observe, changes, resource, path } = open();
    await ensure();
    expect(await changes()).toEqual([]);
    expect(resource.health(stateOf(await observe()))).toEqual({ kind: "healthy", summary: path });
  });

  test("says what of it has drifted, and is written anew", async () => {
    const { ensure, edit, changes, path } = open();
    await ensure();
    await edit(({ clusters: [entry], users: [user] }) => {
      Object.assign(entry?.cluster ?? {}, {
        server: "https://127.0.0.1:1",
        "certificate-authority-data": Buffer.from("another").toString("base64"),
      });
      Object.assign(user?.user.exec ?? {}, { command: "/old/bun" });
    });
    await chmod(path, 0o644);
    expect((await changes()).map(({ field, from, to }) => [field, from, to])).toEqual([
      ["server", "https://127.0.0.1:1", `https://127.0.0.1:${server.port}`],
      ["certificate-authority-data", "another", "of this cluster"],
      ["user", "/old/bun", bun],
      ["mode", "0644", "0600"],
    ]);
    await ensure();
    expect(await changes()).toEqual([]);
  });

  test("follows the cluster to another endpoint", async () => {
    const { ensure, changes, outputs, options, made } = open();
    await ensure();
    outputs.set(options.stack, { outputs: { ...made, ClusterEndpoint: "https://127.0.0.1:2" } });
    expect((await changes()).map(({ field }) => field)).toEqual(["server", "user"]);
  });

  test("is not followed where it leads elsewhere", async () => {
    const { ensure, edit, observe, resource, path } = open();
    await ensure();
    asked = [];
    await edit(({ users: [user] }) => Object.assign(user?.user.exec ?? {}, { env: [{ name: "A", value: "b" }] }));
    const seen = stateOf(await observe());
    expect([asked, seen.access]).toEqual([[], undefined]);
    expect(resource.health(seen)).toEqual({ kind: "degraded", summary: `${path} is not of this cluster` });
  });

  test("is mended when it can't be read", async () => {
    const { ensure, observe, changes, resource, path } = open();
    await ensure();
    await Bun.write(path, "apiVersion: [");
    expect((await changes()).map(({ field }) => field)).toEqual(["content"]);
    expect(resource.health(stateOf(await observe())).kind).toBe("degraded");
    await ensure();
    expect(await changes()).toEqual([]);
  });

  test("waits for the stack to say where the cluster is", async () => {
    const { ensure, changes, outputs, options, made } = open();
    await ensure();
    outputs.clear(options.stack);
    expect(await changes()).toEqual([]);
    expect((await failureOf(ensure())).code).toBe("OutputMissing");
    outputs.set(options.stack, { outputs: { ClusterName: made.ClusterName } });
    expect((await failureOf(ensure())).message).toBe("k01: EKS cluster does not say where the cluster is");
  });

  test("goes, also from the merged file, and is gone the second time too", async () => {
    const { ensure, remove, observe, paths } = open();
    await ensure();
    await Bun.write(kubeconfigPath(paths, "other"), formatKubeconfig(kubeconfigOf("other")));
    await writeMergedKubeconfig(paths, ["other", cluster.name]);
    expect(await remove()).toEqual({ kind: "removed" });
    expect(await remove()).toEqual({ kind: "removed" });
    expect(await observe()).toEqual({ kind: "absent" });
    expect(await readdir(paths.kubeconfigs)).toHaveLength(2);
    expect(await Bun.file(mergedPath(paths)).text()).not.toContain(cluster.name);
  });
});

describe("its proof", () => {
  test("waits while the API server starts, and says so", async () => {
    answers = [503, 429];
    const { ensure, said, clock } = open();
    expect((await ensure()).access).toEqual({ kind: "open" });
    expect([said.length, said[1], clock.elapsed()]).toEqual([
      2,
      expect.stringMatching(/^waiting for the API server to answer, 5 s so far: .*429/),
      10_000,
    ]);
  });

  test("waits while an access entry comes to be known", async () => {
    answers = [401, 401, 200, 403];
    const { ensure, said } = open();
    expect((await ensure()).access).toEqual({ kind: "open" });
    expect(said[0]).toStartWith("waiting for the API server to let us in, 0 s so far:");
  });

  test("ends at an API server that can't be reached, and names who may", async () => {
    const { ensure, clock } = open();
    await server.stop(true);
    const error = await failureOf(ensure());
    expect([error.code, error.message]).toEqual([
      "ClusterUnreachable",
      "k01.k8s.aws.mylabs.test: this computer does not reach the API server",
    ]);
    expect(error.hint).toContain("publicAccessCidrs of k01.k8s.aws.mylabs.test (now 203.0.113.0/24)");
    expect(clock.elapsed()).toBe(180_000);
  });

  test.each([
    [401, "must name this role"],
    [403, "has no policy"],
  ])("ends at one that refuses us with %d, sooner", async (status, hint) => {
    answers = Array.from({ length: 1_000 }, () => status);
    const { ensure, clock } = open();
    const error = await failureOf(ensure());
    expect([error.code, error.message]).toEqual([
      "ClusterDenied",
      "k01.k8s.aws.mylabs.test: the API server does not let in aws-01-iam-role of aws-01",
    ]);
    expect(error.hint).toContain(hint);
    expect(clock.elapsed()).toBe(120_000);
  });

  test("is asked for again by the next run where it failed", async () => {
    const { ensure, observe, changes, resource } = open();
    await ensure();
    answers = [403];
    const seen = stateOf(await observe());
    expect(resource.health(seen)).toMatchObject({ kind: "degraded", summary: expect.stringContaining("refused: ") });
    answers = [403];
    expect(await changes()).toEqual([{ field: "access", from: "refused", to: "open", effect: "in-place" }]);
  });

  test("ends at once without credentials, which keeps nobody from removing the file", async () => {
    const { ensure, observe, remove } = open();
    await ensure();
    const [file = ""] = await readdir(join(state, ".cache/aws"));
    await chmod(join(state, ".cache/aws", file), 0o644);
    const error = await failureOf(ensure());
    expect([error.code, ...error.details]).toEqual([
      "CredentialPluginFailed",
      expect.stringContaining("(CacheUnsafe)"),
      expect.stringContaining("hint: "),
    ]);
    expect(stateOf(await observe()).access).toMatchObject({
      kind: "refused",
      why: expect.stringContaining("CacheUnsafe"),
    });
    expect(await remove()).toEqual({ kind: "removed" });
  });
});

test("an endpoint comes of the stack alone, without a file", async () => {
  const { world, options, made } = open();
  const endpoint = await eksEndpoint(world, options, { outputs: made });
  if (endpoint === undefined) throw new Error("there is none");
  expect(await world.kubernetes(endpoint).get("/readyz")).toEqual({ items: [] });
  expect(await eksEndpoint(world, options, { outputs: {} })).toBeUndefined();
});

test("for an emulator the file says where its credentials are, and blanks a person's own; it never has a secret", async () => {
  const emulator = {
    AWS_ENDPOINT_URL: "http://127.0.0.1:1",
    AWS_CONFIG_FILE: "/sandbox/config",
    AWS_SESSION_TOKEN: "hush",
  };
  const { changes, ensure } = open();
  await ensure();
  const sandboxed = open({ variables: { ...variables, ...emulator } });
  expect((await changes()).length).toBe(0);
  expect((await sandboxed.changes()).map(({ field }) => field)).toEqual(["user"]);
  const endpoint = await eksEndpoint(sandboxed.world, sandboxed.options, { outputs: sandboxed.made });
  expect(endpoint?.exec?.env).toMatchObject({
    AWS_ENDPOINT_URL: "http://127.0.0.1:1",
    AWS_CONFIG_FILE: "/sandbox/config",
    AWS_PROFILE: "",
    AWS_ACCESS_KEY_ID: "",
  });
  expect(Object.keys(endpoint?.exec?.env ?? {})).not.toContain("AWS_SESSION_TOKEN");
});

const kubectl = [Bun.which("kubectl"), "/root/.cache/k8s-lab/bin/kubectl"].find(
  (path): path is string => path !== null && Bun.which(path) !== null,
);

describe.skipIf(kubectl === undefined)("kubectl", () => {
  async function run(path: string, ...args: readonly string[]) {
    const env = { PATH: "/nonexistent", HOME: state, KUBECONFIG: path };
    const child = Bun.spawn([kubectl ?? "", ...args], { cwd: "/", env, stdout: "pipe", stderr: "pipe" });
    const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    return { stdout, stderr, exitCode: await child.exited };
  }

  test("reads the file", async () => {
    const { ensure, path } = open();
    await ensure();
    const { stdout, exitCode } = await run(
      path,
      "config",
      "view",
      "--minify",
      "-o",
      "jsonpath={.contexts[0].name} {.users[0].user.exec.interactiveMode}",
    );
    expect([exitCode, stdout]).toEqual([0, `${cluster.name} Never`]);
  });

  test("gets into the cluster with it, from any folder, without anything in PATH", async () => {
    const { ensure, path } = open();
    await ensure();
    asked = [];
    const { stdout, stderr, exitCode } = await run(path, "get", "--raw", "/readyz");
    expect({ stderr, exitCode, stdout }).toEqual({ stderr: "", exitCode: 0, stdout: '{"items":[]}' });
    expect(asked).toContain("/readyz");
  });

  test("gets no token for another server in the cluster's name", async () => {
    const { ensure, path, edit } = open();
    await ensure();
    asked = [];
    await edit(({ clusters: [entry] }) =>
      Object.assign(entry?.cluster ?? {}, { server: `https://localhost:${server.port}` }),
    );
    const { stderr, exitCode } = await run(path, "get", "--raw", "/readyz");
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining("(WrongCluster)")]);
    expect(asked).toEqual([]);
  });
});
