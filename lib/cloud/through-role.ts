import { FleetError } from "#lib/errors.ts";
import type { Resource } from "#lib/graph/resource.ts";

/**
 * A resource that is managed through a role. If the role does not exist, the account's administrator observes it
 * instead. What the administrator finds is never changed without the role, and never reported as absent.
 *
 * @param asAdministrator the same resource, observed by the account's administrator
 */
export function throughRole<State>(
  role: Resource<unknown>,
  resource: Resource<State>,
  asAdministrator: Pick<Resource<State>, "observe">,
): Resource<State> {
  return {
    ...resource,
    async observe(world, outputs) {
      if (outputs.find(role) !== undefined) return await resource.observe(world, outputs);
      const found = await asAdministrator.observe(world, outputs);
      if (found.kind === "absent") return found;
      throw new FleetError("OutputMissing", `${resource.title} is there, but ${role.title} isn't`, {
        hint: `make ${role.id} first`,
      });
    },
    // Without the role it was seen to be absent, or the delete had ended before this.
    async remove(world, observed, outputs) {
      return outputs.find(role) === undefined ? { kind: "removed" } : await resource.remove(world, observed, outputs);
    },
  };
}
