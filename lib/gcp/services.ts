import { FleetError } from "#lib/errors.ts";
import type { GcpActor, Rest } from "#lib/gcp/clients.ts";
import { hasCode } from "#lib/gcp/conflict.ts";
import { projectPath } from "#lib/gcp/names.ts";
import { waitForOperation } from "#lib/gcp/operation.ts";
import type { Described } from "#lib/gcp/rest-resource.ts";
import type { GcpWorld } from "#lib/gcp/world.ts";
import type { Resource } from "#lib/graph/resource.ts";
import { command } from "#lib/hint.ts";

export interface ServicesOptions extends Omit<Described, "keptOnDelete"> {
  readonly actor: GcpActor;
  /** Names of APIs without `.googleapis.com`. */
  readonly services: readonly string[];
}

export interface ServicesState {
  /** Enabled in the project, ours and others, as GCP spells them. */
  readonly enabled: readonly string[];
}

/** https://cloud.google.com/service-usage/docs/reference/rest/v1/services/batchEnable */
const mostAtOnce = 20;
const timeoutMs = 10 * 60_000;
/** Both must be on before anything can be enabled by a call. */
const bootstrap = "serviceusage.googleapis.com cloudresourcemanager.googleapis.com";

/** The APIs of a project that are called. They stay on: others may use them, and an API that is off costs nothing less. */
export function services({ actor, services: names, ...described }: ServicesOptions): Resource<ServicesState, GcpWorld> {
  const wanted = names.map((name) => `${name}.googleapis.com`);
  const missingOf = ({ enabled }: ServicesState): readonly string[] => wanted.filter((name) => !enabled.includes(name));
  return {
    ...described,
    lane: "api",
    keptOnDelete: "APIs stay enabled: others may use them",
    async observe(world) {
      const state = await readEnabled(world, actor);
      return { kind: "present", state };
    },
    diff: (state) =>
      missingOf(state).map((name) => ({ field: name, from: "disabled", to: "enabled", effect: "in-place" })),
    async ensure(world) {
      const missing = missingOf(await readEnabled(world, actor));
      if (missing.length > 0) await enable(world, actor, missing);
      return await readEnabled(world, actor);
    },
    remove: () => Promise.resolve({ kind: "kept", why: "others may use them" }),
    health: ({ enabled }) => ({ kind: "healthy", summary: `${wanted.length} of ${enabled.length} enabled APIs` }),
  };
}

/** Nothing is in a project that never enabled the API for it: before its first create a plan shows what would be created. */
export function absentWhileDisabled<State>(resource: Resource<State, GcpWorld>): Resource<State, GcpWorld> {
  return {
    ...resource,
    async observe(world, outputs) {
      try {
        return await resource.observe(world, outputs);
      } catch (error) {
        if (hasCode(error, "GcpApiDisabled")) return { kind: "absent" };
        throw error;
      }
    },
  };
}

async function readEnabled(world: GcpWorld, actor: GcpActor): Promise<ServicesState> {
  const rest = world.gcp.rest(actor);
  const query = { filter: "state:ENABLED", pageSize: "200" };
  try {
    const found = await rest.list(
      world,
      "serviceusage",
      `v1/${projectPath(actor.account)}/services`,
      "services",
      query,
    );
    return { enabled: found.map(({ name }) => String(name).split("/").at(-1) ?? "") };
  } catch (error) {
    if (!hasCode(error, "GcpApiDisabled")) throw error;
    const { name, projectId } = actor.account;
    throw new FleetError("GcpApiDisabled", `${name}: the API that enables other APIs is disabled in ${projectId}`, {
      hint: `enable it once by hand: gcloud services enable ${bootstrap} --project ${projectId}`,
      cause: error,
    });
  }
}

/** Service accounts of ours only read what is enabled. */
function leftToOwners(
  { account: { name, projectId, role } }: GcpActor,
  ids: readonly string[],
  cause: unknown,
): FleetError {
  return new FleetError("GcpApiDisabled", `${name}: disabled in ${projectId}: ${ids.join(", ")}`, {
    hint: [
      "an owner of the project enables it: ",
      role === "management" ? command("create:gcp-mgmt") : command("create:gcp-tenant", name),
    ],
    cause,
  });
}

async function enable(world: GcpWorld, actor: GcpActor, names: readonly string[]): Promise<void> {
  const rest: Rest = world.gcp.rest(actor);
  const parent = projectPath(actor.account);
  for (let at = 0; at < names.length; at += mostAtOnce) {
    const serviceIds = names.slice(at, at + mostAtOnce);
    world.progress(`enabling ${serviceIds.join(", ")}`);
    const path = `v1/${parent}/services:batchEnable`;
    const operation = await rest.send(world, "serviceusage", "POST", path, { serviceIds }).catch((error: unknown) => {
      throw hasCode(error, "GcpDenied") ? leftToOwners(actor, serviceIds, error) : error;
    });
    const asked = { account: actor.account.name, what: "enabling APIs", timeoutMs };
    await waitForOperation(world, rest, "serviceusage", operation, asked);
  }
  // Google's servers learn of it within minutes: calls that are refused until then are made again.
  world.gcp.accessChanged(actor.account);
}
