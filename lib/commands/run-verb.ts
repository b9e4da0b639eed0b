import { stat } from "node:fs/promises";
import { relative } from "node:path";
import { confirm } from "#lib/cli/confirm.ts";
import { terminal } from "#lib/cli/program.ts";
import { listenForSignals } from "#lib/cli/signals.ts";
import { systemClock } from "#lib/clock.ts";
import { elsewhereFinder } from "#lib/commands/find-elsewhere.ts";
import { limitsOf } from "#lib/commands/limits.ts";
import { emulatedOf, rowsOf, subjectOf } from "#lib/commands/rows.ts";
import type { RunOptions } from "#lib/commands/run-options.ts";
import { contextOf, createWorld, openSession } from "#lib/commands/session.ts";
import { suggestNext } from "#lib/commands/suggest.ts";
import type { Environment } from "#lib/environment.ts";
import { FleetError } from "#lib/errors.ts";
import { refuseIgnoredModes } from "#lib/file-modes.ts";
import type { Cluster, Fleet } from "#lib/fleet/types.ts";
import { type FleetGraph, fleetGraph, type GraphSettings } from "#lib/fleet-graph.ts";
import type { EventReader, FleetEvent } from "#lib/graph/events.ts";
import { createOutputs } from "#lib/graph/outputs.ts";
import type { AnyResource } from "#lib/graph/resource.ts";
import { type Selected, type Selection, select } from "#lib/graph/select.ts";
import { findOrphans } from "#lib/orphans.ts";
import { type Opened, openProviders } from "#lib/providers.ts";
import type { Emitted, Engine, Verb } from "#lib/verbs/engine.ts";
import { plan, planDelete } from "#lib/verbs/plan.ts";
import { chooseViews } from "#lib/view/choose.ts";
import { createJournal, type Journal } from "#lib/view/journal.ts";
import { createTally } from "#lib/view/tally.ts";

/** Runs a verb from its options to its summary. Returns the exit code. */
export async function runVerb(asked: Verb, given: RunOptions): Promise<number> {
  const clock = systemClock;
  const startedAt = new Date(clock.now());
  const session = await openSession(given);
  const { fleet, sandbox, environment } = session;
  const options = { ...given, sandbox };
  const opened = await openProviders(session.providers, contextOf(session, clock, options.fleetFile));
  const selection = await selectionOf(options, opened);
  const { clusters: orphans, notices } = looksForOrphans(asked, selection, options, fleet)
    ? await findOrphans(
        fleet,
        opened,
        createWorld(session, clock, new AbortController().signal, options),
        isAskedBy(selection, fleet),
        asked.name === "delete",
      )
    : { clusters: [], notices: [] };
  const graph = fleetGraph(fleet, opened, { ...settingsOf(options, selection, environment), orphans });
  const all = { ...fleet, clusters: [...fleet.clusters, ...orphans] };
  const selected = select(graph, all, options.orphans === true ? onlyOrphans(selection, orphans) : selection);
  const verb = options.dryRun ? (asked.name === "delete" ? planDelete : plan) : asked;
  refuseLeftOut(graph, selected, options, opened);
  const resources = resourcesFor(asked, graph, selected, options, opened);
  if (verb.mutates && asked.name === "delete") await confirmDelete(selected, options, fleet, session.environment);

  await signIn(opened, resources);

  let emit: (event: Emitted) => void = () => undefined;
  const interrupts = listenForSignals((name) => {
    const message = `${name} received: stopping what runs, starting nothing more`;
    emit({ kind: "notice", level: "warning", message, hint: "once more to leave at once" });
  });
  const world = createWorld(session, clock, interrupts.signal, options);
  const run = { verb: verb.name, resources, clusters: selected.clusters, jobs: options.jobs };
  const limits = await limitsOf(opened, options.jobs, verb.mutates ? { world, run } : undefined);

  const journal = verb.mutates ? await createJournal(session.paths.runs, startedAt) : undefined;
  if (journal !== undefined && verb.name === "create")
    refuseIgnoredModes((await stat(journal.folder)).mode, journal.folder);
  const tally = createTally(resources, {
    requirePresent: verb.name === "status" && !options.allowAbsent,
    refuseOrphans: verb.name === "status",
    tellChanges: options.detailedExitcode === true,
  });
  const readers = [tally, ...viewsFor(options, session.environment, journal, clock.now)];
  emit = (event) => {
    const stamped = { ...event, at: new Date(clock.now()).toISOString() } as FleetEvent;
    for (const reader of readers) reader.receive(stamped);
  };
  emit({
    kind: "run-started",
    verb: verb.name,
    fleet: fleet.domain,
    sandbox: options.sandbox,
    ...(options.sandbox ? { emulated: emulatedOf(resources, opened.providers) } : {}),
    subjects: resources.map(subjectOf),
    rows: rowsOf(resources, all, opened.providers),
    leftOut: graph.leftOut
      .filter((entry) => selected.clusters.some((cluster) => cluster.name === entry.cluster))
      .map(({ cluster, why }) => ({ cluster, why })),
  });
  for (const notice of [...notices, ...limits.notices]) emit({ kind: "notice", ...notice });

  const surroundings: Omit<Engine, "resources" | "outputs"> = {
    orphans: graph.orphans,
    clock,
    signal: interrupts.signal,
    verbose: options.verbose,
    limit: limits.of,
    emit: (event) => emit(event),
    worldOf: (resource) => ({
      ...world,
      progress: (message) => emit({ kind: "progress", id: resource.id, message }),
      output: (line) => emit({ kind: "output", id: resource.id, line }),
    }),
  };
  const settings = settingsOf(options, selection, environment);
  const findElsewhere = elsewhereFinder(fleet, opened, settings, surroundings);
  await verb.run({ ...surroundings, findElsewhere, resources, outputs: createOutputs() });

  const exitCode = interrupts.exitCode() ?? tally.exitCode();
  emit({
    kind: "run-finished",
    exitCode,
    durationMs: clock.now() - startedAt.getTime(),
    criticalPathMs: tally.criticalPathMs(),
    totals: tally.totals(),
    logs: journal === undefined ? "" : shortPath(journal.folder),
    next: suggestNext(verb, {
      exitCode,
      totals: tally.totals(),
      clusters: selected.clusters,
      paths: session.paths,
      options,
      asked: tally.next(options.accounts === undefined),
    }),
  });
  for (const reader of readers) await reader.close();
  interrupts.close();
  return exitCode;
}

