import { type Cidr, overlap, tryParseCidr } from "#lib/fleet/cidr.ts";
import { AwsFault } from "#sandbox/aws/cloud.ts";
import { networkOf, type Subnet } from "#sandbox/aws/cloudformation/ec2/network.ts";
import { contains } from "#sandbox/aws/cloudformation/template/cidr.ts";
import { zoneIdsOf } from "#sandbox/aws/cloudformation/template/zones.ts";
import { invalidParameter, type Place } from "#sandbox/aws/eks/state.ts";

/** @throws AwsFault InvalidParameterException */
export function findSubnets({ cloud, account, region }: Place, ids: readonly string[]): readonly Subnet[] {
  const { subnets } = networkOf(cloud, account, region);
  return ids.map((id) => {
    const found = subnets[id];
    if (found === undefined) throw invalidParameter(`The subnet ID '${id}' does not exist`);
    return found;
  });
}

/** Subnets of a control plane: of one VPC, in two zones or more. @throws AwsFault InvalidParameterException, UnsupportedAvailabilityZoneException */
export function checkSubnets(place: Place, ids: readonly string[]): readonly Subnet[] {
  if (ids.length === 0) throw invalidParameter("Subnets specified must be in at least two different AZs");
  const subnets = findSubnets(place, [...new Set(ids)]);
  if (new Set(subnets.map(({ vpcId }) => vpcId)).size > 1) {
    throw invalidParameter("Subnets specified must be in the same VPC");
  }
  if (new Set(subnets.map(({ zone }) => zone)).size < 2) {
    throw invalidParameter("Subnets specified must be in at least two different AZs");
  }
  const zoneIds = zoneIdsOf(place.region);
  const wrong = subnets.find(({ zone }) => withoutControlPlanes.includes(zoneIds.get(zone) ?? ""));
  if (wrong !== undefined) {
    const usable = [...zoneIds].flatMap(([zone, id]) => (withoutControlPlanes.includes(id) ? [] : [zone]));
    throw new AwsFault(
      "UnsupportedAvailabilityZoneException",
      `Cannot create cluster because EKS does not support creating control plane instances in ${wrong.zone}, the targeted availability zone. Retry cluster creation using control plane subnets that span at least two of these availability zones: ${usable.join(", ")}.`,
    );
  }
  return subnets;
}

/** https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html */
const withoutControlPlanes: readonly string[] = ["use1-az3", "usw1-az2", "cac1-az3"];

const privateRanges = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];
/** Not addresses of the internet. */
const reservedRanges = [...privateRanges, "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4"];

function isWithin(range: Cidr, ranges: readonly string[]): boolean {
  return ranges.some((cidr) => {
    const outer = tryParseCidr(cidr);
    return outer !== undefined && contains(outer, range);
  });
}

/** @throws AwsFault InvalidParameterException */
export function checkPublicCidrs(cidrs: readonly string[]): readonly string[] {
  const wrong = cidrs.filter((cidr) => {
    const range = tryParseCidr(cidr);
    return range === undefined || isWithin(range, reservedRanges);
  });
  if (wrong.length > 0) {
    throw invalidParameter(`The following CIDRs are invalid in publicAccessCidrs: [${wrong.join(", ")}]`);
  }
  if (cidrs.length > 40) throw invalidParameter("publicAccessCidrs can have at most 40 CIDRs");
  return cidrs;
}

/** Range of Services: what is given, else the first of EKS' two that the VPC leaves free. @throws AwsFault InvalidParameterException */
export function chooseServiceCidr(place: Place, vpcId: string, given: string): string {
  const vpc = tryParseCidr(networkOf(place.cloud, place.account, place.region).vpcs[vpcId]?.cidr ?? "");
  const isFree = (range: Cidr | undefined) => vpc === undefined || (range !== undefined && !overlap(range, vpc));
  if (given === "") return isFree(tryParseCidr("10.100.0.0/16")) ? "10.100.0.0/16" : "172.20.0.0/16";
  const range = tryParseCidr(given);
  if (range === undefined) throw invalidParameter(`serviceIpv4Cidr ${given} is not a valid CIDR`);
  if (range.prefix < 12 || range.prefix > 24) throw invalidParameter("serviceIpv4Cidr must be between /12 and /24");
  if (!isWithin(range, privateRanges)) {
    throw invalidParameter("serviceIpv4Cidr must be within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16");
  }
  if (!isFree(range)) throw invalidParameter(`serviceIpv4Cidr ${given} overlaps with the CIDR of the VPC ${vpcId}`);
  return given;
}
