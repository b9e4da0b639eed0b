import { createHash } from "node:crypto";
import { timeAfter } from "#sandbox/cloud/cloud-base.ts";
import type { GcpCall, Json } from "#sandbox/gcp/api/behaviour.ts";
import { concurrentChanges, invalidArgument } from "#sandbox/gcp/api/faults.ts";
import { type ConditionAttributes, isConditionMet } from "#sandbox/gcp/authorization/conditions.ts";
import { tryFindPermissions } from "#sandbox/gcp/authorization/roles.ts";
import type { GcpCloud } from "#sandbox/gcp/cloud.ts";
import { requireMember } from "#sandbox/gcp/iam/members.ts";
import { isSameEtag, newEtag } from "#sandbox/gcp/iam/state.ts";
import { administratorMember } from "#sandbox/gcp/oauth/administrators.ts";
import { listAt, numberAt, objectAt, stringAt, textsAt, valueAt } from "#sandbox/json.ts";

export interface Binding {
  readonly role: string;
  readonly members: readonly string[];
  readonly condition?: Json;
}

interface Policy {
  /** Text in Base64. */
  readonly etag: string;
  readonly bindings: readonly Binding[];
  /** When grants count, as ISO 8601, by role and member; older ones are left out. */
  readonly effective: Readonly<Record<string, string>>;
}

/** A minute of Google's is usual for a new grant. */
const grantMs = 60_000;

interface PoliciesState {
  /** By the resource's name. */
  readonly policies: Record<string, Policy>;
}

function policiesOf(cloud: GcpCloud, resource: string): PoliciesState {
  const [, project = ""] = resource.split("/");
  return cloud.slice<PoliciesState>("iam-policies", project, "global", () => ({
    policies: {
      [`projects/${project}`]: {
        etag: newEtag(),
        bindings: [{ role: "roles/owner", members: [administratorMember] }],
        effective: {},
      },
    },
  }));
}

/** @param resource `projects/PROJECT_ID`, `projects/PROJECT_ID/serviceAccounts/EMAIL`, `projects/PROJECT_ID/managedZones/NAME` */
function policyOf(cloud: GcpCloud, resource: string): Policy | undefined {
  return policiesOf(cloud, resource).policies[resource];
}

/** Bindings of a resource that count by now, for a call with these attributes. */
export function effectiveBindings(
  cloud: GcpCloud,
  resource: string,
  attributes: ConditionAttributes,
): readonly Binding[] {
  const policy = policyOf(cloud, resource);
  if (policy === undefined) return [];
  const now = cloud.now().toISOString();
  return policy.bindings
    .filter(({ condition }) => isConditionMet(condition, attributes))
    .map((binding) => ({
      role: binding.role,
      members: binding.members.filter((member) => (policy.effective[grantKey(binding, member)] ?? "") <= now),
    }));
}

/** Roles that somebody has in only one of two policies of a resource: that which it has, and that which a call brings. */
export function modifiedRoles(cloud: GcpCloud, resource: string, body: Json): readonly string[] {
  const grantsOf = (bindings: readonly unknown[]): readonly (readonly [string, string])[] =>
    bindings.flatMap((binding) => {
      const role = stringAt(binding, "role");
      const condition = stringAt(binding, "condition", "expression");
      return textsAt(binding, "members").map((member) => [role, `${role} ${member} ${condition}`] as const);
    });
  const before = grantsOf(policyOf(cloud, resource)?.bindings ?? []);
  const after = grantsOf(listAt(body, "policy", "bindings"));
  const isIn = (grants: typeof before, key: string): boolean => grants.some(([, other]) => other === key);
  const modified = [...before.filter(([, key]) => !isIn(after, key)), ...after.filter(([, key]) => !isIn(before, key))];
  return [...new Set(modified.map(([role]) => role))];
}

/** `getIamPolicy`: conditions are left out unless version 3 is asked for. */
export function readPolicy({ cloud, body, query }: GcpCall, resource: string): Json {
  const asked =
    numberAt(body, "options", "requestedPolicyVersion") ?? Number(query.get("options.requestedPolicyVersion"));
  if (![0, 1, 3].includes(asked))
    throw invalidArgument("The requested policy version is invalid. Valid values are 0, 1 and 3.");
  return describe(policyOf(cloud, resource), asked);
}

/**
 * `setIamPolicy`: replaces all bindings.
 *
 * @throws GcpFault 409 when the policy was changed since the one with the etag was read
 */
export function replacePolicy({ cloud, body }: GcpCall, resource: string): Json {
  const policy = objectAt(body, "policy");
  const before = policyOf(cloud, resource);
  const etag = stringAt(policy, "etag");
  if (etag !== "" && !isSameEtag(etag, before?.etag ?? absentEtag)) throw concurrentChanges("policy");
  const version = numberAt(policy, "version") ?? 0;
  const bindings = listAt(policy, "bindings").map((one) => readBinding(cloud, one));
  requireVersion(version, etag, bindings, before);
  const after = { etag: newEtag(), bindings: merged(bindings), effective: effectiveGrants(cloud, bindings, before) };
  policiesOf(cloud, resource).policies[resource] = after;
  cloud.save();
  return describe(after, 3);
}

