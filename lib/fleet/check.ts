import { checkEks } from "#lib/aws/fleet/check-clusters.ts";
import { checkRoles } from "#lib/aws/fleet/check-roles.ts";
import { checkAccounts } from "#lib/fleet/checks/accounts.ts";
import { checkGitHub } from "#lib/fleet/checks/github.ts";
import { checkGitOps } from "#lib/fleet/checks/gitops.ts";
import { checkKubernetes } from "#lib/fleet/checks/kubernetes.ts";
import { checkLocal } from "#lib/fleet/checks/local.ts";
import { checkNames } from "#lib/fleet/checks/names.ts";
import { checkNetworks } from "#lib/fleet/checks/networks.ts";
import { checkRegions } from "#lib/fleet/checks/regions.ts";
import { checkZones } from "#lib/fleet/checks/zones.ts";
import type { Fault } from "#lib/fleet/fault.ts";
import type { Fleet } from "#lib/fleet/types.ts";

const checks = [
  checkNames,
  checkZones,
  checkAccounts,
  checkRoles,
  checkRegions,
  checkNetworks,
  checkLocal,
  checkKubernetes,
  checkGitOps,
  checkGitHub,
  checkEks,
];

/** Everything that is wrong with a fleet and that its types can't tell. Pure; empty means nothing. */
export function checkFleet(fleet: Fleet): readonly Fault[] {
  return checks.flatMap((check) => check(fleet));
}
