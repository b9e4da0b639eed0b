import type { ManagedCluster } from "#lib/argocd/managed-cluster.ts";
import { type CallerState, callerIdentity } from "#lib/aws/caller.ts";
import type { AwsActor } from "#lib/aws/clients.ts";
import { delegation } from "#lib/aws/delegation.ts";
import { delegatedServers } from "#lib/aws/delegation-model.ts";
import { type ExistingZonesState, existingZones } from "#lib/aws/existing-zones.ts";
import { hostedZone } from "#lib/aws/hosted-zone.ts";
import { type EksKubeconfigState, eksKubeconfig } from "#lib/aws/kubeconfig.ts";
import { type ManagementZonesState, managementZones } from "#lib/aws/management-zones.ts";
import { oidcProvider } from "#lib/aws/oidc-provider.ts";
import { removeFromEks } from "#lib/aws/outliving.ts";
import { registrarDelegation } from "#lib/aws/registrar-delegation.ts";
import { stack } from "#lib/aws/stack.ts";
import { keep, type StackState } from "#lib/aws/stack-model.ts";
import type { HostedZoneState } from "#lib/aws/zone-lookup.ts";
import { externalIdOf } from "#lib/credentials/aws.ts";
import { kubernetesOf, podCidrOf, serviceCidrOf } from "#lib/fleet/defaults.ts";
import { subjectsOf } from "#lib/fleet/github.ts";
import { taskSuffix } from "#lib/fleet/names.ts";
import { eksZoneIds } from "#lib/fleet/regions.ts";
import { awsAccountRoles, awsManagementRole, awsRoleOf, awsServiceRoleOf } from "#lib/fleet/roles.ts";
import type { AwsAccount, CloudZones, EksCluster, Fleet } from "#lib/fleet/types.ts";
import type { AnyResource, Outputs, Owner, Resource } from "#lib/graph/resource.ts";
import { endpointOf } from "#lib/kubernetes/kubeconfig.ts";

/** What a run says of AWS beside the fleet. */
export interface AwsSettings {
  /** Variable AWS_USER_ARN: whom the management role lets in. */
  readonly userArn: string | undefined;
  /** Absolute path of another fleet's file, for the program that kubectl asks for tokens. */
  readonly fleetFile?: string;
  /** Values that stand for others are taken as they are: nothing real is called. */
  readonly takesPlaceholders: boolean;
  /** Ids that a delete was asked for by name: what accounts have in common goes only then. */
  readonly targets: readonly string[];
}

export interface AwsGraph {
  /** Of accounts: roles and zones. */
  readonly accounts: readonly AnyResource[];
  /** Of one cluster, and the cluster as what is inside of it sees it. */
  cluster(cluster: EksCluster): { readonly resources: readonly AnyResource[]; readonly managed: ManagedCluster };
}

/** Of stacks whose region could be any: the management account's and those of roles. */
const homeRegion = "us-east-1";
const project = "k8s-multicluster-gitops";
const minuteMs = 60_000;
/** Zones and a role are there in a minute; a control plane and its nodes take a quarter of an hour, and as long to go. */
const timeouts = { roles: 15 * minuteMs, eks: 60 * minuteMs } as const;
/** Days that a control plane's logs are kept. */
const logRetentionDays = "30";
/** Used only where the fleet names no other: what a small cluster of one kind of node runs on. */
const nodeDefaults = { instanceType: "m7g.large", count: 2 } as const;

export const managementStackName = `${project}-route53-gh-action-iam-role-oidc`;
export const roleStackName = `${project}-allow-mgmt-iam-role-to-assume-tenant-iam-role`;

/** Ids of what accounts have in common, by which their own tasks name it. */
export function managementStackId(account: string): string {
  return `aws/${account}/stack/management`;
}
export function roleStackId(account: string): string {
  return `aws/${account}/stack/role`;
}
export function oidcProviderId(account: string): string {
  return `aws/${account}/oidc-provider`;
}
export function registrarId(account: string, zone: string): string {
  return `aws/${account}/registrar/${zone}`;
}

