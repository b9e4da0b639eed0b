import { dirname, isAbsolute, join } from "node:path";
import { z } from "zod";
import { FleetError } from "#lib/errors.ts";
import { isErrno, removeEmptyFolder, tryReadText, writePrivateFile } from "#lib/files.ts";

/** A kubeconfig as kind, k3d and we write it: only what is read here is checked, the rest is kept as it is. */
const named = z.looseObject({ name: z.string() });
const execSchema = z.looseObject({
  apiVersion: z.enum(["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"]),
  command: z.string().min(1),
  args: z.array(z.string()).nullish(),
  env: z.array(z.object({ name: z.string(), value: z.string() })).nullish(),
  interactiveMode: z.enum(["Never", "IfAvailable", "Always"]).optional(),
  provideClusterInfo: z.boolean().optional(),
  installHint: z.string().optional(),
});
const kubeconfigSchema = z.looseObject({
  apiVersion: z.literal("v1"),
  kind: z.literal("Config"),
  clusters: z.array(
    named.extend({
      cluster: z.looseObject({ server: z.url(), "certificate-authority-data": z.base64().optional() }),
    }),
  ),
  users: z.array(
    named.extend({
      user: z.looseObject({
        token: z.string().optional(),
        "client-certificate-data": z.base64().optional(),
        "client-key-data": z.base64().optional(),
        exec: execSchema.optional(),
      }),
    }),
  ),
  contexts: z.array(named.extend({ context: z.looseObject({ cluster: z.string(), user: z.string() }) })),
  "current-context": z.string().optional(),
});

export type Kubeconfig = z.infer<typeof kubeconfigSchema>;

/**
 * A program that tells who we are to an API server, as a kubeconfig names it.
 *
 * Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
 */
export interface ExecPlugin {
  readonly apiVersion: "client.authentication.k8s.io/v1" | "client.authentication.k8s.io/v1beta1";
  readonly command: string;
  readonly args: readonly string[];
  /** Added to the environment of the run. */
  readonly env: Readonly<Record<string, string>>;
  /** Tell it which cluster it is for. */
  readonly provideClusterInfo: boolean;
  /** What to install when there is no such program. */
  readonly installHint: string | undefined;
  /** It asks a person, and there is none. */
  readonly needsTerminal: boolean;
}

/** How to reach one API server. The PEM texts are decoded. */
export interface Endpoint {
  /** Origin, e.g. `https://127.0.0.1:6551`. */
  readonly server: string;
  readonly ca: string | undefined;
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  readonly token: string | undefined;
  /** Asked for credentials where the kubeconfig has none itself. */
  readonly exec?: ExecPlugin;
}

/** @throws FleetError KubeconfigInvalid. The message never holds the text: it has credentials. */
export function parseKubeconfig(text: string, where: string): Kubeconfig {
  let document: unknown;
  try {
    document = Bun.YAML.parse(text);
  } catch {
    throw invalid(where, "is not YAML");
  }
  const parsed = kubeconfigSchema.safeParse(document);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw invalid(where, `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "is not a kubeconfig"}`);
}

function invalid(where: string, fault: string): FleetError {
  return new FleetError("KubeconfigInvalid", `${where}: ${fault}`, {
    hint: "delete the file and run create again: it writes a new one",
  });
}

/** Endpoint of the current context. @throws FleetError KubeconfigInvalid */
export function endpointOf(kubeconfig: Kubeconfig, where: string): Endpoint {
  const context = kubeconfig.contexts.find((entry) => entry.name === kubeconfig["current-context"])?.context;
  const cluster = kubeconfig.clusters.find((entry) => entry.name === context?.cluster)?.cluster;
  const user = kubeconfig.users.find((entry) => entry.name === context?.user)?.user;
  if (cluster === undefined || user === undefined) throw invalid(where, "the current context names no cluster or user");
  const exec = pluginOf(user, where);
  return {
    server: cluster.server,
    ca: decode(cluster["certificate-authority-data"]),
    certificate: decode(user["client-certificate-data"]),
    key: decode(user["client-key-data"]),
    token: user.token,
    ...(exec === undefined ? {} : { exec }),
  };
}

/** As in client-go, a token or a certificate of the same user comes before the program. */
function pluginOf(user: Kubeconfig["users"][number]["user"], where: string): ExecPlugin | undefined {
  const { exec, token } = user;
  if (exec === undefined || token !== undefined || user["client-certificate-data"] !== undefined) return undefined;
  if (exec.apiVersion.endsWith("/v1") && exec.interactiveMode === undefined) {
    throw invalid(where, "users[].user.exec has no interactiveMode");
  }
  return {
    apiVersion: exec.apiVersion,
    command: resolveCommand(exec.command, where),
    args: exec.args ?? [],
    env: Object.fromEntries((exec.env ?? []).map(({ name, value }) => [name, value])),
    provideClusterInfo: exec.provideClusterInfo === true,
    installHint: exec.installHint,
    needsTerminal: exec.interactiveMode === "Always",
  };
}

/** A command as kubectl finds it: with a slash, from the folder of its kubeconfig; without one, in PATH. */
function resolveCommand(command: string, kubeconfig: string): string {
  return command.includes("/") && !isAbsolute(command) ? join(dirname(kubeconfig), command) : command;
}

function decode(base64: string | undefined): string | undefined {
  return base64 === undefined ? undefined : Buffer.from(base64, "base64").toString("utf8");
}

/** The same kubeconfig as text, whatever the order and layout that another tool gave it. */
export function formatKubeconfig(kubeconfig: Kubeconfig): string {
  return `${Bun.YAML.stringify(kubeconfig, null, 2)}\n`;
}

/**
 * One kubeconfig with everything of several. As with kubectl the first entry of a name wins, whole; the current context is
 * the first one's.
 */
export function mergeKubeconfigs(kubeconfigs: readonly Kubeconfig[]): Kubeconfig {
  const first = <Entry extends { readonly name: string }>(entries: readonly Entry[]): Entry[] =>
    entries.filter((entry, index) => entries.findIndex((other) => other.name === entry.name) === index);
  const current = kubeconfigs.find((kubeconfig) => kubeconfig["current-context"] !== undefined)?.["current-context"];
  return {
    apiVersion: "v1",
    kind: "Config",
    clusters: first(kubeconfigs.flatMap((kubeconfig) => kubeconfig.clusters)),
    users: first(kubeconfigs.flatMap((kubeconfig) => kubeconfig.users)),
    contexts: first(kubeconfigs.flatMap((kubeconfig) => kubeconfig.contexts)),
    ...(current === undefined ? {} : { "current-context": current }),
  };
}

export interface KubeconfigFile {
  readonly text: string;
  /** Permission bits. */
  readonly mode: number;
}

export async function readKubeconfigFile(path: string): Promise<KubeconfigFile | undefined> {
  const text = await tryReadText(path);
  if (text === undefined) return undefined;
  const { mode } = await Bun.file(path).stat();
  return { text, mode: mode & 0o777 };
}

export async function writeKubeconfigFile(path: string, kubeconfig: Kubeconfig): Promise<void> {
  await writePrivateFile(path, formatKubeconfig(kubeconfig));
}

/** Removes a kubeconfig with the lock that kind may have left beside it, and the folder with its last file. */
export async function removeKubeconfigFile(path: string, folder: string): Promise<void> {
  for (const file of [path, `${path}.lock`]) {
    try {
      await Bun.file(file).delete();
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
    }
  }
  await removeEmptyFolder(folder);
}
