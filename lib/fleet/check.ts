import { checkAccounts } from "#lib/fleet/checks/accounts.ts";
import { checkGitHub } from "#lib/fleet/checks/github.ts";
import { checkGitOps } from "#lib/fleet/checks/gitops.ts";
import { checkKubernetes } from "#lib/fleet/checks/kubernetes.ts";
import { checkNames } from "#lib/fleet/checks/names.ts";
import { checkNetworks } from "#lib/fleet/checks/networks.ts";
import { checkRegions } from "#lib/fleet/checks/regions.ts";
import { checkZones } from "#lib/fleet/checks/zones.ts";
import type { Fault } from "#lib/fleet/fault.ts";
import type { Providers } from "#lib/fleet/provider.ts";
import type { Fleet } from "#lib/fleet/types.ts";

const checks = [
  checkNames,
  checkZones,
  checkAccounts,
  checkRegions,
  checkNetworks,
  checkKubernetes,
  checkGitOps,
  checkGitHub,
];

/** Checks the rules of a fleet that types can't express. Pure; empty means valid. */
export function checkFleet(fleet: Fleet, providers: Providers): readonly Fault[] {
  const ofProviders = new Set([...providers.values()].flatMap((provider) => provider.checks));
  return [...checks, ...ofProviders].flatMap((check) => check(fleet, providers));
}