/** Undefined for a fleet without AWS. Pure. */
export function awsGraph(fleet: Fleet, settings: AwsSettings): AwsGraph | undefined {
  const management = fleet.accounts.find(
    (account): account is AwsAccount => account.provider === "aws" && account.role === "management",
  );
  const zones = fleet.zones.find(({ provider }) => provider === "aws");
  if (management === undefined || zones === undefined) return undefined;
  const parts: Parts = { fleet, settings, management, zones };
  const shared = managementAccount(parts);
  const roles = new Map(
    awsAccountRoles(fleet).map(({ account, role }) => [account.name, roleStack(parts, account, role, shared.stack)]),
  );
  return {
    accounts: [...shared.resources, ...roles.values()],
    cluster(cluster) {
      const account = fleet.accounts.find(
        (one): one is AwsAccount => one.provider === "aws" && one.name === cluster.account,
      );
      const role = account === undefined ? undefined : roles.get(account.name);
      // The fleet was checked: an account that isn't there is a fault that is told long before.
      if (account === undefined || role === undefined) throw new Error(`${cluster.name} has no account`);
      return eksCluster(parts, cluster, account, role, shared.zones);
    },
  };
}

interface Parts {
  readonly fleet: Fleet;
  readonly settings: AwsSettings;
  readonly management: AwsAccount;
  readonly zones: CloudZones;
}

interface ManagementAccount {
  readonly stack: Resource<StackState>;
  readonly zones: Resource<ManagementZonesState>;
  readonly resources: readonly AnyResource[];
}

/** Zones of the cloud, the role that leads everywhere, and whom it trusts. */
function managementAccount(parts: Parts): ManagementAccount {
  const { fleet, settings, management, zones } = parts;
  const { github } = fleet;
  const owner = ownerOf(management);
  const actor: AwsActor = { account: management, as: "owner", otherwise: "management" };
  const tags = tagsOf(fleet, { account: management.name });
  const caller = callerIdentity({ account: management, owner, userArn: settings.userArn });
  const existing = existingZones({
    id: `aws/${management.name}/existing-zones`,
    title: `${management.name}: existing zones`,
    owner,
    actor,
    names: [zones.primary, zones.clusters],
    stack: { name: managementStackName, region: homeRegion },
    tags,
  });
  const provider =
    github === undefined
      ? undefined
      : oidcProvider({
          id: oidcProviderId(management.name),
          title: `${management.name}: OIDC provider of GitHub`,
          owner,
          account: management,
          needs: [],
          tags,
          roles: [awsManagementRole],
          ...keptUnlessTargeted(settings, oidcProviderId(management.name), managementDelete),
        });
  const made = stack({
    id: managementStackId(management.name),
    title: `${management.name}: zones and management role`,
    label: "zones and role",
    owner,
    needs: [caller, existing, ...(provider === undefined ? [] : [provider])],
    actor,
    region: homeRegion,
    name: managementStackName,
    template: "cloudformation/route53-gh-action-iam-role-oidc.yml",
    parameters: (outputs) => managementParameters(parts, outputs, caller, existing),
    tags,
    capabilities: ["CAPABILITY_NAMED_IAM"],
    isProtected: true,
    timeoutMs: timeouts.roles,
    ...keptUnlessTargeted(settings, managementStackId(management.name), managementDelete),
  });
  const known = managementZones({
    id: `aws/${management.name}/zones`,
    title: `${management.name}: zones`,
    owner,
    actor,
    zones,
    stack: made,
  });
  const registrar = registrarDelegation({
    id: registrarId(management.name, zones.primary),
    title: `${zones.primary}: delegation from ${fleet.domain}`,
    owner,
    domain: fleet.domain,
    primary: known,
    primaryOf: ({ primary }) => primary,
  });
  return { stack: made, zones: known, resources: [...(provider === undefined ? [] : [provider]), made, registrar] };
}

