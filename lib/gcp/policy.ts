import { isDeepStrictEqual } from "node:util";
import type { GcpActor, Json, Query, Service } from "#lib/gcp/clients.ts";
import { isConflict, isUnknownMember } from "#lib/gcp/conflict.ts";
import type { GcpAccount } from "#lib/gcp/fleet/types.ts";
import { projectPath } from "#lib/gcp/names.ts";
import type { GcpWorld } from "#lib/gcp/world.ts";

/** Who may do what: an allow policy of GCP, which is read and written as a whole. */
export interface Policy {
  readonly etag?: string;
  readonly bindings: readonly PolicyBinding[];
}

export interface PolicyBinding {
  /** `roles/dns.reader`, `projects/P/roles/R`. */
  readonly role: string;
  readonly members: readonly string[];
  readonly condition?: Condition;
}

export interface Condition {
  readonly title: string;
  readonly expression: string;
}

/** One role for one member. */
export interface Grant {
  readonly role: string;
  /** `serviceAccount:EMAIL`, `user:EMAIL`, `group:EMAIL`, `principal://…`, `principalSet://…`. */
  readonly member: string;
  readonly condition?: Condition;
}

/** What a policy belongs to. */
export interface PolicyTarget {
  readonly service: Service;
  /** Without the method: `v3/projects/P`. */
  readonly path: string;
  /** Where the version of the policy is asked for. @default "body" */
  readonly versionIn?: "query";
}

/** Older versions lose the conditions of bindings when they are written back. */
const version = 3;
/** Other runs write the same policy, and a new service account is known everywhere within a minute. */
const retryMs = 2 * 60_000;
const longestPauseMs = 8_000;

export function projectPolicy(account: GcpAccount): PolicyTarget {
  return { service: "cloudresourcemanager", path: `v3/${projectPath(account)}` };
}

/** @param path of a service account */
export function serviceAccountPolicy(path: string): PolicyTarget {
  return { service: "iam", path: `v1/${path}`, versionIn: "query" };
}

/** @param name of a managed zone */
export function zonePolicy(account: GcpAccount, name: string): PolicyTarget {
  return { service: "dns", path: `dns/v1/${projectPath(account)}/managedZones/${name}` };
}

export async function readPolicy(world: GcpWorld, actor: GcpActor, target: PolicyTarget): Promise<Policy> {
  const inQuery = target.versionIn === "query";
  const query: Query | undefined = inQuery ? { "options.requestedPolicyVersion": String(version) } : undefined;
  const body: Json = inQuery ? {} : { options: { requestedPolicyVersion: version } };
  const { service, path } = target;
  const answer = await world.gcp.rest(actor).send(world, service, "POST", `${path}:getIamPolicy`, body, query);
  return toPolicy(answer);
}

function toPolicy({ bindings, ...rest }: Json): Policy {
  return { ...rest, bindings: Array.isArray(bindings) ? bindings : [] };
}

/**
 * Reads the policy, changes it and writes it back: again as a whole if somebody else has written it meanwhile, or while a new service account
 * in it is not known everywhere. Nothing is written without a change.
 */
export async function changePolicy(
  world: GcpWorld,
  actor: GcpActor,
  target: PolicyTarget,
  change: (policy: Policy) => Policy,
): Promise<Policy> {
  const { clock, signal, progress } = world;
  const deadline = clock.now() + retryMs;
  for (let attempt = 1; ; attempt++) {
    const found = await readPolicy(world, actor, target);
    const wanted = change(found);
    if (isDeepStrictEqual(found.bindings, wanted.bindings)) return found;
    try {
      const body = { policy: { ...wanted, version } };
      const { service, path } = target;
      const answer = await world.gcp.rest(actor).send(world, service, "POST", `${path}:setIamPolicy`, body);
      world.gcp.accessChanged(actor.account);
      return toPolicy(answer);
    } catch (error) {
      const isLate = clock.now() >= deadline;
      if (isLate || !(isConflict(error) || isUnknownMember(error))) throw error;
      progress(
        isConflict(error) ? "reading the policy again: it was changed meanwhile" : "waiting until GCP knows the member",
      );
      // Runs that met once do not meet again.
      await clock.sleep(Math.min(longestPauseMs, 250 * 2 ** attempt) * (0.5 + Math.random()), signal);
    }
  }
}

/** Pure. */
export function hasGrant({ bindings }: Policy, { member, ...of }: Grant): boolean {
  return bindings.some((binding) => isSame(binding, of) && binding.members.includes(member));
}

/** With these grants; all other bindings, conditions and members stay. Pure. */
export function withGrants(policy: Policy, grants: readonly Grant[]): Policy {
  const missing = grants.filter((grant) => !hasGrant(policy, grant));
  const placeOf = (grant: Grant): number => policy.bindings.findIndex((binding) => isSame(binding, grant));
  const grown = policy.bindings.map((binding, index) => {
    const added = missing.filter((grant) => placeOf(grant) === index).map(({ member }) => member);
    return added.length === 0 ? binding : { ...binding, members: [...binding.members, ...added] };
  });
  const others = missing.filter((grant) => placeOf(grant) < 0);
  const fresh = [...Map.groupBy(others, ({ role, condition }) => `${role} ${condition?.expression}`).values()];
  const made = fresh.flatMap(([first, ...rest]) => {
    if (first === undefined) return [];
    const { member, ...of } = first;
    return [{ ...of, members: [member, ...rest.map((grant) => grant.member)] }];
  });
  return { ...policy, bindings: [...grown, ...made] };
}

/** Without these grants. Pure. */
export function withoutGrants(policy: Policy, grants: readonly Grant[]): Policy {
  const bindings = policy.bindings.flatMap((binding) => {
    const taken = grants.filter((grant) => isSame(binding, grant)).map(({ member }) => member);
    const members = binding.members.filter((member) => !taken.includes(member));
    if (members.length === binding.members.length) return [binding];
    return members.length === 0 ? [] : [{ ...binding, members }];
  });
  return { ...policy, bindings };
}

function isSame(a: Pick<Grant, "role" | "condition">, b: Pick<Grant, "role" | "condition">): boolean {
  return (
    a.role === b.role &&
    a.condition?.expression === b.condition?.expression &&
    a.condition?.title === b.condition?.title
  );
}