/** Prompts are impossible while the tree is drawn. */
async function signIn({ providers, open }: Opened, resources: readonly AnyResource[]): Promise<void> {
  const groups = new Set(resources.map(({ row }) => row.group));
  for (const [name, provider] of open) {
    if (groups.has(providers.get(name)?.group ?? name)) await provider.signIn?.();
  }
}

/** Names of what a task of accounts is about, instead of clusters. */
async function selectionOf({ accounts, selection }: RunOptions, { open }: Opened): Promise<Selection> {
  if (accounts === undefined) return selection;
  const provider = open.get(accounts.provider);
  const placeholder = provider?.placeholder?.();
  if (placeholder !== undefined)
    throw refusePlaceholder(`${placeholder}: put your own into clusters/`, accounts.provider);
  const targets = await provider?.targets?.(accounts.of, selection.accounts);
  if (targets !== undefined) return { targets };
  throw new FleetError("NothingSelected", `the fleet has no account of ${accounts.provider}`, {
    hint: `add one to clusters/${accounts.provider}.ts`,
  });
}

function refusePlaceholder(message: string, provider: string): FleetError {
  return new FleetError("PlaceholderAccount", message, {
    hint: `docs/${provider}.md shows the way from nothing; --sandbox needs no account`,
  });
}

function settingsOf(
  { gitops }: RunOptions,
  { targets = [] }: Selection,
  { argocdManifest, gitCredentials }: Environment,
): GraphSettings {
  if (gitops === undefined) return { targets };
  const manifest = argocdManifest === undefined ? {} : { manifest: argocdManifest };
  const credentials = gitCredentials === undefined ? {} : { credentials: gitCredentials };
  return { targets, gitops: { ...manifest, ...credentials, ...gitops } };
}

/** A look shows them; a delete takes them when it is asked for them, or for a name that the fleet does not have. */
function looksForOrphans({ name }: Verb, selection: Selection, options: RunOptions, { clusters }: Fleet): boolean {
  if (options.accounts !== undefined) return false;
  if (name === "plan" || name === "status" || options.orphans === true) return true;
  const known = new Set(clusters.map((cluster): string => cluster.name));
  return name === "delete" && (selection.clusters ?? []).some((asked) => !known.has(asked));
}

