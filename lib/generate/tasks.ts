import { type CommandSpec, formatUsage } from "#lib/cli/options.ts";
import type { VerbName } from "#lib/events.ts";
import { taskSuffix } from "#lib/fleet/names.ts";
import { type Fleet, isLocal } from "#lib/fleet/types.ts";
import { type GeneratedFile, type Generator, generatedMark } from "#lib/generate/generator.ts";
import { commandSpec, type Preset } from "#lib/task.ts";

/** The tasks that run a verb over a part of the fleet. Their names are the specification's. */
export const verbTasks: Generator = {
  folders: ["tasks/create", "tasks/delete"],
  files: (fleet) =>
    [...fleetTasks, ...fleet.clusters.filter(isLocal).flatMap(clusterTasks), ...providerTasks(fleet)].map(taskFile),
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
  { path: "plan", description: "Show what create-all would do and change nothing", verb: "plan", preset: {} },
  { path: "status", description: "Show how every cluster is", verb: "status", preset: {} },
];

function providerTasks(fleet: Fleet): readonly Task[] {
  const providers = [...new Set(fleet.clusters.filter(isLocal).map((cluster) => cluster.provider))];
  return providers.flatMap((provider) =>
    (["create", "delete"] as const).map((verb) => ({
      path: `${verb}-${provider}-all`,
      description: `${verb === "create" ? "Create" : "Delete"} all ${provider} clusters on this computer`,
      verb,
      preset: { providers: [provider] },
    })),
  );
}

function clusterTasks(cluster: Fleet["clusters"][number]): readonly Task[] {
  return (["create", "delete"] as const).map((verb) => ({
    path: `${verb}/${cluster.provider}/${taskSuffix(cluster)}`,
    description: `${verb === "create" ? "Create" : "Delete"} the ${cluster.provider} cluster ${cluster.name} on this computer`,
    verb,
    preset: { cluster: cluster.name },
  }));
}

/** `delete` is a word of the language, so the verb's export has another name. */
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

function formatPreset({ cluster, providers }: Preset): string {
  if (cluster !== undefined) return `{ cluster: ${JSON.stringify(cluster)} }`;
  return providers === undefined ? "" : `{ providers: [${providers.map((one) => JSON.stringify(one)).join(", ")}] }`;
}
