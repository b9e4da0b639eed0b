import { stat } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { createAws } from "#lib/aws/create-clients.ts";
import { prepareBase } from "#lib/aws/credentials/base.ts";
import { awsEndpointOf } from "#lib/aws/credentials/endpoint.ts";
import { awsTargets } from "#lib/aws/targets.ts";
import { confirm } from "#lib/cli/confirm.ts";
import { mfaPrompt } from "#lib/cli/mfa.ts";
import { terminal } from "#lib/cli/program.ts";
import { listenForSignals } from "#lib/cli/signals.ts";
import { systemClock } from "#lib/clock.ts";
import type { Environment } from "#lib/environment.ts";
import { FleetError } from "#lib/errors.ts";
import type { EventReader, FleetEvent, Row, Subject } from "#lib/events.ts";
import { refuseIgnoredModes } from "#lib/file-modes.ts";
import { describeAwsPlaceholder } from "#lib/fleet/placeholders.ts";
import { type Fleet, isLocal } from "#lib/fleet/types.ts";
import { type FleetGraph, fleetGraph, type GraphSettings } from "#lib/graph/fleet-graph.ts";
import { createOutputs } from "#lib/graph/outputs.ts";
import { type AnyResource, laneOf } from "#lib/graph/resource.ts";
import { type Selected, type Selection, select } from "#lib/graph/select.ts";
import { limitsOf } from "#lib/limits.ts";
import { createWorld, openSession, type Session } from "#lib/session.ts";
import { suggestNext } from "#lib/suggest.ts";
import { createTally } from "#lib/tally.ts";
import type { RunOptions } from "#lib/task.ts";
import type { Emitted, Engine, Verb } from "#lib/verbs/engine.ts";
import { plan, planDelete } from "#lib/verbs/plan.ts";
import { chooseViews } from "#lib/view/choose.ts";
import { createJournal, type Journal } from "#lib/view/journal.ts";

/** Runs a verb from its options to its summary. Returns the exit code. */
export async function runVerb(asked: Verb, given: RunOptions): Promise<number> {
  const clock = systemClock;
  const startedAt = new Date(clock.now());
  const session = await openSession(given);
  const { fleet, sandbox } = session;
  const options = { ...given, sandbox };
  const selection = await selectionOf(options, session);
  const graph = fleetGraph(fleet, settingsOf(options, selection, session.environment));
  const selected = select(graph, fleet, selection);
  const verb = options.dryRun ? (asked.name === "delete" ? planDelete : plan) : asked;
  refuseLeftOut(graph, selected, options);
  const resources = resourcesFor(asked, graph, selected, options);
  if (verb.mutates && asked.name === "delete") await confirmDelete(selected, options, fleet, session.environment);

  // While the tree is drawn, nobody can be asked.
  if (resources.some(({ id }) => id.startsWith("aws/"))) await prepareAws(session.environment);

  let emit: (event: Emitted) => void = () => undefined;
  const interrupts = listenForSignals((name) => {
    const message = `${name} received: stopping what runs, starting nothing more`;
    emit({ kind: "notice", level: "warning", message, hint: "once more to leave at once" });
  });
  const world = createWorld(session, clock, interrupts.signal, options);
  const limits = await limitsOf(verb, resources, selected, world, options);

  const journal = verb.mutates ? await createJournal(session.paths.runs, startedAt) : undefined;
  if (journal !== undefined && verb.name === "create")
    refuseIgnoredModes((await stat(journal.folder)).mode, journal.folder);
  const tally = createTally(resources, {
    requirePresent: verb.name === "status" && !options.allowAbsent,
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
    subjects: resources.map(subjectOf),
    rows: rowsOf(resources, fleet),
    leftOut: graph.leftOut.filter((entry) => selected.clusters.some((cluster) => cluster.name === entry.cluster)),
  });
  for (const notice of limits.notices) emit(notice);

  const engine: Engine = {
    resources,
    outputs: createOutputs(),
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
  await verb.run(engine);

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
    }),
  });
  for (const reader of readers) await reader.close();
  interrupts.close();
  return exitCode;
}

async function prepareAws(environment: Environment): Promise<void> {
  const { variables } = environment;
  const endpoint = awsEndpointOf(variables);
  await prepareBase({ variables, askMfaCode: mfaPrompt(environment), ...(endpoint === undefined ? {} : { endpoint }) });
}

/** Names of what a task of accounts is about, instead of clusters. */
async function selectionOf({ aws, selection }: RunOptions, { fleet, environment }: Session): Promise<Selection> {
  if (aws === undefined) return selection;
  const placeholder = describeAwsPlaceholder(fleet);
  if (placeholder !== undefined && awsEndpointOf(environment.variables) === undefined) {
    throw new FleetError("PlaceholderAccount", `${placeholder}: put your own into clusters/`, {
      hint: "docs/aws.md shows the way from nothing; --sandbox needs no account",
    });
  }
  const targets = await awsTargets(
    aws,
    fleet,
    selection.accounts,
    createAws(fleet, environment.variables, { askMfaCode: mfaPrompt(environment) }),
  );
  return { targets };
}

