import { z } from "zod";
import { UnknownUsage } from "#sandbox/docker/argv.ts";
import { readConfigFile } from "#sandbox/docker/config-file.ts";

/** What kind 0.32.0 takes when no image is named. */
const defaultImage = "kindest/node:v1.36.1@sha256:3489c7674813ba5d8b1a9977baea8a6e553784dab7b84759d1014dbd78f7ebd5";

const nodeSchema = z.strictObject({
  role: z.enum(["control-plane", "worker"]).default("control-plane"),
  image: z.string().default(defaultImage),
  labels: z.record(z.string(), z.string()).default({}),
});

const schema = z.strictObject({
  kind: z.literal("Cluster"),
  apiVersion: z.literal("kind.x-k8s.io/v1alpha4"),
  name: z.string().default("kind"),
  networking: z
    .strictObject({
      apiServerAddress: z.string().default("127.0.0.1"),
      apiServerPort: z.number().default(0),
      podSubnet: z.string().default("10.244.0.0/16"),
      serviceSubnet: z.string().default("10.96.0.0/16"),
    })
    .prefault({}),
  nodes: z.array(nodeSchema).default([]),
});

export type KindConfig = z.output<typeof schema>;

/** `image` replaces that of every node, `name` that of the file, as the flags do. */
export function readKindConfig(
  path: string | undefined,
  options: { readonly name: string | undefined; readonly image: string | undefined },
): KindConfig {
  const config =
    path === undefined
      ? schema.parse({ kind: "Cluster", apiVersion: "kind.x-k8s.io/v1alpha4" })
      : readConfigFile(path, schema, (missing) => `error reading file: open ${missing}: no such file or directory`);
  const listed = config.nodes.length > 0 ? config.nodes : [nodeSchema.parse({})];
  if (listed.filter(({ role }) => role === "control-plane").length !== 1) {
    throw new UnknownUsage(`${path}: other than one control plane`);
  }
  const nodes = listed.map((node) => ({ ...node, image: options.image ?? node.image }));
  return { ...config, name: options.name ?? config.name, nodes };
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
