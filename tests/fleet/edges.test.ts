import { expect, test } from "bun:test";
import type { EksCluster } from "#lib/aws/fleet/types.ts";
import type { AksCluster } from "#lib/azure/fleet/types.ts";
import type { FaultCode } from "#lib/fleet/fault.ts";
import type { Fleet } from "#lib/fleet/types.ts";
import type { GcpAccount, GkeCluster } from "#lib/gcp/fleet/types.ts";
import type { K3dCluster, KindCluster } from "#lib/local/fleet/types.ts";
import {
  aks,
  base,
  baseWithAzure,
  baseWithGcp,
  eks,
  fleetOf,
  github,
  gke,
  k3d,
  kind,
  withGitOps,
} from "#tests/fixtures/fleets/base.ts";
import { checkFleet } from "#tests/support/fleet.ts";

const withEks = (fields: Partial<EksCluster>) => fleetOf({ ...eks, ...fields });
const withKind = (fields: Partial<KindCluster>) => fleetOf({ ...kind, ...fields });
const withK3d = (fields: Partial<K3dCluster>) => fleetOf({ ...k3d, ...fields });
const managedNodes = (count: number) => withEks({ nodes: { instanceType: "m7g.large", count } });
const ranges = (count: number) =>
  withEks({ publicAccessCidrs: Array.from({ length: count }, (_, index) => `203.0.113.${index}/32`) });

function withDomain(length: number): Fleet {
  return { ...base, domain: `${"d".repeat(length - 4)}.dev`, zones: [], accounts: [], clusters: [kind] };
}

function inDomainOf(length: number, first: string): Fleet {
  const domain = `${"d".repeat(length - 4)}.dev`;
  const primary = `aws.${domain}` as const;
  return {
    ...base,
    domain,
    zones: [{ provider: "aws", primary, clusters: `k8s.${primary}` }],
    clusters: [{ ...eks, name: `${first}.k8s.${primary}` }],
  };
}

function withProject(fields: Partial<GcpAccount>): Fleet {
  const { accounts } = baseWithGcp;
  return {
    ...baseWithGcp,
    accounts: accounts.map((account) => (account.provider === "gcp" ? { ...account, ...fields } : account)),
  };
}

function withGcpZone(length: number): Fleet {
  const domain = `${"d".repeat(length - "k8s.gcp..dev".length)}.dev`;
  const zone = { provider: "gcp", primary: `gcp.${domain}`, clusters: `k8s.gcp.${domain}` } as const;
  return { ...base, domain, zones: [zone], accounts: [], clusters: [kind] };
}

const withGke = (fields: Partial<GkeCluster>): Fleet => ({ ...baseWithGcp, clusters: [{ ...gke, ...fields }] });
const nodePool = (countPerZone: number) =>
  withGke({ mode: "standard", nodePool: { machineType: "e2-standard-4", countPerZone } });
const gkeRanges = (count: number) =>
  withGke({ publicAccessCidrs: Array.from({ length: count }, (_, index) => `203.0.113.${index}/32`) });

const withAks = (fields: Partial<AksCluster>): Fleet => ({ ...baseWithAzure, clusters: [{ ...aks, ...fields }] });
const systemNodes = (count: number) => withAks({ systemNodes: { vmSize: "Standard_D4ds_v5", count } });
const jobs = (count: number): Fleet => ({
  ...baseWithAzure,
  github: { ...github, claims: Array.from({ length: count }, (_, index) => `environment:e${index}`) },
});

function operators(id: string): Fleet {
  const { accounts } = baseWithAzure;
  return {
    ...baseWithAzure,
    accounts: accounts.map((account) => (account.provider === "azure" ? { ...account, operators: id } : account)),
  };
}

