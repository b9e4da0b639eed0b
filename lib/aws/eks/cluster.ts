import type { ManagedCluster } from "#lib/argocd/managed-cluster.ts";
import type { AwsActor } from "#lib/aws/clients.ts";
import { keepWith, type ParameterValues, type StackState } from "#lib/aws/cloudformation/model.ts";
import { stack } from "#lib/aws/cloudformation/stack.ts";
import { type AddonVersionsState, addonVersions } from "#lib/aws/eks/addon-versions.ts";
import { effectOnCluster, refuseLeapOfEks, upgradeStages } from "#lib/aws/eks/cluster-changes.ts";
import { type EksKubeconfigState, eksKubeconfig } from "#lib/aws/eks/kubeconfig.ts";
import { removeClusterContents } from "#lib/aws/eks/remove-contents.ts";
import { eksRanges, kubernetesOfEks } from "#lib/aws/fleet/defaults.ts";
import { eksZoneIds } from "#lib/aws/fleet/regions.ts";
import { iamRoleOf, roleArn } from "#lib/aws/fleet/roles.ts";
import type { AwsAccount, EksCluster, NodeGroup } from "#lib/aws/fleet/types.ts";
import { delegationId, eksStackName, type Parts, zoneId } from "#lib/aws/names.ts";
import { delegatedServers, delegation } from "#lib/aws/route53/delegation.ts";
import { hostedZone } from "#lib/aws/route53/hosted-zone.ts";
import type { ManagementZonesState } from "#lib/aws/route53/management-zones.ts";
import type { HostedZoneState } from "#lib/aws/route53/zone-lookup.ts";
import { accessBy } from "#lib/cloud/exec-kubeconfig.ts";
import { minuteMs, tagsOf } from "#lib/cloud/parts.ts";
import { throughRole } from "#lib/cloud/through-role.ts";
import { taskSuffix } from "#lib/fleet/names.ts";
import type { Outputs, Resource, RowRef } from "#lib/graph/resource.ts";
import type { ClusterResources } from "#lib/provider.ts";

/** A control plane and its nodes take a quarter of an hour, and as long to go. */
const timeoutMs = 60 * minuteMs;
/** Retention of control plane logs, in days. */
const logRetentionDays = "30";
/** Default: sufficient for a small cluster with one node type. */
const nodeDefaults = { instanceType: "m7g.large", count: 2 } as const;

