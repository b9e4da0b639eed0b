import { argocdNamespace } from "#lib/argocd/managed-cluster.ts";
import { terminal } from "#lib/cli/program.ts";
import { listenForSignals } from "#lib/cli/signals.ts";
import { systemClock } from "#lib/clock.ts";
import { createWorld, openSession } from "#lib/commands/session.ts";
import { readEnvironment } from "#lib/environment.ts";
import { FleetError } from "#lib/errors.ts";
import { cautious } from "#lib/graph/world.ts";
import { command } from "#lib/hint.ts";
import { createKubernetesApi } from "#lib/kubernetes/api.ts";
import { endpointOf, parseKubeconfig, readKubeconfigFile } from "#lib/kubernetes/kubeconfig.ts";
import { clustersWithKubeconfig } from "#lib/kubernetes/merged.ts";
import { findObject } from "#lib/kubernetes/objects.ts";
import { suggest } from "#lib/nearest.ts";
import { kubeconfigPath, type Paths } from "#lib/paths.ts";
import { formatWord } from "#lib/shell-words.ts";

export interface OpenOptions {
  readonly clusters: readonly string[];
  /** Print the initial password. */
  readonly password: boolean;
  readonly sandbox: boolean;
}

/** Runs until Ctrl-C; a day is effectively no limit. */
const openForMs = 24 * 60 * 60_000;
const secretName = "argocd-initial-admin-secret";

/** Forwards a free port of this computer to a cluster's Argo CD, and prints the URL. */
export async function openArgocd({ clusters, password, sandbox }: OpenOptions): Promise<number> {
  if (sandbox || readEnvironment().sandboxFolder !== undefined) {
    throw new FleetError("InvalidArgument", "the sandbox emulates Argo CD's applications and not its web interface", {
      hint: [command("status"), " shows the applications, and so does kubectl get applications --all-namespaces"],
    });
  }
  const { paths, ...session } = await openSession({ sandbox: false });
  const cluster = await chooseCluster(paths, clusters);
  const kubeconfig = kubeconfigPath(paths, cluster);
  const secret = password ? await readPassword(kubeconfig) : undefined;
  const interrupts = listenForSignals(() => undefined);
  const world = createWorld({ paths, ...session }, systemClock, interrupts.signal, cautious);
  try {
    const onLine = (line: string): void => {
      const port = /^Forwarding from 127\.0\.0\.1:(\d+)/.exec(line)?.[1];
      if (port !== undefined) terminal.verbatim(describe(cluster, port, kubeconfig, secret));
    };
    const exec = world.exec({ signal: interrupts.signal, timeout: openForMs, onLine });
    const options = ["--kubeconfig", kubeconfig, "--namespace", argocdNamespace];
    await exec`kubectl ${options} port-forward service/argocd-server :443`;
    return 0;
  } catch (error) {
    // Ctrl-C is the normal way to end.
    if (interrupts.signal.aborted) return 0;
    throw error;
  } finally {
    interrupts.close();
  }
}

async function chooseCluster(paths: Paths, given: readonly string[]): Promise<string> {
  const known = await clustersWithKubeconfig(paths);
  const [name, ...others] = given;
  if (name === undefined || others.length > 0) {
    const names = known.length === 0 ? "none exists yet" : `there are ${known.join(", ")}`;
    throw new FleetError("InvalidArgument", "name one cluster", { hint: names });
  }
  if (known.includes(name)) return name;
  throw new FleetError("UnknownCluster", `there is no cluster "${name}" here`, { hint: suggest(name, known) });
}

async function readPassword(path: string): Promise<string> {
  const file = await readKubeconfigFile(path);
  const api = createKubernetesApi(endpointOf(parseKubeconfig(file?.text ?? "", path), path));
  const secret = await findObject(api, {
    apiVersion: "v1",
    kind: "Secret",
    name: secretName,
    namespace: argocdNamespace,
  });
  const { password } = (secret?.data ?? {}) as { readonly password?: string };
  return password === undefined ? "(changed since: the initial one is gone)" : atob(password);
}

function describe(cluster: string, port: string, kubeconfig: string, password: string | undefined): string {
  const read = `kubectl --kubeconfig ${formatWord(kubeconfig)} -n ${argocdNamespace} get secret ${secretName} -o jsonpath='{.data.password}' | base64 -d`;
  return [
    `${cluster}: https://127.0.0.1:${port}   (its certificate is its own; Ctrl-C ends it)`,
    "user      admin",
    `password  ${password ?? read}`,
    "",
  ].join("\n");
}