const cases: readonly (readonly [string, FaultCode, Fleet, Fleet])[] = [
  ["63 characters of a domain", "MalformedName", withDomain(63), withDomain(64)],
  [
    "100 characters of an EKS cluster's name",
    "NameTooLong",
    inDomainOf(50, "c".repeat(41)),
    inDomainOf(50, "c".repeat(42)),
  ],
  [
    "63 characters of an environment",
    "MalformedName",
    withKind({ environment: "e".repeat(63) }),
    withKind({ environment: "e".repeat(64) }),
  ],
  ["63 characters of a mesh", "MalformedName", withKind({ mesh: "m".repeat(63) }), withKind({ mesh: "m".repeat(64) })],
  [
    "49 characters of a kind cluster's name",
    "NameTooLong",
    withKind({ name: `${"k".repeat(40)}.internal` }),
    withKind({ name: `${"k".repeat(41)}.internal` }),
  ],
  [
    "32 characters of a k3d cluster's name",
    "NameTooLong",
    withK3d({ name: `${"k".repeat(23)}.internal` }),
    withK3d({ name: `${"k".repeat(24)}.internal` }),
  ],
  ["the first port without root", "PortOutOfRange", withKind({ apiPort: 1_024 }), withKind({ apiPort: 1_023 })],
  ["the last port", "PortOutOfRange", withKind({ apiPort: 65_535 }), withKind({ apiPort: 65_536 })],
  ["the last port of the checkout", "PortOutOfRange", withGitOps({ port: 65_535 }), withGitOps({ port: 65_536 })],
  ["20 workers", "WorkersOutOfRange", withKind({ workers: 20 }), withKind({ workers: 21 })],
  ["no workers", "WorkersOutOfRange", withKind({ workers: 0 }), withKind({ workers: -1 })],
  ["the widest pod range", "InvalidCidr", withKind({ podCidr: "11.0.0.0/8" }), withKind({ podCidr: "12.0.0.0/7" })],
  [
    "the narrowest pod range",
    "InvalidCidr",
    withKind({ podCidr: "10.1.1.0/24" }),
    withKind({ podCidr: "10.1.1.0/25" }),
  ],
  [
    "the widest service range of EKS",
    "InvalidCidr",
    withEks({ serviceCidr: "172.16.0.0/12" }),
    withEks({ serviceCidr: "172.16.0.0/11" }),
  ],
  [
    "the narrowest service range of EKS",
    "InvalidCidr",
    withEks({ serviceCidr: "172.20.1.0/24" }),
    withEks({ serviceCidr: "172.20.1.0/25" }),
  ],
  [
    "the widest range that reaches an API server",
    "PublicAccessTooWide",
    withEks({ publicAccessCidrs: ["8.0.0.0/8"] }),
    withEks({ publicAccessCidrs: ["8.0.0.0/7"] }),
  ],
  ["40 ranges that reach an API server", "TooManyRanges", ranges(40), ranges(41)],
  ["100 nodes", "MalformedNodes", managedNodes(100), managedNodes(101)],
  ["one node", "MalformedNodes", managedNodes(1), managedNodes(0)],
  [
    "the oldest version in standard support",
    "UnsupportedVersion",
    withEks({ kubernetes: "1.34" }),
    withEks({ kubernetes: "1.33" }),
  ],
  [
    "63 characters of an AKS cluster",
    "NameTooLong",
    withAks({ name: `${"k".repeat(45)}.k8s.az.mylabs.dev` }),
    withAks({ name: `${"k".repeat(46)}.k8s.az.mylabs.dev` }),
  ],
  [
    "the widest service range of AKS",
    "InvalidCidr",
    withAks({ serviceCidr: "10.8.0.0/13" }),
    withAks({ serviceCidr: "10.0.0.0/12" }),
  ],
  ["100 system nodes", "MalformedNodes", systemNodes(100), systemNodes(101)],
  ["one system node", "MalformedNodes", systemNodes(1), systemNodes(0)],
  [
    "a VM size with an underscore",
    "MalformedNodes",
    withAks({ systemNodes: { vmSize: "Standard_D4ds_v5", count: 1 } }),
    withAks({ systemNodes: { vmSize: "D4ds_v5", count: 1 } }),
  ],
  [
    "AKS Automatic without nodes of ours",
    "MalformedNodes",
    withAks({ mode: "automatic" }),
    withAks({ mode: "automatic", systemNodes: { vmSize: "Standard_D4ds_v5", count: 1 } }),
  ],
  ["20 federated credentials of an identity", "MalformedGitHub", jobs(10), jobs(11)],
  [
    "a group of operators",
    "MalformedAccountId",
    operators("0a1b2c3d-0000-4000-8000-00000000000f"),
    operators("admins"),
  ],
  [
    "6 characters of a project's id",
    "MalformedAccountId",
    withProject({ projectId: "abcde1" }),
    withProject({ projectId: "abcd1" }),
  ],
  [
    "30 characters of a project's id",
    "MalformedAccountId",
    withProject({ projectId: "p".repeat(30) }),
    withProject({ projectId: "p".repeat(31) }),
  ],
  [
    "6 digits of a project's number",
    "MalformedAccountId",
    withProject({ projectNumber: "123456" }),
    withProject({ projectNumber: "12345" }),
  ],
  [
    "a group of operators in GCP",
    "MalformedAccountId",
    withProject({ operators: "group:platform@example.org" }),
    withProject({ operators: "platform@example.org" }),
  ],
  [
    "a letter at the start of a GKE cluster",
    "MalformedName",
    withGke({ name: "k1.k8s.gcp.mylabs.dev" }),
    withGke({ name: "1k.k8s.gcp.mylabs.dev" }),
  ],
  [
    "40 characters of a GKE cluster",
    "NameTooLong",
    withGke({ name: `${"k".repeat(21)}.k8s.gcp.mylabs.dev` }),
    withGke({ name: `${"k".repeat(22)}.k8s.gcp.mylabs.dev` }),
  ],
  ["63 characters of a zone in Cloud DNS", "NameTooLong", withGcpZone(63), withGcpZone(64)],
  [
    "pods of GKE beside its nodes",
    "OverlappingRanges",
    withGke({ podCidr: "10.128.16.0/20" }),
    withGke({ podCidr: "10.128.15.0/24" }),
  ],
  ["100 ranges that reach an API server of GKE", "TooManyRanges", gkeRanges(100), gkeRanges(101)],
  ["one range that reaches an API server of GKE", "EmptyPublicAccess", gkeRanges(1), gkeRanges(0)],
  ["no ranges at all for GKE", "EmptyPublicAccess", withGke({}), withGke({ publicAccessCidrs: [] })],
  ["33 nodes per zone", "MalformedNodes", nodePool(33), nodePool(34)],
  ["one node per zone", "MalformedNodes", nodePool(1), nodePool(0)],
  [
    "a machine type",
    "MalformedNodes",
    nodePool(1),
    withGke({ mode: "standard", nodePool: { machineType: "large", countPerZone: 1 } }),
  ],
  [
    "Autopilot without nodes of ours",
    "MalformedNodes",
    withGke({ mode: "autopilot" }),
    withGke({ nodePool: { machineType: "e2-standard-4", countPerZone: 1 } }),
  ],
  [
    "the last character of a claim that IAM takes",
    "MalformedGitHub",
    { ...base, github: { ...github, claims: ["environment:ÿ"] } },
    { ...base, github: { ...github, claims: ["environment:Ā"] } },
  ],
];

test.each(cases)("%s: taken, and what is just beyond is %s", (_, code, at, beyond) => {
  expect(checkFleet(at)).toEqual([]);
  expect(checkFleet(beyond).map((fault) => fault.code)).toEqual([code]);
});