export function eksCluster(
  parts: Parts,
  cluster: EksCluster,
  account: AwsAccount,
  role: Resource<StackState>,
  parents: Resource<ManagementZonesState>,
): ClusterResources {
  const { fleet, settings, management, withClients } = parts;
  const row: RowRef = { kind: "cluster", name: cluster.name, group: "aws" };
  const actor: AwsActor = { account, as: "clusters" };
  const administrator: AwsActor = { account, as: "administrator" };
  const leader: AwsActor = { account: management, as: "management" };
  const prefix = `aws/${account.name}/${cluster.name}`;
  const tags = tagsOf(fleet, { cluster: cluster.name });
  const zoneAs = (who: AwsActor): Resource<HostedZoneState> =>
    withClients(
      hostedZone({
        id: zoneId(cluster),
        title: `${cluster.name}: zone`,
        row,
        actor: who,
        name: cluster.name,
        needs: [role],
        tags,
        async delegatedTo(world, outputs) {
          const parent = outputs.find(parents)?.clusters;
          return parent === undefined ? [] : await delegatedServers(world, leader, parent, cluster.name);
        },
      }),
    );
  const zone = throughRole(role, zoneAs(actor), zoneAs(administrator));
  const led = withClients(
    delegation({
      id: delegationId(cluster),
      title: `${cluster.name}: delegation`,
      row,
      actor: leader,
      name: cluster.name,
      zone,
      zoneActor: actor,
      parent: parents,
      parentOf: ({ clusters }) => clusters,
    }),
  );
  const access = {
    cluster,
    account,
    role: iamRoleOf(account),
    fleetFile: settings.fleetFile,
  };
  const serviceRole = (outputs: Outputs): string => outputs.of(role).outputs.CloudFormationIamRoleArn ?? "";
  const addons =
    nodesOf(cluster) === undefined
      ? undefined
      : withClients(
          addonVersions({
            id: `${prefix}/addon-versions`,
            title: `${cluster.name}: add-on versions`,
            row,
            actor: { account, as: "administrator", otherwise: "clusters" },
            region: cluster.region,
            kubernetes: kubernetesOfEks(cluster),
            needs: [role],
          }),
        );
  const stackAs = (who: AwsActor): Resource<StackState> =>
    withClients(
      stack({
        id: `${prefix}/stack`,
        title: `${cluster.name}: EKS cluster`,
        label: "EKS",
        row,
        lane: "cluster",
        needs: [role, zone, ...(addons === undefined ? [] : [addons])],
        actor: who,
        region: cluster.region,
        name: eksStackName(cluster),
        template: "cloudformation/eks-cluster.yml",
        parameters: (outputs) => ({
          ...eksParameters(cluster, account, iamRoleOf(account), outputs, zone),
          CloudFormationIamRoleArn: serviceRole(outputs),
          ...(addons === undefined ? {} : nodeVersions(cluster, outputs.of(addons))),
        }),
        stages: upgradeStages,
        tags,
        capabilities: ["CAPABILITY_IAM"],
        serviceRole,
        isProtected: true,
        timeoutMs,
        effectOf: effectOnCluster,
        refuse: async (_world, changes) => refuseLeapOfEks(cluster.name, changes),
        beforeDelete: (world, state) => removeClusterContents(world, access, state),
      }),
    );
  const made = stackAs(actor);
  const eks: Resource<StackState> = {
    ...made,
    health: (state) => ({ ...made.health(state), cluster: { kubernetes: state.parameters.KubernetesVersion } }),
  };
  const running = throughRole(role, eks, stackAs(administrator));
  const kubeconfig = eksKubeconfig({ ...access, stack: running });
  return {
    resources: [zone, led, running, kubeconfig],
    managed: managedEks(cluster, account, row, prefix, kubeconfig),
  };
}

/** Undefined for Auto Mode. */
function nodesOf({ nodes }: EksCluster): NodeGroup | undefined {
  return nodes === undefined || nodes === "auto" ? undefined : nodes;
}

/** Add-ons keep their versions until that of the nodes changes, whatever EKS has for its default by then. */
function nodeVersions(cluster: EksCluster, { versions }: AddonVersionsState): ParameterValues {
  const kept = Object.entries(versions).map(([name, version]) => [name, keepWith("NodeKubernetesVersion", version)]);
  return { NodeKubernetesVersion: kubernetesOfEks(cluster), ...Object.fromEntries(kept) };
}

function eksParameters(
  cluster: EksCluster,
  account: AwsAccount,
  role: string,
  outputs: Outputs,
  zone: Resource<HostedZoneState>,
) {
  const nodes = nodesOf(cluster);
  const { instanceType, count } = nodes ?? nodeDefaults;
  return {
    ClusterName: taskSuffix(cluster),
    ClusterFqdn: cluster.name,
    KubernetesVersion: kubernetesOfEks(cluster),
    AdminRoleArn: roleArn(account, role),
    VpcCidr: cluster.podCidr ?? eksRanges.pods,
    ServiceCidr: cluster.serviceCidr ?? eksRanges.services,
    ZoneIds: (eksZoneIds[cluster.region] ?? ["any", "any", "any"]).join(","),
    PublicAccessCidrs: cluster.publicAccessCidrs.toSorted().join(","),
    NodeMode: nodes === undefined ? "auto" : "managed",
    NodeInstanceType: instanceType,
    NodeCount: String(count),
    HostedZoneId: outputs.of(zone).id,
    LogRetentionDays: logRetentionDays,
  };
}

/** The content is deleted before the cluster: its load balancers and DNS records are in the account. */
function managedEks(
  cluster: EksCluster,
  account: AwsAccount,
  row: RowRef,
  prefix: string,
  kubeconfig: Resource<EksKubeconfigState>,
): ManagedCluster {
  return {
    cluster,
    accountId: account.accountId,
    kubernetes: kubernetesOfEks(cluster),
    row,
    prefix,
    running: kubeconfig,
    access: (outputs) => accessBy(kubeconfig, outputs),
  };
}
