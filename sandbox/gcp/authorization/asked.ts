import type { OpenCloud } from "#sandbox/cloud/cloud.ts";
import type { Caller, GcpCloud } from "#sandbox/gcp/cloud.ts";

/** A permission that somebody was asked for, whether a policy granted it or not. */
export interface AskedPermission {
  /** The caller, as bindings name it. */
  readonly members: readonly string[];
  readonly permission: string;
  /** `projects/PROJECT_ID` or below it. */
  readonly resource: string;
}

/** As long as the sandbox runs: which permissions of a role are in use, what Google's IAM recommender tells after weeks. */
const asked = new WeakMap<GcpCloud, Map<string, AskedPermission>>();

export function recordAsked(cloud: GcpCloud, { members }: Caller, permission: string, resource: string): void {
  const all = asked.get(cloud) ?? new Map<string, AskedPermission>();
  asked.set(cloud, all.set(JSON.stringify([members, permission, resource]), { members, permission, resource }));
}

/** Operations of the sandbox's command line on authorization. */
export function authorizationOperations(cloud: GcpCloud): OpenCloud["operations"] {
  return {
    /** Each once, since the sandbox was started or since the last time that this was asked. */
    "asked-permissions": () => {
      const all = [...(asked.get(cloud)?.values() ?? [])];
      asked.delete(cloud);
      return { asked: all };
    },
  };
}
