import { compareBody } from "#lib/cloud/body.ts";
import { describeOwner, isOfFleet, missingTags, type Tags } from "#lib/cloud/ownership.ts";
import { minuteMs } from "#lib/cloud/parts.ts";
import { FleetError } from "#lib/errors.ts";
import type { GcpActor, Json } from "#lib/gcp/clients.ts";
import { hasCode, isConflict } from "#lib/gcp/conflict.ts";
import type { GkeCluster } from "#lib/gcp/fleet/types.ts";
import { clusterBody, clusterRules, newCluster, updatesOf } from "#lib/gcp/gke/cluster-body.ts";
import { joinRunning, waitForGke } from "#lib/gcp/gke/operation.ts";
import { chooseVersion } from "#lib/gcp/gke/versions.ts";
import { gkePath, projectPath } from "#lib/gcp/names.ts";
import type { Described } from "#lib/gcp/rest-resource.ts";
import type { GcpWorld } from "#lib/gcp/world.ts";
import type { Change, Health, Observed, Resource } from "#lib/graph/resource.ts";

export interface GkeOptions extends Omit<Described, "label"> {
  readonly actor: GcpActor;
  readonly cluster: GkeCluster;
  readonly labels: Tags;
}

export interface GkeState {
  /** As GKE answers it. */
  readonly found: Json;
  /** Undefined while the cluster has none. */
  readonly endpoint: GkeEndpoint | undefined;
}

export interface GkeEndpoint {
  /** Origin of the API server. */
  readonly server: string;
  /** PEM in base64. Undefined where the certificate is one of Google's, which all computers trust. */
  readonly authority: string | undefined;
}

/** A cluster takes ten minutes, an upgrade with its nodes an hour. */
const timeoutMs = 90 * minuteMs;
/** GKE shows an operation a moment after it has refused another one because of it. */
const busyPauseMs = 5_000;
/** Changes are made once; more rounds are for those that other runs made meanwhile. */
const mostRounds = 5;

/** A GKE cluster. GKE has no protection against deletes in its API: one without our labels is never deleted. */
export function gkeCluster(options: GkeOptions): Resource<GkeState, GcpWorld> {
  const { id, title, row, needs, keptOnDelete, cluster, actor } = options;
  return {
    id,
    title,
    label: "GKE",
    row,
    lane: "cluster",
    needs,
    ...(keptOnDelete === undefined ? {} : { keptOnDelete }),
    observe: (world) => observe(world, options),
    diff: ({ found }) => compare(found, options),
    async refuse(world, { found }) {
      const isRaised = compare(found, options).some(({ field }) => field === "currentMasterVersion");
      if (isRaised) await chooseVersion(world, actor, cluster, String(found.currentMasterVersion));
    },
    ensure: (world) => ensure(world, options),
    async remove(world) {
      await remove(world, options);
      return { kind: "removed" };
    },
    health,
  };
}

async function read(world: GcpWorld, { actor, cluster }: GkeOptions): Promise<Json | undefined> {
  return await world.gcp.rest(actor).get(world, "container", `v1/${gkePath(actor.account, cluster)}`);
}

async function observe(world: GcpWorld, options: GkeOptions): Promise<Observed<GkeState>> {
  const found = await read(world, options);
  if (found === undefined) return { kind: "absent" };
  if (!isOfFleet(labelsIn(found), options.labels)) return { kind: "foreign", why: foreign(found, options).message };
  if (isMoving(found)) {
    return { kind: "busy", why: `GKE is at work on it: ${String(found.status)}`, inCloud: true };
  }
  return { kind: "present", state: toState(found) };
}

/** It comes into being or goes. RECONCILING is not meant: GKE upgrades a running cluster. */
function isMoving({ status }: Json): boolean {
  return status === "PROVISIONING" || status === "STOPPING";
}

function labelsIn({ resourceLabels }: Json): Tags {
  return Object.fromEntries(Object.entries(Object(resourceLabels)).map(([key, value]) => [key, String(value)]));
}

