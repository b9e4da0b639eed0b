import { AwsFault, type Cloud } from "#sandbox/aws/cloud.ts";
import type { ControlPlane } from "#sandbox/cloud/control-planes.ts";

/** What EKS keeps in one account and region. Records are replaced, never changed in place. */
export interface EksState {
  readonly clusters: Record<string, ClusterRecord>;
  /** By name. They outlive the cluster that asked for them. */
  readonly loadBalancers: Record<string, LoadBalancer>;
}

export interface ClusterRecord {
  readonly cluster: Cluster;
  /** What answers at the endpoint; there once the cluster is. */
  readonly controlPlane?: ControlPlane;
  /** Whether coredns, kube-proxy and the pod network come with the cluster. */
  readonly selfManagedAddons: boolean;
  /** What an update in progress changes in the end. */
  readonly pending?: Partial<Cluster>;
  /** By ARN of the principal. */
  readonly accessEntries: Readonly<Record<string, AccessEntryRecord>>;
  /** By id. */
  readonly podIdentities: Readonly<Record<string, PodIdentityAssociation>>;
  readonly nodeGroups: Readonly<Record<string, NodeGroup>>;
  readonly addons: Readonly<Record<string, Addon>>;
  /** All machines of the cluster. */
  readonly nodes: readonly Node[];
}

/** Seconds since 1970, as REST-JSON writes times. */
export type Seconds = number;
export type Tags = Readonly<Record<string, string>>;

/** As DescribeCluster returns it. */
export interface Cluster {
  readonly name: string;
  readonly arn: string;
  readonly createdAt: Seconds;
  readonly version: string;
  readonly endpoint?: string;
  readonly roleArn: string;
  readonly resourcesVpcConfig: VpcConfig;
  readonly kubernetesNetworkConfig: {
    readonly serviceIpv4Cidr: string;
    readonly ipFamily: "ipv4";
    readonly elasticLoadBalancing: { readonly enabled: boolean };
  };
  readonly logging: { readonly clusterLogging: readonly LogSetup[] };
  readonly identity?: { readonly oidc: { readonly issuer: string } };
  readonly status: "CREATING" | "ACTIVE" | "DELETING" | "FAILED" | "UPDATING";
  readonly certificateAuthority: { readonly data?: string };
  readonly platformVersion: string;
  readonly tags: Tags;
  readonly encryptionConfig?: readonly {
    readonly resources: readonly string[];
    readonly provider: { readonly keyArn: string };
  }[];
  readonly health: { readonly issues: readonly { readonly code: string; readonly message: string }[] };
  readonly accessConfig: {
    readonly bootstrapClusterCreatorAdminPermissions: boolean;
    readonly authenticationMode: "API";
  };
  readonly upgradePolicy: { readonly supportType: "STANDARD" | "EXTENDED" };
  readonly computeConfig?: {
    readonly enabled: boolean;
    readonly nodePools: readonly string[];
    readonly nodeRoleArn?: string;
  };
  readonly storageConfig?: { readonly blockStorage: { readonly enabled: boolean } };
}

export interface VpcConfig {
  readonly subnetIds: readonly string[];
  readonly securityGroupIds: readonly string[];
  readonly clusterSecurityGroupId: string;
  readonly vpcId: string;
  readonly endpointPublicAccess: boolean;
  readonly endpointPrivateAccess: boolean;
  readonly publicAccessCidrs: readonly string[];
}

export interface LogSetup {
  readonly types: readonly string[];
  readonly enabled: boolean;
}

export interface AccessEntryRecord {
  readonly entry: AccessEntry;
  /** Identity of the role or user when the entry was made: a new one of the same name doesn't get in. */
  readonly principalId: string;
  readonly policies: readonly AssociatedPolicy[];
}

export interface AccessEntry {
  readonly clusterName: string;
  readonly principalArn: string;
  readonly kubernetesGroups: readonly string[];
  readonly accessEntryArn: string;
  readonly createdAt: Seconds;
  readonly modifiedAt: Seconds;
  readonly tags: Tags;
  readonly username: string;
  readonly type: string;
}

export interface AssociatedPolicy {
  readonly policyArn: string;
  readonly accessScope: { readonly type: "cluster"; readonly namespaces: readonly string[] };
  readonly associatedAt: Seconds;
  readonly modifiedAt: Seconds;
}

export interface PodIdentityAssociation {
  readonly clusterName: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly roleArn: string;
  readonly associationArn: string;
  readonly associationId: string;
  readonly tags: Tags;
  readonly createdAt: Seconds;
  readonly modifiedAt: Seconds;
  readonly disableSessionTags: false;
}

