/**
 * Regions of the partition `aws` as of 2026-11-23; the other partitions have ARNs of their own:
 * https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html. A region that opened since is one more word here.
 */
export const awsRegions: readonly string[] = `
  af-south-1
  ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2
  ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7
  ca-central-1 ca-west-1
  eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3
  il-central-1 me-central-1 me-south-1 mx-central-1 sa-east-1
  us-east-1 us-east-2 us-west-1 us-west-2`
  .trim()
  .split(/\s+/);

/**
 * Zones to take in regions that have one without EKS's control planes; elsewhere any three do. Ids, because letters differ from
 * account to account. Source: https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html#network-requirements-subnets
 */
export const eksZoneIds: Readonly<Partial<Record<string, readonly string[]>>> = {
  "ca-central-1": ["cac1-az1", "cac1-az2", "cac1-az4"],
  "us-east-1": ["use1-az1", "use1-az2", "use1-az4"],
};

/** It has two zones with EKS's control planes, and a cluster here is spread over three. */
export const eksRegionsTooSmall: readonly string[] = ["us-west-1"];
