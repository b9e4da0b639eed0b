import { clientCalls } from "#lib/aws/client-calls.ts";
import type { AwsActor } from "#lib/aws/clients.ts";
import type { AwsWorld } from "#lib/aws/world.ts";
import { FleetError } from "#lib/errors.ts";
import { lookup } from "#lib/graph/lookup.ts";
import type { Resource, RowRef } from "#lib/graph/resource.ts";

/** Add-ons of clusters with a managed node group, and the parameter of `eks-cluster.yml` that holds the version of each. */
export const addonParameters = {
  coredns: "CoreDnsVersion",
  "eks-pod-identity-agent": "PodIdentityAgentVersion",
  "kube-proxy": "KubeProxyVersion",
  "vpc-cni": "VpcCniVersion",
} as const;

type AddonName = keyof typeof addonParameters;

export interface AddonVersionsState {
  /** What EKS installs by default, by parameter. */
  readonly versions: Readonly<Record<string, string>>;
}

export interface AddonVersionsOptions {
  readonly id: string;
  readonly title: string;
  readonly row: RowRef;
  readonly actor: AwsActor;
  readonly region: string;
  /** `major.minor`. */
  readonly kubernetes: string;
  readonly needs: Resource<unknown>["needs"];
}

/**
 * The default version of each add-on for one version of Kubernetes. An add-on without a version gets it when it is created, but keeps
 * it when the cluster is upgraded, so that the stack has to name versions. Only read.
 * https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeAddonVersions.html
 */
export function addonVersions(options: AddonVersionsOptions): Resource<AddonVersionsState, AwsWorld> {
  const { id, title, row, needs } = options;
  const read = async (world: AwsWorld): Promise<AddonVersionsState> => {
    const names = Object.keys(addonParameters) as AddonName[];
    const found = await Promise.all(names.map((name) => readDefault(world, options, name)));
    return { versions: Object.fromEntries(found) };
  };
  return lookup({
    id,
    title,
    label: "add-on versions",
    row,
    needs,
    read,
    health: ({ versions }) => ({ kind: "healthy", summary: Object.values(versions).join(", ") }),
  });
}

async function readDefault(
  world: AwsWorld,
  { actor, region, kubernetes, title }: AddonVersionsOptions,
  addonName: AddonName,
): Promise<readonly [string, string]> {
  const call = clientCalls(world, actor, await world.aws.eks(actor, region));
  const { addons = [] } = await call(`reading the versions of ${addonName}`, (eks, http) =>
    eks.describeAddonVersions({ addonName, kubernetesVersion: kubernetes }, http),
  );
  const version = addons
    .flatMap(({ addonVersions: all = [] }) => all)
    .find(({ compatibilities = [] }) => compatibilities.some(({ defaultVersion }) => defaultVersion === true));
  if (version?.addonVersion !== undefined) return [addonParameters[addonName], version.addonVersion];
  throw new FleetError("AwsFailed", `${title}: EKS has no version of ${addonName} for Kubernetes ${kubernetes}`, {
    hint: "set kubernetes to a version that EKS supports in this region",
  });
}
