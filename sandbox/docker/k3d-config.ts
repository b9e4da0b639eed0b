import { z } from "zod";
import { UnknownUsage } from "#sandbox/docker/argv.ts";
import { ConfigError, readConfigFile } from "#sandbox/docker/config-file.ts";

/** k3d's limit, from what a host name may be. */
const LONGEST_NAME = 32;

/** A value for the nodes that its filters name. */
const filtered = (key: "arg" | "label") =>
  z
    .array(z.strictObject({ [key]: z.string(), nodeFilters: z.array(z.string()) }))
    .transform((list) => list.map((one) => ({ value: String(one[key]), nodeFilters: one.nodeFilters as string[] })))
    .prefault([]);

const schema = z.strictObject({
  apiVersion: z.literal("k3d.io/v1alpha5"),
  kind: z.literal("Simple"),
  metadata: z.strictObject({ name: z.string().default("k3s-default") }).prefault({}),
  servers: z.literal(1).default(1),
  agents: z.number().default(0),
  image: z.string().default("rancher/k3s:v1.36.1-k3s1"),
  kubeAPI: z.strictObject({
    host: z.string().default("0.0.0.0"),
    hostIP: z.string().default("0.0.0.0"),
    hostPort: z.coerce.number().positive(),
  }),
  options: z
    .strictObject({
      k3d: z.strictObject({ wait: z.unknown(), timeout: z.unknown() }).partial().optional(),
      k3s: z.strictObject({ extraArgs: filtered("arg"), nodeLabels: filtered("label") }).prefault({}),
      runtime: z.strictObject({ labels: filtered("label") }).prefault({}),
      kubeconfig: z
        .strictObject({
          updateDefaultKubeconfig: z.boolean().default(true),
          switchCurrentContext: z.unknown().optional(),
        })
        .prefault({}),
    })
    .prefault({}),
});

export type K3dConfig = z.output<typeof schema>;
type Filtered = K3dConfig["options"]["k3s"]["extraArgs"][number];

/** `image` and `name` replace those of the file, as the flags do. */
export function readK3dConfig(
  path: string,
  options: { readonly name: string | undefined; readonly image: string | undefined },
): K3dConfig {
  const config = readConfigFile(
    path,
    schema,
    (missing) => `Failed to stat config file ${missing}: stat ${missing}: no such file or directory`,
  );
  const { name = config.metadata.name, image = config.image } = options;
  return { ...config, metadata: { name }, image };
}

export function checkK3dConfig({ metadata: { name } }: K3dConfig): void {
  if (name.length <= LONGEST_NAME) return;
  throw new ConfigError(
    `Failed Cluster Configuration Validation:  provided cluster name '${name}' does not match requirements: ` +
      `Cluster name must be <= ${LONGEST_NAME} characters, but has ${name.length}`,
  );
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
