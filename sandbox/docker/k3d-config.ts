import { UnknownUsage } from "#sandbox/docker/argv.ts";
import { ConfigError, findUnknown, type Known, readYamlObject } from "#sandbox/docker/config-file.ts";
import { listAt, numberAt, stringAt, valueAt } from "#sandbox/json.ts";

export interface K3dConfig {
  readonly name: string;
  readonly servers: number;
  readonly agents: number;
  readonly image: string;
  readonly api: { readonly host: string; readonly hostIp: string; readonly hostPort: number };
  readonly extraArgs: readonly Filtered[];
  readonly nodeLabels: readonly Filtered[];
  readonly runtimeLabels: readonly Filtered[];
  readonly updateDefaultKubeconfig: boolean;
}

/** A value for the nodes that its filters name. */
export interface Filtered {
  readonly value: string;
  readonly nodeFilters: readonly string[];
}

export const DEFAULT_IMAGE = "rancher/k3s:v1.36.1-k3s1";
/** k3d's limit, from what a host name may be. */
const LONGEST_NAME = 32;

const filteredLabel: Known = { label: true, nodeFilters: true };
const KNOWN: Known = {
  apiVersion: true,
  kind: true,
  metadata: { name: true },
  servers: true,
  agents: true,
  image: true,
  kubeAPI: { host: true, hostIP: true, hostPort: true },
  options: {
    k3d: { wait: true, timeout: true },
    k3s: { extraArgs: [{ arg: true, nodeFilters: true }], nodeLabels: [filteredLabel] },
    runtime: { labels: [filteredLabel] },
    kubeconfig: { updateDefaultKubeconfig: true, switchCurrentContext: true },
  },
};

export function readK3dConfig(
  path: string,
  options: { readonly name: string | undefined; readonly image: string | undefined },
): K3dConfig {
  const config = readYamlObject(
    path,
    (missing) => `Failed to stat config file ${missing}: stat ${missing}: no such file or directory`,
  );
  const apiVersion = stringAt(config, "apiVersion");
  if (apiVersion !== "k3d.io/v1alpha5" || stringAt(config, "kind") !== "Simple") {
    throw new UnknownUsage(`${path}: apiVersion ${apiVersion}, kind ${stringAt(config, "kind")}`);
  }
  const unknown = findUnknown(config, KNOWN);
  if (unknown !== undefined) throw new UnknownUsage(`the field ${unknown} of ${path}`);
  const filtered = (key: string, ...keys: readonly string[]) =>
    listAt(config, "options", ...keys).map((item) => ({
      value: stringAt(item, key),
      nodeFilters: listAt(item, "nodeFilters").map(String),
    }));
  const host = stringAt(config, "kubeAPI", "host");
  return {
    name: options.name ?? (stringAt(config, "metadata", "name") || "k3s-default"),
    servers: numberAt(config, "servers") ?? 1,
    agents: numberAt(config, "agents") ?? 0,
    image: options.image ?? (stringAt(config, "image") || DEFAULT_IMAGE),
    api: {
      host: host || "0.0.0.0",
      hostIp: stringAt(config, "kubeAPI", "hostIP") || "0.0.0.0",
      hostPort: Number(valueAt(config, "kubeAPI", "hostPort") ?? 0),
    },
    extraArgs: filtered("arg", "k3s", "extraArgs"),
    nodeLabels: filtered("label", "k3s", "nodeLabels"),
    runtimeLabels: filtered("label", "runtime", "labels"),
    updateDefaultKubeconfig: valueAt(config, "options", "kubeconfig", "updateDefaultKubeconfig") !== false,
  };
}

export function checkK3dConfig(config: K3dConfig): void {
  if (config.name.length > LONGEST_NAME) {
    throw new ConfigError(
      `Failed Cluster Configuration Validation:  provided cluster name '${config.name}' does not match requirements: ` +
        `Cluster name must be <= ${LONGEST_NAME} characters, but has ${config.name.length}`,
    );
  }
  if (config.servers !== 1) throw new UnknownUsage(`${config.servers} servers`);
  if (config.api.hostPort === 0) throw new UnknownUsage("a kubeAPI without hostPort");
}

/** The values for one node; filters are `all`, `server:*`, `agent:0`, `loadbalancer`, and so on. */
export function valuesFor(
  role: "server" | "agent" | "loadbalancer",
  index: number,
  values: readonly Filtered[],
): readonly string[] {
  const matches = (filter: string) => {
    const parsed = /^(all|servers?|agents?|loadbalancer)(?::(\*|\d+))?$/.exec(filter);
    if (parsed === null) throw new UnknownUsage(`the node filter ${filter}`);
    const [, group = "", which = "*"] = parsed;
    return (group === "all" || group.replace(/s$/, "") === role) && (which === "*" || Number(which) === index);
  };
  return values.filter(({ nodeFilters }) => nodeFilters.some(matches)).map(({ value }) => value);
}
