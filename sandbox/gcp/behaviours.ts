import type { Behaviours } from "#sandbox/gcp/api/behaviour.ts";
import { computeBehaviours } from "#sandbox/gcp/compute/behaviours.ts";
import { recordSetBehaviours } from "#sandbox/gcp/dns/record-sets.ts";
import { zoneBehaviours } from "#sandbox/gcp/dns/zones.ts";
import { gkeBehaviours } from "#sandbox/gcp/gke/clusters.ts";
import { iamBehaviours } from "#sandbox/gcp/iam/behaviours.ts";
import { projectBehaviours } from "#sandbox/gcp/projects/projects.ts";
import { serviceBehaviours } from "#sandbox/gcp/projects/services.ts";

/** All methods that the sandbox answers. */
export const behaviours: Behaviours = {
  ...computeBehaviours,
  ...gkeBehaviours,
  ...iamBehaviours,
  ...projectBehaviours,
  ...recordSetBehaviours,
  ...serviceBehaviours,
  ...zoneBehaviours,
};