function foreign(found: Json, { actor: { account } }: GkeOptions): FleetError {
  const what = `the cluster ${String(found.name)} in ${account.name} is ${describeOwner(labelsIn(found))}`;
  return new FleetError("ForeignResource", what, { hint: "rename or remove it, or take it over with --adopt" });
}

function toState(found: Json): GkeState {
  return { found, endpoint: endpointOf(found) };
}

function endpointOf({ controlPlaneEndpointsConfig: config, endpoint, masterAuth }: Json): GkeEndpoint | undefined {
  const { dnsEndpointConfig: byName, ipEndpointsConfig: byAddress } = Object(config);
  if (byName?.allowExternalTraffic === true && typeof byName.endpoint === "string") {
    return { server: `https://${byName.endpoint}`, authority: undefined };
  }
  const address = byAddress?.publicEndpoint ?? endpoint;
  const { clusterCaCertificate: authority } = Object(masterAuth);
  if (typeof address !== "string" || address === "" || typeof authority !== "string") return undefined;
  return { server: `https://${address}`, authority };
}

function compare(found: Json, { actor, cluster, labels }: GkeOptions): readonly Change[] {
  const missing = Object.entries(missingTags(labelsIn(found), labels));
  return [
    ...compareBody(clusterBody(actor.account, cluster), found, clusterRules),
    ...missing.map(
      ([key, to]): Change => ({ field: `labels.${key}`, from: labelsIn(found)[key] ?? "", to, effect: "in-place" }),
    ),
    // GKE says that it can only be deleted.
    ...(found.status === "ERROR"
      ? [{ field: "status", from: "ERROR", to: "RUNNING", effect: "replace" } satisfies Change]
      : []),
  ];
}

async function ensure(world: GcpWorld, options: GkeOptions): Promise<GkeState> {
  const deadline = world.clock.now() + timeoutMs;
  const work = { ...options, timeoutMs };
  for (let rounds = 0; ; ) {
    const found = await read(world, options);
    if (found !== undefined) refuseForeign(world, found, options);
    try {
      if (found === undefined) await create(world, options);
      else if (isMoving(found)) await join(world, options);
      else if (rounds++ > mostRounds) throw unchanged(found, options);
      else if (!(await change(world, found, options))) return toState(found);
    } catch (error) {
      // Joined by its target: another run works on it, or the answer of the call that began the work was lost.
      if (!isBusy(error) || world.clock.now() >= deadline) throw error;
      world.progress("joining what GKE does with it already");
      if (!(await joinRunning(world, work))) await world.clock.sleep(busyPauseMs, world.signal);
    }
  }
}

function unchanged(found: Json, options: GkeOptions): FleetError {
  const fields = compare(found, options).map(({ field }) => field);
  return new FleetError(
    "GcpFailed",
    `${options.title}: GKE keeps other values than were written: ${fields.join(", ")}`,
    {
      hint: "see whether another tool changes the cluster back",
    },
  );
}

function isBusy(error: unknown): boolean {
  return isConflict(error) || hasCode(error, "GcpBusy", "GcpUnreachable");
}

function refuseForeign({ options: { adopt } }: GcpWorld, found: Json, options: GkeOptions): void {
  if (!isOfFleet(labelsIn(found), options.labels) && !adopt) throw foreign(found, options);
}

async function create(world: GcpWorld, options: GkeOptions): Promise<void> {
  const { actor, cluster, labels } = options;
  const version = await chooseVersion(world, actor, cluster, undefined);
  world.progress(`creating it with Kubernetes ${version}`);
  const path = `v1/${projectPath(actor.account)}/locations/${cluster.region}/clusters`;
  const body = { cluster: newCluster(actor.account, cluster, version, labels) };
  const operation = await world.gcp.rest(actor).send(world, "container", "POST", path, body);
  await waitForGke(world, operation, { ...options, timeoutMs });
}

