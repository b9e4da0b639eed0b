import type { CloudProvider } from "#lib/fleet/types.ts";

/**
 * Regions of the public clouds as of 2026-11-23, from the clouds' own lists:
 * https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html (partition `aws` only: the others have ARNs of their own),
 * https://learn.microsoft.com/azure/reliability/regions-list, https://cloud.google.com/compute/docs/regions-zones.
 * A region that opened since is one more word here.
 */
export const regions: Readonly<Record<CloudProvider, readonly string[]>> = {
  aws: words(`
    af-south-1
    ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2
    ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7
    ca-central-1 ca-west-1
    eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3
    il-central-1 me-central-1 me-south-1 mx-central-1 sa-east-1
    us-east-1 us-east-2 us-west-1 us-west-2`),
  azure: words(`
    australiacentral australiacentral2 australiaeast australiasoutheast newzealandnorth
    austriaeast belgiumcentral denmarkeast francecentral francesouth germanynorth germanywestcentral italynorth
    northeurope norwayeast norwaywest polandcentral spaincentral swedencentral swedensouth
    switzerlandnorth switzerlandwest uksouth ukwest westeurope
    brazilsouth brazilsoutheast chilecentral mexicocentral canadacentral canadaeast
    centralus eastus eastus2 northcentralus southcentralus westcentralus westus westus2 westus3
    centralindia southindia westindia jioindiacentral jioindiawest
    eastasia southeastasia indonesiacentral malaysiawest japaneast japanwest koreacentral koreasouth
    israelcentral qatarcentral uaecentral uaenorth southafricanorth southafricawest`),
  gcp: words(`
    africa-south1
    asia-east1 asia-east2 asia-northeast1 asia-northeast2 asia-northeast3 asia-south1 asia-south2
    asia-southeast1 asia-southeast2 asia-southeast3 australia-southeast1 australia-southeast2
    europe-central2 europe-north1 europe-north2 europe-southwest1 europe-west1 europe-west2 europe-west3 europe-west4
    europe-west6 europe-west8 europe-west9 europe-west10 europe-west12
    me-central1 me-central2 me-west1
    northamerica-northeast1 northamerica-northeast2 northamerica-south1 southamerica-east1 southamerica-west1
    us-central1 us-east1 us-east4 us-east5 us-south1 us-west1 us-west2 us-west3 us-west4`),
};

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

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}
