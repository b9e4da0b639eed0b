import type { GcpActor } from "#lib/gcp/clients.ts";
import {
  changePolicy,
  type Grant,
  hasGrant,
  type Policy,
  type PolicyTarget,
  readPolicy,
  withGrants,
  withoutGrants,
} from "#lib/gcp/policy.ts";
import type { Described } from "#lib/gcp/rest-resource.ts";
import type { GcpWorld } from "#lib/gcp/world.ts";
import type { AnyResource, Change, Outputs, Resource } from "#lib/graph/resource.ts";

export interface AccessOptions extends Described {
  readonly actor: GcpActor;
  /** Whose policy it is: of a zone, which may have been adopted under another name, once it is known. */
  readonly target: PolicyTarget | ((outputs: Outputs) => PolicyTarget);
  /** What is made before it has a policy. A delete of both removes only this. @default it is always there, as a project */
  readonly of?: AnyResource;
  readonly grants: (outputs: Outputs, policy: Policy) => readonly Grant[];
  /** Grants that others of this fleet make, and that go with these. @default none */
  readonly leftovers?: readonly Grant[];
  /** In another policy, which has them for others too: written with these, and left there by a delete. @default none */
  readonly shared?: SharedGrants;
}

export interface SharedGrants {
  readonly target: PolicyTarget;
  readonly grants: readonly Grant[];
}

export interface AccessState {
  readonly policy: Policy;
  /** Of what shares grants; undefined without them. */
  readonly shared: Policy | undefined;
}

/** Grants in the policy of one thing. Those of others are not touched, nor are members that were deleted. */
export function access(options: AccessOptions): Resource<AccessState, GcpWorld> {
  const { id, title, label, row, needs, keptOnDelete, actor, of, grants, leftovers = [], shared } = options;
  const targetOf = (outputs: Outputs): PolicyTarget =>
    typeof options.target === "function" ? options.target(outputs) : options.target;
  const oursIn = (outputs: Outputs, policy: Policy): readonly Grant[] => {
    const own = grants(outputs, policy);
    return own.length === 0 ? [] : [...own, ...leftovers];
  };
  return {
    id,
    title,
    label,
    row,
    lane: "api",
    needs: of === undefined ? needs : [of, ...needs],
    ...(keptOnDelete === undefined ? {} : { keptOnDelete }),
    ...(of === undefined ? {} : { goesWith: of }),
    async observe(world, outputs) {
      if (of !== undefined && outputs.find(of) === undefined) return { kind: "absent" };
      const policy = await readPolicy(world, actor, targetOf(outputs));
      if (!oursIn(outputs, policy).some((grant) => hasGrant(policy, grant))) return { kind: "absent" };
      const others = shared === undefined ? undefined : await readPolicy(world, actor, shared.target);
      return { kind: "present", state: { policy, shared: others } };
    },
    diff: ({ policy, shared: others }, outputs) =>
      [
        ...missingIn(policy, grants(outputs, policy)),
        ...(others === undefined ? [] : missingIn(others, shared?.grants ?? [])),
      ].map(toChange),
    async ensure(world, _observed, outputs) {
      const policy = await changePolicy(world, actor, targetOf(outputs), (found) =>
        withGrants(found, grants(outputs, found)),
      );
      const others =
        shared === undefined
          ? undefined
          : await changePolicy(world, actor, shared.target, (found) => withGrants(found, shared.grants));
      return { policy, shared: others };
    },
    async remove(world, _observed, outputs) {
      await changePolicy(world, actor, targetOf(outputs), (found) => withoutGrants(found, oursIn(outputs, found)));
      return { kind: "removed" };
    },
    health: ({ policy: { bindings } }) => ({
      kind: "healthy",
      summary: bindings.length === 1 ? "1 binding in its policy" : `${bindings.length} bindings in its policy`,
    }),
  };
}

function missingIn(policy: Policy, grants: readonly Grant[]): readonly Grant[] {
  return grants.filter((grant) => !hasGrant(policy, grant));
}

function toChange({ role, member }: Grant): Change {
  return { field: role, from: "", to: member, effect: "in-place" };
}
