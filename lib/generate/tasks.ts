import { type CommandSpec, formatUsage } from "#lib/cli/options.ts";
import type { VerbName } from "#lib/events.ts";
import { taskSuffix } from "#lib/fleet/names.ts";
import { type Cluster, type Fleet, isLocal, type LocalProvider } from "#lib/fleet/types.ts";
import { type GeneratedFile, type Generator, generatedMark } from "#lib/generate/generator.ts";
import { commandSpec, type Preset } from "#lib/task.ts";

/** The tasks that run a verb over a part of the fleet. Their names are the specification's. */
export const verbTasks: Generator = {
  folders: ["tasks"],
  files: (fleet) =>
    [
      ...fleetTasks,
      ...fleet.clusters.filter(isMade).flatMap(clusterTasks),
      ...providerTasks(fleet),
      ...(fleet.accounts.some(({ provider }) => provider === "aws") ? awsTasks : []),
    ].map(taskFile),
};

type MadeProvider = LocalProvider | "aws";
type Made = Extract<Cluster, { readonly provider: MadeProvider }>;

function isMade(cluster: Cluster): cluster is Made {
  return isLocal(cluster) || cluster.provider === "aws";
}

/** What people call clusters of a provider. */
const kinds: Readonly<Record<MadeProvider, { readonly word: string; readonly where: string }>> = {
  kind: { word: "kind", where: "on this computer" },
  k3d: { word: "k3d", where: "on this computer" },
  aws: { word: "eks", where: "in AWS" },
};

/** What accounts have in common. The names are upstream's. */
const awsTasks: readonly Task[] = [
  {
    path: "create/aws-mgmt/cf-route53-gh-action-iam-role-oidc",
    description: "Create zones, management role and GitHub's way in, with credentials of AWS's management account",
    verb: "create",
    preset: { aws: "management" },
  },
  {
    path: "delete/aws-mgmt/cf-route53-gh-action-iam-role-oidc",
    description: "Delete zones, management role and GitHub's way in, with credentials of AWS's management account",
    verb: "delete",
    preset: { aws: "management" },
  },
  {
    path: "create/aws-tenant/cf-iam-role",
    description: "Create the role by which the management account makes clusters, with credentials of the account",
    verb: "create",
    preset: { aws: "roles" },
  },
  {
    path: "delete/aws-tenant/cf-iam-role",
    description: "Delete the role by which the management account makes clusters, with credentials of the account",
    verb: "delete",
    preset: { aws: "roles" },
  },
];

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
  const providers = [...new Set(fleet.clusters.filter(isMade).map((cluster) => cluster.provider))];
  return providers.flatMap((provider) => {
    const { word, where } = kinds[provider];
    return (["create", "delete"] as const).map((verb) => ({
      path: `${verb}-${word}-all`,
      description: `${verb === "create" ? "Create" : "Delete"} all ${titleOf(word)} clusters ${where}`,
      verb,
      preset: { providers: [provider] },
    }));
  });
}

function clusterTasks(cluster: Made): readonly Task[] {
  const { word, where } = kinds[cluster.provider];
  return (["create", "delete"] as const).map((verb) => ({
    path: `${verb}/${word}/${taskSuffix(cluster)}`,
    description: `${verb === "create" ? "Create" : "Delete"} the ${titleOf(word)} cluster ${cluster.name} ${where}`,
    verb,
    preset: { cluster: cluster.name, providers: [cluster.provider] },
  }));
}

function titleOf(word: string): string {
  return word === "eks" ? "EKS" : word;
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

function formatPreset(preset: Preset): string {
  const parts = Object.entries(preset).map(([name, value]) => {
    const text = Array.isArray(value)
      ? `[${value.map((one) => JSON.stringify(one)).join(", ")}]`
      : JSON.stringify(value);
    return `${name}: ${text}`;
  });
  return parts.length === 0 ? "" : `{ ${parts.join(", ")} }`;
}
