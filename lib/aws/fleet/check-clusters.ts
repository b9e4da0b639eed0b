import { tryInstanceTypeFault } from "#lib/aws/fleet/instance-types.ts";
import { eksRegionsTooSmall } from "#lib/aws/fleet/regions.ts";
import type { EksCluster } from "#lib/aws/fleet/types.ts";
import { checkPublicAccess } from "#lib/fleet/checks/public-access.ts";
import { isWithin, readCidr, tryParseCidr } from "#lib/fleet/cidr.ts";
import type { Fault } from "#lib/fleet/fault.ts";
import type { CloudZones, Fleet } from "#lib/fleet/types.ts";

/** The largest that a VPC can have, cut into six subnets: https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html */
const vpcPrefix = 16;
/** As the template has it: a slip of the finger must not cost a fortune. */
const mostNodes = 100;

/** https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html */
const longestName = 100;
/** https://docs.aws.amazon.com/eks/latest/userguide/service-quotas.html */
const mostPublicRanges = 40;
/** https://docs.aws.amazon.com/eks/latest/APIReference/API_KubernetesNetworkConfigRequest.html */
const widestServices = 12;
const serviceBlocks = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];

/** EKS names have at most 100 characters; this leaves one character and a dot. */
const longestZone = longestName - "k.".length;

export function checkEks(fleet: Fleet): readonly Fault[] {
  const clusters = fleet.clusters.filter((cluster) => cluster.provider === "aws");
  return [
    ...fleet.zones.filter(({ provider }) => provider === "aws").flatMap(checkZone),
    ...clusters.flatMap((cluster) => [
      ...checkName(cluster),
      ...checkPublicAccess(cluster, { product: "EKS", mostRanges: mostPublicRanges }),
      ...checkServiceRange(cluster),
      ...checkVpc(cluster),
      ...checkZones(cluster),
      ...checkNodes(cluster),
    ]),
  ];
}

function checkZone(zones: CloudZones): readonly Fault[] {
  const { length } = zones.clusters;
  if (length <= longestZone) return [];
  const message = `cluster zone is ${length} characters long, which leaves no room for names of EKS clusters`;
  const hint = `shorten it to ${longestZone} characters or fewer`;
  return [{ code: "NameTooLong", where: "zones of aws", message, hint, provider: "aws" }];
}

function at(cluster: EksCluster): Pick<Fault, "where" | "provider"> {
  return { where: `cluster ${cluster.name}`, provider: cluster.provider };
}

function checkName(cluster: EksCluster): readonly Fault[] {
  if (/^\d/.test(cluster.name)) {
    const message = `name "${cluster.name}" begins with a digit, and names of CloudFormation's stacks do not`;
    return [{ code: "MalformedName", ...at(cluster), message, hint: `name it "k${cluster.name}"` }];
  }
  const { length } = cluster.name;
  if (length <= longestName) return [];
  const message = `name is ${length} characters long, EKS takes ${longestName}`;
  const hint = `shorten it by ${length - longestName} characters`;
  return [{ code: "NameTooLong", ...at(cluster), message, hint }];
}

function checkServiceRange(cluster: EksCluster): readonly Fault[] {
  const range = cluster.serviceCidr === undefined ? undefined : tryParseCidr(cluster.serviceCidr);
  if (range === undefined) return [];
  if (range.prefix < widestServices) {
    const message = `invalid serviceCidr "${cluster.serviceCidr}": EKS takes /${widestServices} to /24`;
    return [
      { code: "InvalidCidr", ...at(cluster), message, hint: 'write a range such as serviceCidr: "172.20.0.0/16"' },
    ];
  }
  if (isWithin(range, serviceBlocks)) return [];
  const message = `invalid serviceCidr "${cluster.serviceCidr}": EKS takes ranges of ${serviceBlocks.join(", ")}`;
  return [{ code: "InvalidCidr", ...at(cluster), message, hint: 'write a range such as serviceCidr: "172.20.0.0/16"' }];
}

/** https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html, and reserved and multicast ranges. */
const notForVpcs = ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"];

function checkVpc(cluster: EksCluster): readonly Fault[] {
  if (cluster.podCidr === undefined) return [];
  const reading = readCidr(cluster.podCidr);
  if (reading.kind === "malformed") return [];
  const { prefix } = reading.cidr;
  if (prefix === vpcPrefix && isWithin(reading.cidr, notForVpcs)) {
    const message = `invalid podCidr "${cluster.podCidr}": it is the range of the VPC, and no VPC can have it`;
    return [{ code: "InvalidCidr", ...at(cluster), message, hint: 'write a range such as podCidr: "10.64.0.0/16"' }];
  }
  if (prefix === vpcPrefix) return [];
  return [
    {
      code: "InvalidCidr",
      ...at(cluster),
      message: `invalid podCidr "${cluster.podCidr}": it is the range of the VPC, and /${prefix} isn't /${vpcPrefix}`,
      hint: 'write a range such as podCidr: "10.64.0.0/16"',
    },
  ];
}

function checkZones(cluster: EksCluster): readonly Fault[] {
  if (!eksRegionsTooSmall.includes(cluster.region)) return [];
  return [
    {
      code: "TooFewZones",
      ...at(cluster),
      message: `region ${cluster.region} has fewer than three zones with EKS`,
      hint: "take another region: a cluster is spread over three zones",
    },
  ];
}

function checkNodes(cluster: EksCluster): readonly Fault[] {
  const { nodes } = cluster;
  if (nodes === undefined || nodes === "auto") return [];
  const hint = 'write nodes: { instanceType: "m7g.large", count: 2 }, or nodes: "auto"';
  const type = tryInstanceTypeFault(nodes.instanceType);
  if (type !== undefined) {
    const message = `malformed instance type "${nodes.instanceType}": EC2 has ${type.why}`;
    return [{ code: "MalformedNodes", ...at(cluster), message, hint: type.hint }];
  }
  if (Number.isInteger(nodes.count) && nodes.count >= 1 && nodes.count <= mostNodes) return [];
  return [
    {
      code: "MalformedNodes",
      ...at(cluster),
      message: `a count of ${nodes.count} nodes isn't 1 to ${mostNodes}`,
      hint,
    },
  ];
}
