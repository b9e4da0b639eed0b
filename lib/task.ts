import type { GitOpsSettings } from "#lib/argocd/gitops-graph.ts";
import {
  accountArgument,
  type CommandSpec,
  clusterArgument,
  option,
  type Parsed,
  parseCount,
} from "#lib/cli/options.ts";
import { runProgram } from "#lib/cli/program.ts";
import type { AccountScope, RunOptions } from "#lib/commands/run-options.ts";
import type { Verb } from "#lib/verbs/engine.ts";

/** The scope of a task, given by its name. */
export interface Preset {
  /** One cluster; the task then accepts no names. */
  readonly cluster?: string;
  /** Only clusters of these providers; for one cluster, its provider. */
  readonly providers?: readonly string[];
  /** Resources shared by accounts, without clusters. */
  readonly accounts?: AccountScope;
  /** Where the clusters run: options without effect there are not options of the task. @default both */
  readonly place?: "cloud" | "computer";
}

/** Runs a verb on the part of the fleet selected by the task and its options. */
export async function runTask(verb: Verb, preset: Preset = {}): Promise<void> {
  await runProgram(commandSpec(verb, preset), async (parsed) => {
    // Expensive imports come after `--help` and invalid options.
    const { runVerb } = await import("#lib/commands/run-verb.ts");
    return await runVerb(verb, parseRunOptions(preset, parsed));
  });
}

/** The options of a task. Pure; the generator also writes them into the `//USAGE` lines. */
export function commandSpec(verb: Pick<Verb, "name">, preset: Preset): CommandSpec {
  const { cluster, accounts, place } = preset;
  const isPlain = cluster === undefined && accounts === undefined;
  const isCloud = place !== "computer";
  const common = [option.sandbox, option.fleet, option.json, option.verbose];
  const gitops = [option.noGitops, option.revision, option.argocdManifest];
  const selecting = isPlain
    ? [
        ...(isCloud ? [option.account] : []),
        ...(preset.providers === undefined ? [option.provider] : []),
        option.target,
      ]
    : [];
  const jobs = isPlain ? [{ ...option.jobs, help: jobsHelp(place) }] : [];
  const own = {
    create: [
      option.dryRun,
      ...jobs,
      { ...option.retain, help: retainHelp(place) },
      { ...option.adopt, help: adoptHelp(place, accounts !== undefined) },
      option.allowReplacement,
      ...(isCloud && accounts === undefined ? [option.skipDnsCheck] : []),
      ...(accounts === undefined ? [...gitops, option.noWait] : []),
    ],
    delete: [
      option.dryRun,
      option.yes,
      ...(isPlain ? [option.orphans] : []),
      ...jobs,
      { ...option.adopt, help: "delete what has these names, also where another tool created it" },
      ...(isCloud && accounts === undefined ? [option.skipDnsWait] : []),
    ],
    plan: [option.detailedExitcode, ...gitops],
    status: [option.drift, option.allowAbsent, option.noGitops],
  }[verb.name];
  return {
    options: [...own, ...selecting, ...common],
    ...(isPlain ? { argument: clusterArgument } : accounts?.of === "tenants" ? { argument: accountArgument } : {}),
  };
}

function jobsHelp(place: Preset["place"]): string {
  if (place === undefined) return option.jobs.help;
  return place === "computer"
    ? "clusters to work on at once; default: as many as fit on this computer"
    : "clusters to work on at once; default: 32";
}

function retainHelp(place: Preset["place"]): string {
  if (place === undefined) return option.retain.help;
  return place === "computer"
    ? "keep the containers of a cluster whose creation failed, so that they can be inspected"
    : "keep the resources of a stack whose creation failed, so that they can be inspected";
}

function adoptHelp(place: Preset["place"], ofAccounts: boolean): string {
  if (place === undefined) return option.adopt.help;
  if (place === "computer") return "take over a cluster of this name that another tool created";
  return ofAccounts
    ? "take over zones and stacks of these names that another tool created"
    : "take over zones, records and stacks of these names that another tool created";
}

function parseRunOptions(preset: Preset, parsed: Parsed): RunOptions {
  const list = (name: string): readonly string[] => parsed.values.get(name) ?? [];
  const [fleetFile] = list("fleet");
  const [jobs] = list("jobs");
  const { cluster, accounts } = preset;
  return {
    ...(accounts === undefined ? {} : { accounts }),
    selection: {
      ...(preset.providers === undefined || cluster !== undefined ? {} : { within: preset.providers }),
      clusters: cluster !== undefined ? [cluster] : accounts === undefined ? parsed.positionals : [],
      accounts: accounts === undefined ? list("account") : parsed.positionals,
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
    orphans: parsed.flags.has("orphans"),
    retain: parsed.flags.has("retain"),
    adopt: parsed.flags.has("adopt"),
    allowReplacement: parsed.flags.has("allow-replacement"),
    drift: parsed.flags.has("drift"),
    allowAbsent: parsed.flags.has("allow-absent"),
    detailedExitcode: parsed.flags.has(option.detailedExitcode.name),
    skipDnsCheck: parsed.flags.has("skip-dns-check"),
    skipDnsWait: parsed.flags.has("skip-dns-wait"),
    gitops: parsed.flags.has("no-gitops") || accounts !== undefined ? undefined : parseGitOps(parsed),
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
