import type { ProviderName } from "#lib/fleet/types.ts";

/** All rules for fleets. Each has a fixture under tests/fixtures/fleets/invalid. */
export const faultCodes = [
  // shape
  "InvalidShape",
  // names
  "DuplicateCluster",
  "DuplicateTaskName",
  "MalformedName",
  "NameOutsideInternal",
  "NameOutsideZone",
  "NameTooLong",
  // accounts
  "AccountOfAnotherProvider",
  "DuplicateAccount",
  "DuplicateAccountId",
  "DuplicateRole",
  "MalformedAccountId",
  "MalformedRole",
  "NoManagementAccount",
  "SeveralManagementAccounts",
  "SeveralTenants",
  "TooManyAccounts",
  "UnknownAccount",
  // zones
  "ClusterZoneOutsidePrimary",
  "DuplicateZone",
  "NoZones",
  "SeveralZonePairs",
  "ZoneOutsideDomain",
  // regions
  "UnknownRegion",
  // networks
  "EmptyPublicAccess",
  "InvalidCidr",
  "MeshRangeUnknown",
  "OverlappingMeshRanges",
  "OverlappingRanges",
  "PublicAccessTooWide",
  "TooManyRanges",
  // GitHub
  "MalformedGitHub",
  // GitOps
  "ArgocdWithoutGitOps",
  "DuplicateApplication",
  "EmptyCondition",
  "LocalRepository",
  "MalformedPath",
  "MalformedRepository",
  "MalformedRevision",
  "RepositoryWithCredentials",
  "UnknownApplication",
  "UnknownCluster",
  "UnknownEnvironment",
  // local clusters
  "DuplicatePort",
  "ImageWithoutTag",
  "PortOutOfRange",
  "WorkersOutOfRange",
  // EKS
  "MalformedNodes",
  "TooFewZones",
  // Kubernetes
  "ImageOfAnotherVersion",
  "MalformedVersion",
  "UnsupportedVersion",
] as const;

export type FaultCode = (typeof faultCodes)[number];

/** One broken rule, at one place. */
export interface Fault {
  readonly code: FaultCode;
  /** The invalid entry: `cluster k05.k8s.aws.mylabs.dev`, `account aws-01`, `zones of aws`, `clusters[3].apiPort`. */
  readonly where: string;
  /** Contains the invalid value. */
  readonly message: string;
  /** The line to change, or the value to use. */
  readonly hint: string;
  /** Provider whose data file contains the entry; absent for the fleet's own file. */
  readonly provider?: ProviderName;
}

/** `clusters/aws.ts: cluster k05.k8s.aws.mylabs.dev: unknown account "aws-3" (UnknownAccount)` */
export function formatFault(fault: Fault, file: string): string {
  return `${file}: ${fault.where}: ${fault.message} (${fault.code})`;
}
