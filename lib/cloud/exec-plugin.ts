import { dirname, resolve } from "node:path";
import { findBun } from "#lib/find-bun.ts";
import type { World } from "#lib/graph/world.ts";
import type { Kubeconfig } from "#lib/kubernetes/kubeconfig.ts";
import type { Paths } from "#lib/paths.ts";

/** The program in kubeconfigs that kubectl calls for a token: what is the same for all clouds. */

/** The parts of a kubeconfig that depend on the computer. */
export interface PluginPlace {
  /** Absolute path. */
  readonly bun: string;
  readonly root: string;
  /** Folder that runs write to, where credentials are cached too. */
  readonly state: string;
  /** Set for the plugin, overriding kubectl's environment. Contains no secrets, because it is written to a file. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface Plugin {
  /** FQDN of the cluster. */
  readonly cluster: string;
  /** Options of `tasks/kube-token.ts`, without dashes. They fix what kubectl's environment must not override; undefined ones are left out. */
  readonly options: Readonly<Record<string, string | undefined>>;
}

export async function findPluginPlace(
  world: Pick<World, "exec" | "variables" | "paths">,
  environment: PluginPlace["environment"],
): Promise<PluginPlace> {
  return { bun: await findBun(world), root: world.paths.root, state: stateOf(world.paths), environment };
}

/** Absolute: kubectl is called from anywhere. */
function stateOf({ cache }: Paths): string {
  return resolve(dirname(cache));
}

/**
 * Variables that lead to an emulator or another cloud, for the plugin: kubectl is called with other ones, or none. Secrets are only emptied
 * where the run had none, so that real credentials are never sent to an emulator.
 */
export function fixVariables(
  variables: Readonly<Record<string, string>>,
  { plain, secret }: { readonly plain: readonly string[]; readonly secret: readonly string[] },
): PluginPlace["environment"] {
  const own = plain.map((name) => [name, variables[name] ?? ""]);
  const emptied = secret.filter((name) => (variables[name] ?? "") === "").map((name) => [name, ""]);
  return Object.fromEntries([...own, ...emptied]);
}

type Exec = NonNullable<Kubeconfig["users"][number]["user"]["exec"]>;

export function formatPlugin({ cluster, options }: Plugin, { bun, root, state, environment }: PluginPlace): Exec {
  const path = `${root}/tasks/kube-token.ts`;
  const env = Object.entries(environment).map(([name, value]) => ({ name, value }));
  const all = Object.entries({ ...options, state });
  return {
    apiVersion: "client.authentication.k8s.io/v1",
    command: bun,
    args: [
      // Bun reads .env and bunfig.toml of whatever folder kubectl is called in, and a bunfig.toml can load code.
      "--no-env-file",
      `--config=${root}/bunfig.toml`,
      "--no-install",
      "run",
      path,
      ...all.flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, value])),
    ],
    ...(env.length === 0 ? {} : { env }),
    interactiveMode: "Never",
    provideClusterInfo: true,
    installHint: `this kubeconfig calls ${bun} and ${path}; create ${cluster} again to write it again`,
  };
}

/** A kubeconfig with one cluster. @param authority PEM in base64; undefined where the computer trusts the server anyway */
export function formatPluginKubeconfig(
  name: string,
  { server, authority }: { readonly server: string; readonly authority: string | undefined },
  exec: Exec,
): Kubeconfig {
  const trust = authority === undefined ? {} : { "certificate-authority-data": authority };
  return {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: { server, ...trust } }],
    users: [{ name, user: { exec } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    "current-context": name,
  };
}
