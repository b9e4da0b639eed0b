import { UnknownUsage } from "#sandbox/docker/argv.ts";
import { ConfigError, findUnknown, type Known, readYamlObject } from "#sandbox/docker/config-file.ts";
import { type JsonObject, listAt, numberAt, stringAt, stringsAt } from "#sandbox/json.ts";

export interface KindConfig {
  readonly name: string;
  readonly apiServerAddress: string;
  readonly apiServerPort: number;
  readonly podSubnet: string;
  readonly serviceSubnet: string;
  readonly nodes: readonly KindNode[];
}

export interface KindNode {
  readonly role: "control-plane" | "worker";
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What kind 0.32.0 takes when no image is named. */
export const DEFAULT_IMAGE =
  "kindest/node:v1.36.1@sha256:3489c7674813ba5d8b1a9977baea8a6e553784dab7b84759d1014dbd78f7ebd5";

const KNOWN: Known = {
  kind: true,
  apiVersion: true,
  name: true,
  networking: { apiServerAddress: true, apiServerPort: true, podSubnet: true, serviceSubnet: true },
  nodes: [{ role: true, image: true, labels: true }],
};

/** `image` replaces that of every node, `name` that of the file, as the flags do. */
export function readKindConfig(
  path: string | undefined,
  options: { readonly name: string | undefined; readonly image: string | undefined },
): KindConfig {
  const config: JsonObject =
    path === undefined
      ? { kind: "Cluster", apiVersion: "kind.x-k8s.io/v1alpha4" }
      : readYamlObject(path, (missing) => `error reading file: open ${missing}: no such file or directory`);
  const apiVersion = stringAt(config, "apiVersion");
  if (apiVersion !== "kind.x-k8s.io/v1alpha4" || stringAt(config, "kind") !== "Cluster") {
    throw new ConfigError(`unknown apiVersion: ${apiVersion}`);
  }
  const unknown = findUnknown(config, KNOWN);
  if (unknown !== undefined) throw new UnknownUsage(`the field ${unknown} of ${path}`);
  const listed = listAt(config, "nodes").map((node): KindNode => {
    const role = stringAt(node, "role") || "control-plane";
    if (role !== "control-plane" && role !== "worker") throw new ConfigError(`unknown node role: "${role}"`);
    return {
      role,
      image: options.image ?? (stringAt(node, "image") || DEFAULT_IMAGE),
      labels: stringsAt(node, "labels"),
    };
  });
  const nodes =
    listed.length > 0
      ? listed
      : [{ role: "control-plane", image: options.image ?? DEFAULT_IMAGE, labels: {} } as const];
  if (nodes.filter(({ role }) => role === "control-plane").length !== 1) {
    throw new UnknownUsage(`${path}: other than one control plane`);
  }
  const subnet = (field: string, otherwise: string) => stringAt(config, "networking", field) || otherwise;
  return {
    name: options.name ?? (stringAt(config, "name") || "kind"),
    apiServerAddress: subnet("apiServerAddress", "127.0.0.1"),
    apiServerPort: numberAt(config, "networking", "apiServerPort") ?? 0,
    podSubnet: subnet("podSubnet", "10.244.0.0/16"),
    serviceSubnet: subnet("serviceSubnet", "10.96.0.0/16"),
    nodes,
  };
}

/** `x-control-plane`, `x-worker`, `x-worker2`: the second of a role has a number. */
export function nodeNames(config: KindConfig): readonly string[] {
  const counts = new Map<string, number>();
  return config.nodes.map(({ role }) => {
    const count = (counts.get(role) ?? 0) + 1;
    counts.set(role, count);
    return `${config.name}-${role}${count === 1 ? "" : count}`;
  });
}