const managementDelete = "mise run delete:aws-mgmt:cf-route53-gh-action-iam-role-oidc removes it";

function managementParameters(
  { fleet, settings, management, zones }: Parts,
  outputs: Outputs,
  caller: Resource<CallerState>,
  existing: Resource<ExistingZonesState>,
) {
  const { github } = fleet;
  const { ids } = outputs.of(existing);
  const { principal } = outputs.of(caller);
  const provider = `arn:aws:iam::${management.accountId}:oidc-provider/token.actions.githubusercontent.com`;
  const roles = awsAccountRoles(fleet).map(({ account, role }) => roleArn(account, role));
  return {
    PrimaryDomain: zones.primary,
    K8sDomain: zones.clusters,
    // Once they are told, the stack's own word counts: a zone that it made is there too by then.
    ExistingPrimaryZoneId: keep(ids[zones.primary] ?? ""),
    ExistingK8sZoneId: keep(ids[zones.clusters] ?? ""),
    ManagementIamRoleName: awsManagementRole,
    // Whoever runs this later may be somebody else: who is let in is changed by naming them, and by nothing else.
    UserArn: settings.userArn ?? keep(principal),
    OidcProviderArn: github === undefined ? "" : provider,
    SubjectClaimFilters: github === undefined ? "" : subjectsOf(github).join(","),
    RepositoryId: github?.repositoryId ?? "",
    TenantIamRoleArns: roles.join(","),
  };
}

/** The role of one account with which its clusters are made, and the one that CloudFormation makes them by. */
function roleStack(
  { fleet, settings, management }: Parts,
  account: AwsAccount,
  role: string,
  managementStack: Resource<StackState>,
): Resource<StackState> {
  return stack({
    id: roleStackId(account.name),
    title: `${account.name}: role ${role}`,
    label: "role",
    owner: ownerOf(account),
    // AWS takes no role into a trust policy that isn't there yet.
    needs: [managementStack],
    actor: { account, as: "owner", otherwise: "clusters" },
    region: homeRegion,
    name: roleStackName,
    template: "cloudformation/allow-mgmt-iam-role-to-assume-tenant-iam-role.yml",
    parameters: () => ({
      ManagementIamRoleArn: roleArn(management, awsManagementRole),
      TenantIamRoleName: role,
      TenantIamRolePolicyName: `${role}-policy`,
      ExternalId: externalIdOf(fleet),
      CloudFormationIamRoleName: awsServiceRoleOf(fleet, account),
      K8sDomain: fleet.zones.find(({ provider }) => provider === "aws")?.clusters ?? "",
    }),
    tags: tagsOf(fleet, { account: account.name }),
    capabilities: ["CAPABILITY_NAMED_IAM"],
    isProtected: true,
    timeoutMs: timeouts.roles,
    ...keptUnlessTargeted(
      settings,
      roleStackId(account.name),
      `mise run delete:aws-tenant:cf-iam-role -- ${account.name} removes it`,
    ),
  });
}

