import {
  accountArgument,
  type CommandSpec,
  clusterArgument,
  option,
  type Parsed,
  parseCount,
} from "#lib/cli/options.ts";
import { runProgram } from "#lib/cli/program.ts";
import type { GitOpsSettings } from "#lib/graph/gitops-graph.ts";
import type { Verb } from "#lib/verbs/engine.ts";

/** What a task is about by its name. */
export interface Preset {
  /** One cluster; the task then takes no names. */
  readonly cluster?: string;
  /** Clusters of these providers only; of one cluster, its provider. */
  readonly providers?: readonly string[];
  /** What accounts of AWS have in common, and no cluster: the management account's zones and role, or the roles of other accounts. */
  readonly aws?: "management" | "roles";
}

/** Runs a verb over the part of the fleet that the task and its options select. */
export async function runTask(verb: Verb, preset: Preset = {}): Promise<void> {
  await runProgram(commandSpec(verb, preset), async (parsed) => {
    // Everything heavy comes after `--help` and bad options.
    const { runVerb } = await import("#lib/commands/run-verb.ts");
    return await runVerb(verb, parseRunOptions(preset, parsed));
  });
}

/** Where a task works: an option that has no effect there is none of the task's. */
function placesOf({ providers, aws }: Preset): { readonly local: boolean; readonly cloud: boolean } {
  if (aws !== undefined) return { local: false, cloud: true };
  if (providers === undefined) return { local: true, cloud: true };
  return { local: providers.some(isLocalProvider), cloud: !providers.every(isLocalProvider) };
}

function isLocalProvider(name: string): boolean {
  return name === "kind" || name === "k3d";
}

/** Pure: the options of a task. Also what the generator writes into its `//USAGE` lines. */
export function commandSpec(verb: Pick<Verb, "name">, preset: Preset): CommandSpec {
  const { cluster, aws } = preset;
  const isPlain = cluster === undefined && aws === undefined;
  const common = [option.sandbox, option.fleet, option.json, option.verbose];
  const gitops = [option.noGitops, option.revision, option.argocdManifest];
  const places = placesOf(preset);
  const selecting = isPlain
    ? [
        ...(places.cloud ? [option.account] : []),
        ...(preset.providers === undefined ? [option.provider] : []),
        option.target,
      ]
    : [];
  const jobs = isPlain ? [{ ...option.jobs, help: jobsHelp(places) }] : [];
  const own = {
    create: [
      option.dryRun,
      ...jobs,
      { ...option.retain, help: retainHelp(places) },
      { ...option.adopt, help: adoptHelp(places, aws !== undefined) },
      option.allowReplacement,
      ...(places.cloud && aws === undefined ? [option.skipDnsCheck] : []),
      ...(aws === undefined ? [...gitops, option.noWait] : []),
    ],
    delete: [
      option.dryRun,
      option.yes,
      ...jobs,
      { ...option.adopt, help: "delete what has these names, also where another tool created it" },
      ...(places.cloud && aws === undefined ? [option.skipDnsWait] : []),
    ],
    plan: [option.detailedExitcode, ...gitops],
    status: [option.drift, option.allowAbsent, option.noGitops],
  }[verb.name];
  return {
    options: [...own, ...selecting, ...common],
    ...(isPlain ? { argument: clusterArgument } : aws === "roles" ? { argument: accountArgument } : {}),
  };
}

type Places = ReturnType<typeof placesOf>;

function jobsHelp({ local, cloud }: Places): string {
  if (local && cloud) return option.jobs.help;
  return local
    ? "clusters to work on at once; default: as many as fit on this computer"
    : "clusters to work on at once; default: 32";
}

function retainHelp({ local, cloud }: Places): string {
  if (local && cloud) return option.retain.help;
  return local
    ? "keep the containers of a cluster whose creation failed, so that they can be inspected"
    : "keep the resources of a stack whose creation failed, so that they can be inspected";
}

function adoptHelp({ local, cloud }: Places, ofAccounts: boolean): string {
  if (local && cloud) return option.adopt.help;
  if (local) return "take over a cluster of this name that another tool created";
  return ofAccounts
    ? "take over zones and stacks of these names that another tool created"
    : "take over zones, records and stacks of these names that another tool created";
}

/** What `runVerb` is told. */
export interface RunOptions {
  /** Only what accounts of AWS have in common; `accounts` of the selection then says of which. */
  readonly aws?: NonNullable<Preset["aws"]>;
  readonly selection: {
    readonly within?: readonly string[];
    readonly clusters: readonly string[];
    readonly accounts: readonly string[];
    readonly providers: readonly string[];
    readonly targets: readonly string[];
  };
  readonly fleetFile?: string;
  readonly jobs?: number;
  readonly json: boolean;
  readonly verbose: boolean;
  readonly sandbox: boolean;
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly retain: boolean;
  readonly adopt: boolean;
  readonly allowReplacement: boolean;
  readonly drift: boolean;
  /** Status accepts what is not created yet. */
  readonly allowAbsent?: boolean;
  /** A plan with changes ends with exit code 2. */
  readonly detailedExitcode?: boolean;
  readonly skipDnsCheck: boolean;
  readonly skipDnsWait: boolean;
  /** Undefined: Argo CD is left alone. */
  readonly gitops: GitOpsSettings | undefined;
}

function parseRunOptions(preset: Preset, parsed: Parsed): RunOptions {
  const list = (name: string): readonly string[] => parsed.values.get(name) ?? [];
  const [fleetFile] = list("fleet");
  const [jobs] = list("jobs");
  const { cluster, aws } = preset;
  return {
    ...(aws === undefined ? {} : { aws }),
    selection: {
      ...(preset.providers === undefined || cluster !== undefined ? {} : { within: preset.providers }),
      clusters: cluster !== undefined ? [cluster] : aws === undefined ? parsed.positionals : [],
      accounts: aws === undefined ? list("account") : parsed.positionals,
      providers: list("provider"),
      targets: list("target"),
    },
    ...(fleetFile === undefined ? {} : { fleetFile }),
    ...(jobs === undefined ? {} : { jobs: parseCount("jobs", jobs) }),
    json: parsed.flags.has("json"),
    verbose: parsed.flags.has("verbose"),
    sandbox: parsed.flags.has("sandbox"),
    dryRun: parsed.flags.has("dry-run"),
    yes: parsed.flags.has("yes"),
    retain: parsed.flags.has("retain"),
    adopt: parsed.flags.has("adopt"),
    allowReplacement: parsed.flags.has("allow-replacement"),
    drift: parsed.flags.has("drift"),
    allowAbsent: parsed.flags.has("allow-absent"),
    detailedExitcode: parsed.flags.has(option.detailedExitcode.name),
    skipDnsCheck: parsed.flags.has("skip-dns-check"),
    skipDnsWait: parsed.flags.has("skip-dns-wait"),
    gitops: parsed.flags.has("no-gitops") || aws !== undefined ? undefined : parseGitOps(parsed),
  };
}

function parseGitOps({ flags, values }: Parsed): GitOpsSettings {
  const [revision] = values.get("revision") ?? [];
  const [manifest] = values.get("argocd-manifest") ?? [];
  return {
    ...(revision === undefined ? {} : { revision }),
    ...(manifest === undefined ? {} : { manifest }),
    wait: !flags.has("no-wait"),
  };
}
