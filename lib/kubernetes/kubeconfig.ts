import { dirname, isAbsolute, join } from "node:path";
import { z } from "zod";
import { FleetError } from "#lib/errors.ts";
import { isErrno, removeEmptyFolder, tryReadText, writePrivateFile } from "#lib/files.ts";

/** A kubeconfig as written by kind, k3d and this project: only fields used here are validated, the rest is preserved. */
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
 * A credential plugin in a kubeconfig.
 *
 * Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
 */
export interface ExecPlugin {
  readonly apiVersion: "client.authentication.k8s.io/v1" | "client.authentication.k8s.io/v1beta1";
  readonly command: string;
  readonly args: readonly string[];
  /** Added to the plugin's environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Pass the cluster to the plugin. */
  readonly provideClusterInfo: boolean;
  /** How to install the program if it is missing. */
  readonly installHint: string | undefined;
  /** It always prompts, which is impossible without a terminal. */
  readonly needsTerminal: boolean;
}

/** Connection details of one API server. The PEM texts are decoded. */
export interface Endpoint {
  /** Origin, e.g. `https://127.0.0.1:6551`. */
  readonly server: string;
  readonly ca: string | undefined;
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  readonly token: string | undefined;
  /** The credential plugin, if the kubeconfig contains no credentials. */
  readonly exec?: ExecPlugin;
}

/** @throws FleetError KubeconfigInvalid. The message never contains the text, because it has credentials. */
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

/** As in client-go, a token or certificate of the user takes precedence over the plugin. */
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

/** Resolves a command like kubectl: with a slash, relative to the kubeconfig's folder; without one, in PATH. */
function resolveCommand(command: string, kubeconfig: string): string {
  return command.includes("/") && !isAbsolute(command) ? join(dirname(kubeconfig), command) : command;
}

function decode(base64: string | undefined): string | undefined {
  return base64 === undefined ? undefined : Buffer.from(base64, "base64").toString("utf8");
}

/** The kubeconfig as text, in a canonical order and layout. */
export function formatKubeconfig(kubeconfig: Kubeconfig): string {
  return `${Bun.YAML.stringify(kubeconfig, null, 2)}\n`;
}

/**
 * Merges kubeconfigs. As in kubectl, the first entry of a name wins completely; the current context is that
 * of the first file.
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

/** Removes a kubeconfig and kind's leftover lock file, and the folder with its last file. */
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