function eksCluster(
  parts: Parts,
  cluster: EksCluster,
  account: AwsAccount,
  role: Resource<StackState>,
  parents: Resource<ManagementZonesState>,
): { readonly resources: readonly AnyResource[]; readonly managed: ManagedCluster } {
  const { fleet, settings, management } = parts;
  const owner: Owner = { kind: "cluster", name: cluster.name, group: "aws" };
  const actor: AwsActor = { account, as: "clusters" };
  const leader: AwsActor = { account: management, as: "management" };
  const prefix = `aws/${account.name}/${cluster.name}`;
  const tags = tagsOf(fleet, { cluster: cluster.name });
  const zone = hostedZone({
    id: `${prefix}/zone`,
    title: `${cluster.name}: zone`,
    owner,
    actor,
    name: cluster.name,
    needs: [role],
    tags,
    async delegatedTo(world, outputs) {
      const parent = outputs.find(parents)?.clusters;
      return parent === undefined ? [] : await delegatedServers(world, leader, parent, cluster.name);
    },
  });
  const led = delegation({
    id: `${prefix}/delegation`,
    title: `${cluster.name}: delegation`,
    owner,
    actor: leader,
    name: cluster.name,
    zone,
    zoneActor: actor,
    parent: parents,
    parentOf: ({ clusters }) => clusters,
  });
  const access = {
    cluster,
    account,
    role: awsRoleOf(fleet, account),
    ...(settings.fleetFile === undefined ? {} : { fleetFile: settings.fleetFile }),
  };
  const running = stack({
    id: `${prefix}/stack`,
    title: `${cluster.name}: EKS cluster`,
    label: "EKS",
    owner,
    needs: [role, zone],
    actor,
    region: cluster.region,
    name: `${taskSuffix(cluster)}-eks`,
    template: "cloudformation/eks-cluster.yml",
    parameters: (outputs) => eksParameters(cluster, account, awsRoleOf(fleet, account), outputs, zone),
    tags,
    capabilities: ["CAPABILITY_IAM"],
    serviceRole: (outputs) => outputs.of(role).outputs.CloudFormationIamRoleArn ?? "",
    isProtected: true,
    timeoutMs: timeouts.eks,
    beforeDelete: (world, state) => removeFromEks(world, access, state),
  });
  const kubeconfig = eksKubeconfig({ ...access, stack: running });
  return { resources: [zone, led, running, kubeconfig], managed: managedEks(cluster, owner, prefix, kubeconfig) };
}

function eksParameters(
  cluster: EksCluster,
  account: AwsAccount,
  role: string,
  outputs: Outputs,
  zone: Resource<HostedZoneState>,
) {
  const nodes = cluster.nodes === undefined || cluster.nodes === "auto" ? undefined : cluster.nodes;
  const { instanceType, count } = nodes ?? nodeDefaults;
  return {
    ClusterName: taskSuffix(cluster),
    ClusterFqdn: cluster.name,
    KubernetesVersion: kubernetesOf(cluster) ?? "",
    AdminRoleArn: roleArn(account, role),
    VpcCidr: podCidrOf(cluster) ?? "",
    ServiceCidr: serviceCidrOf(cluster) ?? "",
    ZoneIds: (eksZoneIds[cluster.region] ?? ["any", "any", "any"]).join(","),
    PublicAccessCidrs: cluster.publicAccessCidrs.join(","),
    NodeMode: nodes === undefined ? "auto" : "managed",
    NodeInstanceType: instanceType,
    NodeCount: String(count),
    HostedZoneId: outputs.of(zone).id,
    LogRetentionDays: logRetentionDays,
  };
}

/** What is in it goes before it: load balancers and records of it are in the account, not in the cluster. */
function managedEks(
  cluster: EksCluster,
  owner: Owner,
  prefix: string,
  kubeconfig: Resource<EksKubeconfigState>,
): ManagedCluster {
  return {
    cluster,
    owner,
    prefix,
    running: kubeconfig,
    access(outputs) {
      const state = outputs.find(kubeconfig);
      if (state === undefined) return { kind: "absent" };
      if (state.content === undefined) return { kind: "closed", why: "has no kubeconfig that can be read" };
      if (state.access !== undefined && state.access.kind !== "open")
        return { kind: "closed", why: `is ${state.access.kind}` };
      return { kind: "reachable", endpoint: endpointOf(state.content, state.path) };
    },
  };
}

function ownerOf(account: AwsAccount): Owner {
  return { kind: "account", name: account.name, group: "aws" };
}

function tagsOf({ domain }: Fleet, more: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return { project, fleet: domain, ...more };
}

function roleArn({ accountId }: AwsAccount, role: string): string {
  return `arn:aws:iam::${accountId}:role/${role}`;
}

/** Clusters come and go; without these nothing of the account could be reached. */
function keptUnlessTargeted({ targets }: AwsSettings, id: string, why: string): { readonly keptOnDelete?: string } {
  return targets.includes(id) ? {} : { keptOnDelete: why };
}