function settingsOf(
  { gitops, fleetFile }: RunOptions,
  { targets = [] }: Selection,
  environment: Environment,
): GraphSettings {
  const { images, argocdManifest, gitCredentials, awsUserArn } = environment;
  const file = fleetFile ?? environment.fleetFile;
  const takesPlaceholders = awsEndpointOf(environment.variables) !== undefined;
  const aws = {
    userArn: awsUserArn,
    targets,
    takesPlaceholders,
    ...(file === undefined ? {} : { fleetFile: resolve(file) }),
  };
  if (gitops === undefined) return { images, aws };
  const manifest = argocdManifest === undefined ? {} : { manifest: argocdManifest };
  const credentials = gitCredentials === undefined ? {} : { credentials: gitCredentials };
  return { images, aws, gitops: { ...manifest, ...credentials, ...gitops } };
}

/** A run of the whole fleet names what is left out; asking for that alone is refused. */
function refuseLeftOut({ leftOut }: FleetGraph, { clusters }: Selected, { selection }: RunOptions): void {
  const asked = [selection.within, selection.clusters, selection.accounts, selection.providers];
  if (asked.every((list) => (list ?? []).length === 0)) return;
  const reasons = new Map(leftOut.map(({ cluster, why }) => [cluster, why]));
  const named = clusters.filter(({ name }) => selection.clusters?.includes(name) ?? false);
  const impossible =
    named.find(({ name, provider }) => provider !== "aws" && reasons.has(name)) ??
    (clusters.every(({ name, provider }) => provider !== "aws" && reasons.has(name)) ? clusters[0] : undefined);
  if (impossible !== undefined) {
    throw new FleetError("NothingSelected", `${impossible.name}: ${reasons.get(impossible.name)}`, {
      hint: "choose clusters of aws, kind or k3d",
    });
  }
  const inAws = clusters.filter(({ provider }) => provider === "aws");
  const first = leftOut.find(({ cluster }) => inAws.some(({ name }) => name === cluster));
  if (first === undefined) return;
  throw new FleetError("PlaceholderAccount", `${first.cluster}: ${first.why}`, {
    hint: "docs/aws.md shows the way from nothing; --sandbox needs no account",
  });
}

/** What a verb works on: what was chosen with all that it needs; a delete leaves alone what other accounts and clusters own. */
function resourcesFor(verb: Verb, graph: FleetGraph, selected: Selected, { aws }: RunOptions): readonly AnyResource[] {
  // With credentials of one account nothing of another can be looked at.
  if (aws === "roles") return graph.resources.filter((resource) => selected.chosen.has(resource));
  const wanted =
    verb.name === "delete"
      ? (resource: AnyResource) =>
          selected.chosen.has(resource) || (resource.owner.kind === "shared" && selected.withNeeds.has(resource))
      : (resource: AnyResource) => selected.withNeeds.has(resource);
  return graph.resources.filter(wanted);
}

async function confirmDelete(
  selected: Selected,
  options: RunOptions,
  fleet: Fleet,
  environment: Environment,
): Promise<void> {
  const going = [...selected.chosen].filter(({ keptOnDelete, owner }) => {
    return keptOnDelete === undefined && (owner.kind !== "shared" || options.selection.targets.length > 0);
  });
  const isWhole = options.selection.targets.length === 0 && options.aws === undefined;
  const names = new Set(going.map(({ owner, title }) => (isWhole ? owner.name : title)));
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

function subjectOf(resource: AnyResource): Subject {
  const { id, title, label, owner } = resource;
  return { id, title, label, owner, lane: laneOf(resource) };
}

/** One row per owner, in the order of the fleet: shared things first, because the rest needs them. */
function rowsOf(resources: readonly AnyResource[], fleet: Fleet): readonly Row[] {
  const rows = new Map<string, { readonly row: Row; readonly ids: string[] }>();
  for (const { id, owner } of resources) {
    const key = `${owner.kind} ${owner.name}`;
    const entry = rows.get(key) ?? { row: { owner, place: placeOf(owner.name, fleet), resources: [] }, ids: [] };
    rows.set(key, entry);
    entry.ids.push(id);
  }
  const order = [...fleet.accounts, ...fleet.clusters].map((one) => one.name as string);
  const rank = ({ owner }: Row): number => (owner.kind === "shared" ? -1 : order.indexOf(owner.name));
  return [...rows.values()].map(({ row, ids }) => ({ ...row, resources: ids })).sort((a, b) => rank(a) - rank(b));
}

/** Second column of the view. */
function placeOf(owner: string, fleet: Fleet): string {
  const cluster = fleet.clusters.find((one) => one.name === owner);
  if (cluster === undefined) return "";
  return isLocal(cluster) ? "docker" : cluster.region;
}
