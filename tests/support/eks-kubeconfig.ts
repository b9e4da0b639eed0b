import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatSession, sessionPath } from "#lib/aws/credentials/session-cache.ts";
import { type EksKubeconfigState, type EksOutputs, eksKubeconfig } from "#lib/aws/eks/kubeconfig.ts";
import { eksToken } from "#lib/aws/eks/token.ts";
import type { AwsAccount, EksCluster } from "#lib/aws/fleet/types.ts";
import { readEnvironment } from "#lib/environment.ts";
import { createExec } from "#lib/exec.ts";
import { writePrivateFile } from "#lib/files.ts";
import { createOutputs } from "#lib/graph/outputs.ts";
import type { Observed, Resource } from "#lib/graph/resource.ts";
import { cautious, type World } from "#lib/graph/world.ts";
import { createKubernetesApi } from "#lib/kubernetes/api.ts";
import { formatKubeconfig, type Kubeconfig, parseKubeconfig } from "#lib/kubernetes/kubeconfig.ts";
import { kubeconfigPath, pathsBelow, projectRoot } from "#lib/paths.ts";
import { makeCertificates } from "#sandbox/kubernetes/certificates.ts";
import { virtualClock } from "#tests/support/virtual-clock.ts";

export const account: AwsAccount = { provider: "aws", name: "aws-01", role: "tenant", accountId: "210987654321" };
export const cluster: EksCluster = {
  provider: "aws",
  name: "k01.k8s.aws.mylabs.test",
  account: account.name,
  region: "eu-central-1",
  publicAccessCidrs: ["203.0.113.0/24"],
};
export const eksName = "k01-k8s-aws-mylabs-test";
export const role = `arn:aws:iam::${account.accountId}:role/aws-01-iam-role`;
const session = { accessKeyId: "ASIACACHED", secretAccessKey: "cached-secret", sessionToken: "t" };
export const variables = readEnvironment().variables;

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

/** An API server that lets in who has a token of the role, a state folder with a session of it, and the kubeconfig between them. */
export async function openEks() {
  const certificates = await makeCertificates({ dns: ["localhost"], ip: ["127.0.0.1"] });
  /** Status of each next answer, for who is let in. */
  const answers: number[] = [];
  /** Paths that were asked for by somebody with the right token. */
  const asked: string[] = [];
  const state = await mkdtemp(join(tmpdir(), "eks-kubeconfig-"));
  const server = Bun.serve({
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

  /** One run, with a world of its own. */
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

  return {
    answers,
    asked,
    state,
    server,
    open,
    async close() {
      await server.stop(true);
      await rm(state, { recursive: true, force: true });
    },
  };
}

export function stateOf(observed: Observed<EksKubeconfigState>): EksKubeconfigState {
  if (observed.kind !== "present") throw new Error(`it is ${observed.kind}`);
  return observed.state;
}
