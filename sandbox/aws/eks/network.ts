import { AwsFault } from "#sandbox/aws/cloud.ts";
import { findSubnet, type Subnet, vpcCidr } from "#sandbox/aws/cloudformation/ec2/network.ts";
import { zoneIdsOf } from "#sandbox/aws/cloudformation/template/zones.ts";
import { invalidParameter, type Place } from "#sandbox/aws/eks/state.ts";

/** @throws AwsFault InvalidParameterException */
export function findSubnets({ cloud, account, region }: Place, ids: readonly string[]): readonly Subnet[] {
  return ids.map((id) => {
    const found = findSubnet(cloud, account, region, id);
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

export interface Range {
  readonly first: number;
  readonly last: number;
  readonly bits: number;
}

/** An IPv4 range in CIDR form; undefined for what is none, or whose address is not the first of it. */
export function parseRange(cidr: string): Range | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(cidr);
  if (match === null) return undefined;
  const [a = 0, b = 0, c = 0, d = 0, bits = 0] = match.slice(1).map(Number);
  if (Math.max(a, b, c, d) > 255 || bits > 32) return undefined;
  const first = ((a * 256 + b) * 256 + c) * 256 + d;
  const size = 2 ** (32 - bits);
  return first % size === 0 ? { first, last: first + size - 1, bits } : undefined;
}

export function overlaps(a: Range, b: Range): boolean {
  return a.first <= b.last && b.first <= a.last;
}

const privateRanges = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"].flatMap((cidr) => parseRange(cidr) ?? []);
/** Not addresses of the internet. */
const reservedRanges = [
  ...privateRanges,
  ...["127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4"].flatMap((cidr) => parseRange(cidr) ?? []),
];

/** @throws AwsFault InvalidParameterException */
export function checkPublicCidrs(cidrs: readonly string[]): readonly string[] {
  const wrong = cidrs.filter((cidr) => {
    const range = parseRange(cidr);
    return range === undefined || reservedRanges.some((one) => one.first <= range.first && range.last <= one.last);
  });
  if (wrong.length > 0) {
    throw invalidParameter(`The following CIDRs are invalid in publicAccessCidrs: [${wrong.join(", ")}]`);
  }
  if (cidrs.length > 40) throw invalidParameter("publicAccessCidrs can have at most 40 CIDRs");
  return cidrs;
}

/** Range of Services: what is given, else the first of EKS' two that the VPC leaves free. @throws AwsFault InvalidParameterException */
export function chooseServiceCidr(place: Place, vpcId: string, given: string | undefined): string {
  const vpc = parseRange(vpcCidr(place.cloud, place.account, place.region, vpcId) ?? "");
  const isFree = (range: Range) => vpc === undefined || !overlaps(range, vpc);
  if (given === undefined) {
    const free = ["10.100.0.0/16", "172.20.0.0/16"].find((cidr) => {
      const range = parseRange(cidr);
      return range !== undefined && isFree(range);
    });
    return free ?? "172.20.0.0/16";
  }
  const range = parseRange(given);
  if (range === undefined) throw invalidParameter(`serviceIpv4Cidr ${given} is not a valid CIDR`);
  if (range.bits < 12 || range.bits > 24) throw invalidParameter("serviceIpv4Cidr must be between /12 and /24");
  if (!privateRanges.some((one) => one.first <= range.first && range.last <= one.last)) {
    throw invalidParameter("serviceIpv4Cidr must be within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16");
  }
  if (!isFree(range)) throw invalidParameter(`serviceIpv4Cidr ${given} overlaps with the CIDR of the VPC ${vpcId}`);
  return given;
}
