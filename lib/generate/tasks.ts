import { type CommandSpec, formatUsage } from "#lib/cli/options.ts";
import { taskSuffix } from "#lib/fleet/names.ts";
import { factsOf } from "#lib/fleet/provider.ts";
import type { Cluster } from "#lib/fleet/types.ts";
import type { VerbName } from "#lib/graph/events.ts";
import type { Provider } from "#lib/provider.ts";
import { type GeneratedFile, type Generator, generatedMark } from "#lib/render/generator.ts";
import { commandSpec, type Preset } from "#lib/task.ts";

/** The tasks that run a verb on a part of the fleet. Their names are those of the specification. */
export const verbTasks: Generator<Provider> = {
  folders: ["tasks"],
  files: ({ fleet, providers }) => {
    const clusters = fleet.clusters.map((cluster) => ({ cluster, provider: factsOf(providers, cluster) }));
    const made = clusters.filter(({ provider }) => provider.open !== undefined);
    const withAccounts = [...providers.values()].filter(({ name }) =>
      fleet.accounts.some((account) => account.provider === name),
    );
    return [
      ...fleetTasks,
      ...made.flatMap(({ cluster, provider }) => clusterTasks(cluster, provider)),
      ...[...new Set(made.map(({ provider }) => provider))].flatMap(providerTasks),
      ...withAccounts.flatMap(accountTasks),
    ].map(taskFile);
  },
};

interface Task {
  /** Path below tasks/ without its ending; with `:` for `/` it is the task's name. */
  readonly path: string;
  readonly description: string;
  readonly verb: VerbName;
  readonly preset: Preset;
}

const fleetTasks: readonly Task[] = [
  { path: "create-all", description: "Create every cluster of the fleet", verb: "create", preset: {} },
  { path: "delete-all", description: "Delete every cluster of the fleet", verb: "delete", preset: {} },
  { path: "plan", description: "Show what create-all would change; changes nothing", verb: "plan", preset: {} },
  { path: "status", description: "Show the health of every cluster", verb: "status", preset: {} },
];

function providerTasks({ name, product, taskWord, title, place }: Provider): readonly Task[] {
  return (["create", "delete"] as const).map((verb) => ({
    path: `${verb}-${taskWord}-all`,
    description: `${verb === "create" ? "Create" : "Delete"} all ${product} clusters ${whereOf(title, place)}`,
    verb,
    preset: { providers: [name], place },
  }));
}

function clusterTasks(cluster: Cluster, { name, product, taskWord, title, place }: Provider): readonly Task[] {
  return (["create", "delete"] as const).map((verb) => ({
    path: `${verb}/${taskWord}/${taskSuffix(cluster)}`,
    description: `${verb === "create" ? "Create" : "Delete"} the ${product} cluster ${cluster.name} ${whereOf(title, place)}`,
    verb,
    preset: { cluster: cluster.name, providers: [name], place },
  }));
}

function whereOf(title: string, place: Provider["place"]): string {
  return place === "computer" ? "on this computer" : `in ${title}`;
}

function accountTasks({ name, accountTasks: tasks = [] }: Provider): readonly Task[] {
  return tasks.map(({ path, description, verb, of }) => ({
    path,
    description,
    verb,
    preset: { accounts: { provider: name, of }, place: "cloud" },
  }));
}

/** `delete` is a reserved word, so the verb's export has another name. */
const exportOf: Readonly<Record<VerbName, string>> = {
  create: "create",
  delete: "remove",
  plan: "plan",
  status: "status",
};

function taskFile({ path, description, verb, preset }: Task): GeneratedFile {
  const spec: CommandSpec = commandSpec({ name: verb }, preset);
  const argument = formatPreset(preset);
  const content = [
    "#!/usr/bin/env bun",
    `//MISE description="${description}"`,
    ...formatUsage(spec),
    `// W${generatedMark} from clusters/*.ts and lib/generate/tasks.ts.`,
    "",
    'import { runTask } from "#lib/task.ts";',
    `import { ${exportOf[verb]} } from "#lib/verbs/${verb}.ts";`,
    "",
    `if (import.meta.main) await runTask(${exportOf[verb]}${argument === "" ? "" : `, ${argument}`});`,
    "",
  ];
  return { path: `tasks/${path}.ts`, content: content.join("\n"), mode: 0o755 };
}

/** As source text: `{ cluster: "kind01.internal", providers: ["kind"] }`; empty for no preset at all. */
function formatPreset(preset: Preset): string {
  return Object.keys(preset).length === 0 ? "" : formatValue(preset);
}

function formatValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(formatValue).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{ ${Object.entries(value)
    .map(([name, inner]) => `${name}: ${formatValue(inner)}`)
    .join(", ")} }`;
}
