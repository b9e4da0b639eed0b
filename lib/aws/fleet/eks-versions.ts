/** A minor version of Kubernetes that EKS creates clusters of. */
export interface EksVersion {
  readonly version: string;
  /** First day without standard support; extended support costs six times as much. */
  readonly standardUntil: string;
  /** First day on which EKS creates no cluster of it. */
  readonly extendedUntil: string;
}

/** The day on which the table was read. */
const tableDate = "2026-11-26";

/**
 * Oldest first: https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html#kubernetes-release-calendar
 * 1.33 and 1.34 are as in kubernetes-versions.adoc of https://github.com/awsdocs/amazon-eks-user-guide, 1.35 as on
 * https://endoflife.date/amazon-eks. For 1.36 the page itself was not read: public copies of its table, one of them compared with it on
 * 2026-08-06, agree on these dates. `aws eks describe-cluster-versions` answers them for certain.
 */
export const eksVersions: readonly EksVersion[] = [
  { version: "1.33", standardUntil: "2026-07-29", extendedUntil: "2027-07-29" },
  { version: "1.34", standardUntil: "2026-12-02", extendedUntil: "2027-12-02" },
  { version: "1.35", standardUntil: "2027-03-27", extendedUntil: "2028-03-27" },
  { version: "1.36", standardUntil: "2027-08-02", extendedUntil: "2028-08-02" },
];

export function isInStandardSupport({ standardUntil }: EksVersion): boolean {
  return tableDate < standardUntil;
}

/** Why EKS creates no cluster of a version, or none in standard support. */
export function refusalByEks(version: string): string {
  const known = eksVersions.find((one) => one.version === version);
  if (known === undefined || isInStandardSupport(known)) return `Kubernetes ${version} isn't supported by EKS`;
  const { standardUntil, extendedUntil } = known;
  return `EKS ended standard support of Kubernetes ${version} on ${standardUntil}; extended support ends on ${extendedUntil}`;
}

/** `1.36 (standard support ends on 2027-08-02)` */
export function withSupportEnd(version: string): string {
  const known = eksVersions.find((one) => one.version === version);
  return known === undefined ? version : `${version} (standard support ends on ${known.standardUntil})`;
}
