import { FleetError } from "#lib/errors.ts";

export interface Upgrade {
  /** FQDN of the cluster. */
  readonly cluster: string;
  /** `EKS`. */
  readonly product: string;
  /** `major.minor`, or with a patch. */
  readonly from: string;
  readonly to: string;
}

/** 36 of `1.36` and `1.36.3`. */
export function minorOf(version: string): number {
  return Number(version.split(".")[1]);
}

/** Clouds would refuse it when the rest of the cluster is changed already. @throws FleetError UpgradeRefused */
export function refuseLeap({ cluster, product, from, to }: Upgrade): void {
  if (minorOf(to) - minorOf(from) <= 1) return;
  const next = `1.${minorOf(from) + 1}`;
  throw new FleetError("UpgradeRefused", `${cluster}: ${product} raises Kubernetes by one minor version at a time`, {
    hint: `write kubernetes: "${next}" and run create, then the next one, up to "${to}"`,
    details: [`it has ${from}, the fleet says ${to}`],
  });
}
