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
  /** Clusters of these providers only. */
  readonly providers?: readonly string[];
  /** What accounts of AWS have in common, and no cluster: the management account's zones and role, or the roles of other accounts. */
  readonly aws?: "management" | "roles";
}

/** Runs a verb over the part of the fleet that the task and its options select. */
export async function runTask(verb: Verb, preset: Preset = {}): Promise<void> {
  await runProgram(commandSpec(verb, preset), async (parsed) => {
    // Everything heavy comes after `--help` and bad options.
    const { runVerb } = await import("#lib/run.ts");
    return await runVerb(verb, parseRunOptions(preset, parsed));
  });
}

/** Pure: the options of a task. Also what the generator writes into its `//USAGE` lines. */
export function commandSpec(verb: Pick<Verb, "name">, preset: Preset): CommandSpec {
  const isPlain = preset.cluster === undefined && preset.aws === undefined;
  const selecting = isPlain ? [option.account, option.provider, option.target] : [];
  const common = [option.sandbox, option.fleet, option.json, option.verbose];
  const gitops = [option.noGitops, option.revision, option.argocdManifest];
  // Accounts have no containers, no Argo CD and nothing that machines bear only a few of.
  const ofClusters = preset.aws === undefined;
  const own = {
    create: [
      option.dryRun,
      ...(ofClusters ? [option.jobs, option.retain] : []),
      option.adopt,
      option.allowReplacement,
      ...(ofClusters ? [option.skipDnsCheck, ...gitops, option.noWait] : []),
    ],
    delete: [
      option.dryRun,
      option.yes,
      ...(ofClusters ? [option.jobs] : []),
      option.adopt,
      ...(ofClusters ? [option.skipDnsWait] : []),
    ],
    plan: [option.detailedExitcode, ...gitops],
    status: [option.drift, option.allowAbsent, option.noGitops],
  }[verb.name];
  return {
    options: [...own, ...selecting, ...common],
    ...(isPlain ? { argument: clusterArgument } : preset.aws === "roles" ? { argument: accountArgument } : {}),
  };
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
      ...(preset.providers === undefined ? {} : { within: preset.providers }),
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