/** Clusters by name are of any provider. */
function isAskedBy(
  { within, providers = [], clusters = [], accounts = [] }: Selection,
  fleet: Fleet,
): (provider: string) => boolean {
  const ofAccounts = fleet.accounts.filter(({ name }) => accounts.includes(name)).map(({ provider }) => provider);
  const asked: readonly string[] = [...providers, ...ofAccounts];
  return (name) =>
    (within?.includes(name) ?? true) && (asked.length === 0 || clusters.length > 0 || asked.includes(name));
}

/** Of what was selected, only what the fleet no longer names. @throws FleetError NothingSelected */
function onlyOrphans({ within, clusters = [], providers = [] }: Selection, orphans: readonly Cluster[]): Selection {
  const chosen = orphans.filter(
    ({ name, provider }) =>
      (within?.includes(provider) ?? true) &&
      (clusters.length === 0 || clusters.includes(name)) &&
      (providers.length === 0 || providers.includes(provider)),
  );
  if (chosen.length > 0) return { clusters: chosen.map(({ name }) => name) };
  throw new FleetError("NothingSelected", "the fleet names every cluster that it created", {
    hint: "there is nothing to delete",
  });
}

/** A run of the whole fleet names what is left out; asking for that alone is refused. */
function refuseLeftOut(
  { leftOut }: FleetGraph,
  { clusters }: Selected,
  { selection }: RunOptions,
  { open }: Opened,
): void {
  const asked = [selection.within, selection.clusters, selection.accounts, selection.providers];
  if (asked.every((list) => (list ?? []).length === 0)) return;
  const left = new Map(leftOut.map((entry) => [entry.cluster, entry]));
  const impossible = (cluster: Cluster): boolean => left.get(cluster.name)?.placeholder === false;
  const named = clusters.find((cluster) => impossible(cluster) && selection.clusters.includes(cluster.name));
  const first = named ?? (clusters.every(impossible) ? clusters[0] : undefined);
  if (first !== undefined) {
    throw new FleetError("NothingSelected", `${first.name}: ${left.get(first.name)?.why}`, {
      hint: `choose clusters of ${[...open.keys()].join(", ")}`,
    });
  }
  const unready = clusters.find(({ name }) => left.get(name)?.placeholder === true);
  if (unready === undefined) return;
  throw refusePlaceholder(`${unready.name}: ${left.get(unready.name)?.why}`, unready.provider);
}

/** What a verb works on: what was chosen with all that it needs; a delete leaves alone what other accounts and clusters own. */
function resourcesFor(
  verb: Verb,
  graph: FleetGraph,
  selected: Selected,
  { accounts }: RunOptions,
  { open }: Opened,
): readonly AnyResource[] {
  // With credentials of one account nothing of another can be looked at.
  if (accounts?.of === "tenants" && open.get(accounts.provider)?.sharesCaller !== true)
    return graph.resources.filter((resource) => selected.chosen.has(resource));
  const wanted =
    verb.name === "delete"
      ? (resource: AnyResource) =>
          selected.chosen.has(resource) || (resource.row.kind === "shared" && selected.withNeeds.has(resource))
      : (resource: AnyResource) => selected.withNeeds.has(resource);
  return graph.resources.filter(wanted);
}

async function confirmDelete(
  selected: Selected,
  options: RunOptions,
  fleet: Fleet,
  environment: Environment,
): Promise<void> {
  const going = [...selected.chosen].filter(({ keptOnDelete, row }) => {
    return keptOnDelete === undefined && (row.kind !== "shared" || options.selection.targets.length > 0);
  });
  const isWhole = options.selection.targets.length === 0 && options.accounts === undefined;
  const names = new Set(going.map(({ row, title }) => (isWhole ? row.name : title)));
  await confirm({
    question: `delete ${[...names].join(", ")} of ${fleet.domain}${options.sandbox ? " in the sandbox" : ""}`,
    yes: options.yes || environment.yes,
    interactive: process.stdin.isTTY === true && process.stdout.isTTY === true && !options.json,
  });
}

function viewsFor(
  options: RunOptions,
  environment: Environment,
  journal: Journal | undefined,
  now: () => number,
): readonly EventReader[] {
  return chooseViews({
    json: options.json,
    stdout: process.stdout,
    environment: environment.variables,
    ...(journal === undefined ? {} : { journal }),
    // JSON is redacted before it is text.
    write: options.json ? terminal.verbatim : terminal.out,
    now,
  });
}

/** Relative where that is shorter, so that it can be read and copied. */
function shortPath(path: string): string {
  const below = relative(process.cwd(), path);
  return below.startsWith("..") ? path : below;
}
