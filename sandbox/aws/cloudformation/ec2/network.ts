import { randomBytes } from "node:crypto";
import type { Cloud } from "#sandbox/aws/cloud.ts";
import type { JsonObject } from "#sandbox/json.ts";

/** Networks of one account in one region. They have no API of their own here: stacks make them, and EKS looks at them. */
export interface NetworkState {
  readonly vpcs: Record<string, Vpc>;
  readonly subnets: Record<string, Subnet>;
  readonly gateways: Record<string, InternetGateway>;
  readonly routeTables: Record<string, RouteTable>;
  /** By allocation id. */
  readonly addresses: Record<string, Address>;
  readonly natGateways: Record<string, NatGateway>;
  launchTemplates?: Record<string, LaunchTemplate>;
  /** How many of each there may be; AWS's defaults, which tests and people may change. */
  quotas: Quotas;
}

export interface Quotas {
  readonly vpcs: number;
  readonly internetGateways: number;
  readonly addresses: number;
  readonly natGatewaysPerZone: number;
}

/** What everything in a network has. */
export interface Item {
  readonly id: string;
  readonly tags: Readonly<Record<string, string>>;
}

export interface Vpc extends Item {
  readonly cidr: string;
  readonly dnsSupport: boolean;
  readonly dnsHostnames: boolean;
  readonly defaultSecurityGroup: string;
  readonly defaultAcl: string;
}

export interface Subnet extends Item {
  readonly vpcId: string;
  readonly zone: string;
  readonly cidr: string;
  readonly mapPublicIp: boolean;
}

export interface InternetGateway extends Item {
  readonly vpcId?: string;
}

export interface Route {
  readonly destination: string;
  readonly gatewayId?: string;
  readonly natGatewayId?: string;
}

export interface RouteTable extends Item {
  readonly vpcId: string;
  readonly routes: readonly Route[];
  /** Subnets by the ids of their associations. */
  readonly associations: Readonly<Record<string, string>>;
}

export interface Address extends Item {
  readonly ip: string;
  readonly natGatewayId?: string;
}

export interface NatGateway extends Item {
  readonly vpcId: string;
  readonly subnetId: string;
  readonly allocationId: string;
  readonly interfaceId: string;
}

export interface LaunchTemplate extends Item {
  /** The first has the number 1. */
  readonly versions: readonly JsonObject[];
}

/** https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html */
const defaultQuotas: Quotas = { vpcs: 5, internetGateways: 5, addresses: 5, natGatewaysPerZone: 5 };

export function networkOf(cloud: Cloud, account: string, region: string): NetworkState {
  return cloud.slice<NetworkState>("ec2", account, region, () => ({
    vpcs: {},
    subnets: {},
    gateways: {},
    routeTables: {},
    addresses: {},
    natGateways: {},
    quotas: defaultQuotas,
  }));
}

/** Sets quotas of an account in a region. */
export function setNetworkQuotas(cloud: Cloud, account: string, region: string, quotas: Partial<Quotas>): void {
  const state = networkOf(cloud, account, region);
  state.quotas = { ...state.quotas, ...quotas };
  cloud.save();
}

/** `vpc-0` and 16 more hexadecimal digits, as ids have had since 2018. */
export function newId(prefix: string): string {
  return `${prefix}-0${randomBytes(8).toString("hex")}`;
}