/** The policy of a deleted resource goes with it. */
export function removePolicy(cloud: GcpCloud, resource: string): void {
  delete policiesOf(cloud, resource).policies[resource];
  cloud.save();
}

/** In all policies of declared projects: what names of deleted principals become. */
export function renameMember(cloud: GcpCloud, from: string, to: string): void {
  for (const { state } of cloud.slices<PoliciesState>("iam-policies")) {
    for (const [resource, policy] of Object.entries(state.policies)) {
      if (!policy.bindings.some(({ members }) => members.includes(from))) continue;
      state.policies[resource] = {
        ...policy,
        bindings: policy.bindings.map((binding) => ({
          ...binding,
          members: binding.members.map((member) => (member === from ? to : member)),
        })),
      };
    }
  }
  cloud.save();
}

/** Etag of a resource that has no policy yet. */
const absentEtag = "ACAB";

function describe(policy: Policy | undefined, version: number): Json {
  if (policy === undefined) return { etag: absentEtag };
  const { etag, bindings } = policy;
  const hasConditions = bindings.some(({ condition }) => condition !== undefined);
  return {
    version: version === 3 && hasConditions ? 3 : 1,
    etag,
    ...(bindings.length === 0 ? {} : { bindings: version === 3 ? bindings : bindings.map(withoutCondition) }),
  };
}

/** Programs that do not know conditions see a role that they cannot write back. */
function withoutCondition({ role, members, condition }: Binding): Binding {
  if (condition === undefined) return { role, members };
  const hash = createHash("sha256").update(stringAt(condition, "expression")).digest("hex").slice(0, 20);
  return { role: `${role}_withcond_${hash}`, members };
}

function readBinding(cloud: GcpCloud, binding: unknown): Binding {
  const role = stringAt(binding, "role");
  const members = textsAt(binding, "members");
  if (tryFindPermissions(cloud, role) === undefined)
    throw invalidArgument(`Role ${role} is not supported for this resource.`);
  for (const member of members) requireMember(cloud, member);
  if (valueAt(binding, "condition") === undefined) return { role, members };
  const condition = objectAt(binding, "condition");
  if (stringAt(condition, "expression") === "" || stringAt(condition, "title") === "") {
    throw invalidArgument("A condition needs a title and an expression.");
  }
  return { role, members, condition };
}

/** An etag says that the client knows the policy: its conditions may not get lost then. */
function requireVersion(version: number, etag: string, bindings: readonly Binding[], before: Policy | undefined): void {
  if (![0, 1, 3].includes(version))
    throw invalidArgument("The specified policy version is invalid. Valid values are 0, 1 and 3.");
  const isConditional = ({ condition }: Binding) => condition !== undefined;
  const needs3 = bindings.some(isConditional) || (etag !== "" && before?.bindings.some(isConditional) === true);
  if (needs3 && version !== 3) {
    throw invalidArgument("The policy contains bindings with conditions. Specify version 3 of the policy to set it.");
  }
}

/** One binding for each role and condition, without members that come twice. */
function merged(bindings: readonly Binding[]): readonly Binding[] {
  const byKey = Map.groupBy(bindings, ({ role, condition }) => JSON.stringify([role, condition]));
  return [...byKey.values()]
    .flatMap(([first, ...others]) =>
      first === undefined
        ? []
        : [{ ...first, members: [...new Set([first, ...others].flatMap(({ members }) => members))].sort() }],
    )
    .filter(({ members }) => members.length > 0)
    .sort((one, other) => (one.role < other.role ? -1 : 1));
}

/** Old grants keep their time, new ones begin to count after a while. */
function effectiveGrants(
  cloud: GcpCloud,
  bindings: readonly Binding[],
  before: Policy | undefined,
): Readonly<Record<string, string>> {
  const now = cloud.now().toISOString();
  const old = new Set(
    before?.bindings.flatMap((binding) => binding.members.map((member) => grantKey(binding, member))),
  );
  const begin = timeAfter(cloud, grantMs);
  const times = bindings.flatMap((binding) =>
    binding.members.map((member): readonly [string, string] => {
      const key = grantKey(binding, member);
      return [key, old.has(key) ? (before?.effective[key] ?? "") : begin];
    }),
  );
  return Object.fromEntries(times.filter(([, time]) => time > now));
}

function grantKey({ role, condition }: Binding, member: string): string {
  return condition === undefined ? `${role} ${member}` : `${role} ${member} ${stringAt(condition, "expression")}`;
}