/** Waits for what made the cluster move. */
async function join(world: GcpWorld, options: GkeOptions): Promise<void> {
  if (await joinRunning(world, { ...options, timeoutMs })) return;
  world.progress("waiting until GKE shows what it does with it");
  await world.clock.sleep(busyPauseMs, world.signal);
}

/** @returns whether there was something to change */
async function change(world: GcpWorld, found: Json, options: GkeOptions): Promise<boolean> {
  const { actor, cluster, title, labels } = options;
  const changes = compare(found, options);
  if (changes.length === 0) return false;
  const replacing = changes.filter(({ effect }) => effect === "replace").map(({ field }) => field);
  if (replacing.length > 0) {
    if (!world.options.allowReplacement) throw replacementRequired(title, found, replacing);
    await remove(world, options);
    return true;
  }
  const fields = changes.map(({ field }) => field.replace(/[.[].*$/, ""));
  const version = fields.includes("currentMasterVersion")
    ? await chooseVersion(world, actor, cluster, String(found.currentMasterVersion))
    : "";
  const path = `v1/${gkePath(actor.account, cluster)}`;
  const rest = world.gcp.rest(actor);
  const wait = (operation: Json): Promise<void> => waitForGke(world, operation, { ...options, timeoutMs });
  for (const update of updatesOf(fields, clusterBody(actor.account, cluster), () => version)) {
    world.progress("updating it");
    await wait(await rest.send(world, "container", "PUT", path, { update }));
  }
  if (fields.includes("labels")) {
    world.progress("updating its labels");
    const body = { resourceLabels: { ...labelsIn(found), ...labels }, labelFingerprint: found.labelFingerprint };
    await wait(await rest.send(world, "container", "POST", `${path}:setResourceLabels`, body));
  }
  return true;
}

function replacementRequired(title: string, found: Json, fields: readonly string[]): FleetError {
  const why = wordsOf(found);
  return new FleetError("ReplacementRequired", `${title}: can't be changed in place: ${fields.join(", ")}`, {
    hint: "run again with --allow-replacement to delete and recreate it, or change the fleet back",
    ...(why === "" ? {} : { details: [why] }),
  });
}

async function remove(world: GcpWorld, options: GkeOptions): Promise<void> {
  const { actor, cluster } = options;
  const work = { ...options, timeoutMs };
  for (const deadline = world.clock.now() + timeoutMs; ; ) {
    const found = await read(world, options);
    if (found === undefined) return;
    refuseForeign(world, found, options);
    try {
      if (isMoving(found)) {
        await join(world, options);
        continue;
      }
      world.progress("deleting it");
      const path = `v1/${gkePath(actor.account, cluster)}`;
      await waitForGke(world, await world.gcp.rest(actor).send(world, "container", "DELETE", path), work);
    } catch (error) {
      if (!isBusy(error) || world.clock.now() >= deadline) throw error;
      world.progress("joining what GKE does with it already");
      if (!(await joinRunning(world, work))) await world.clock.sleep(busyPauseMs, world.signal);
    }
  }
}

function health({ found, endpoint }: GkeState): Health {
  const version = String(found.currentMasterVersion ?? "");
  const words = wordsOf(found);
  const figures = { cluster: { kubernetes: version } };
  if (found.status === "ERROR" || found.status === "DEGRADED") {
    return { kind: "degraded", summary: `${String(found.status)}: ${words || "GKE does not say why"}`, ...figures };
  }
  if (endpoint === undefined) return { kind: "degraded", summary: "its API server has no endpoint", ...figures };
  return { kind: "healthy", summary: String(found.name), ...figures };
}

/** What GKE says of a cluster's state. */
function wordsOf({ conditions, statusMessage }: Json): string {
  const all: readonly unknown[] = Array.isArray(conditions) ? conditions : [];
  const said = all.map((one) => String(Object(one).message ?? "")).filter((text) => text !== "");
  return said.length > 0 ? said.join("; ") : String(statusMessage ?? "");
}