export interface NodeGroup {
  readonly nodegroupName: string;
  readonly nodegroupArn: string;
  readonly clusterName: string;
  readonly version: string;
  readonly releaseVersion: string;
  readonly createdAt: Seconds;
  readonly modifiedAt: Seconds;
  readonly status: "CREATING" | "ACTIVE" | "UPDATING" | "DELETING" | "CREATE_FAILED";
  readonly capacityType: "ON_DEMAND";
  readonly scalingConfig: { readonly minSize: number; readonly maxSize: number; readonly desiredSize: number };
  readonly instanceTypes: readonly string[];
  readonly subnets: readonly string[];
  readonly amiType: string;
  readonly nodeRole: string;
  readonly diskSize?: number;
  readonly launchTemplate?: { readonly id: string; readonly version: string };
  readonly health: { readonly issues: readonly unknown[] };
  readonly updateConfig: { readonly maxUnavailable: number };
  readonly resources: { readonly autoScalingGroups: readonly { readonly name: string }[] };
  readonly tags: Tags;
  /** What an update in progress changes in the end. */
  readonly pending?: Partial<NodeGroup>;
}

export interface Addon {
  readonly addonName: string;
  readonly clusterName: string;
  readonly status: "CREATING" | "ACTIVE" | "UPDATING" | "DELETING";
  readonly addonVersion: string;
  readonly health: { readonly issues: readonly unknown[] };
  readonly addonArn: string;
  readonly createdAt: Seconds;
  readonly modifiedAt: Seconds;
  readonly tags: Tags;
  readonly owner: "aws";
  readonly publisher: "eks";
  /** Version that an update in progress leads to. */
  readonly pending?: string;
}

/** A machine that is a node of a cluster. */
export interface Node {
  /** `i-0123…` */
  readonly instanceId: string;
  /** Name of its Node object. */
  readonly name: string;
  readonly instanceType: string;
  readonly subnetId: string;
  readonly zone: string;
  readonly address: string;
  /** Node group that it is of; missing for those that Auto Mode starts. */
  readonly group?: string;
}

export interface LoadBalancer {
  readonly name: string;
  readonly hostname: string;
  readonly vpcId: string;
  /** `namespace/name` of the Service that asked for it. */
  readonly service: string;
  readonly serviceUid: string;
  readonly interfaces: readonly { readonly id: string; readonly subnetId: string }[];
}

/** Where a cluster is. */
export interface Location {
  readonly cloud: Cloud;
  readonly account: string;
  readonly region: string;
}

export interface Place extends Location {
  readonly state: EksState;
}

const service = "eks";

export function placeOf({ cloud, account, region }: Location): Place {
  const state = cloud.slice<EksState>(service, account, region, () => ({ clusters: {}, loadBalancers: {} }));
  return { cloud, account, region, state };
}

/** Wherever there are clusters, or something that they left. */
export function allPlaces(cloud: Cloud): readonly Place[] {
  return cloud.slices<EksState>(service).map(({ account, region }) => placeOf({ cloud, account, region }));
}

/** @throws AwsFault ResourceNotFoundException */
export function recordOf({ state }: Place, name: string): ClusterRecord {
  const record = state.clusters[name];
  if (record === undefined) throw new AwsFault("ResourceNotFoundException", `No cluster found for name: ${name}.`, 404);
  return record;
}

/** A cluster with an API. @throws AwsFault ResourceNotFoundException, InvalidRequestException */
export function activeRecord(place: Place, name: string): ClusterRecord {
  const record = recordOf(place, name);
  const { status } = record.cluster;
  if (status === "ACTIVE" || status === "UPDATING") return record;
  throw invalidRequest(`Cluster ${name} is ${status}, and not ACTIVE`);
}

/** @throws AwsFault ResourceNotFoundException */
export function changeRecord(
  place: Place,
  name: string,
  change: (record: ClusterRecord) => Partial<ClusterRecord>,
): ClusterRecord {
  const record = recordOf(place, name);
  const changed = { ...record, ...change(record) };
  place.state.clusters[name] = changed;
  place.cloud.save();
  return changed;
}

export function changeCluster(place: Place, name: string, change: Partial<Cluster>): Cluster {
  return changeRecord(place, name, ({ cluster }) => ({ cluster: { ...cluster, ...change } })).cluster;
}

export function arnOf({ account, region }: Pick<Place, "account" | "region">, kind: string, path: string): string {
  return `arn:aws:eks:${region}:${account}:${kind}/${path}`;
}

export function secondsOf({ cloud }: Place): Seconds {
  return cloud.now().getTime() / 1000;
}

/** Letters and digits as in the ids of AWS. */
export function randomHex(length: number): string {
  const bytes = crypto.getRandomValues(new Uint8Array(Math.ceil(length / 2)));
  return Buffer.from(bytes).toString("hex").slice(0, length);
}

export function invalidParameter(message: string): AwsFault {
  return new AwsFault("InvalidParameterException", message);
}

export function invalidRequest(message: string): AwsFault {
  return new AwsFault("InvalidRequestException", message);
}

export function inUse(message: string): AwsFault {
  return new AwsFault("ResourceInUseException", message, 409);
}

export function notFound(message: string): AwsFault {
  return new AwsFault("ResourceNotFoundException", message, 404);
}
