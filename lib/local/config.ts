/** Config files of kind and k3d as text, so that the bare programs can use them too. */

import type { LocalCluster } from "#lib/fleet/types.ts";
import { imageOf, workersOf } from "#lib/local/fleet/defaults.ts";
import type { K3dCluster, KindCluster } from "#lib/local/fleet/types.ts";

/** Label of every node and container created by this project; its value is the fleet's domain. Others are never deleted. */
export const fleetLabel = "k8s-multicluster-gitops/fleet";

/** kind config, https://kind.sigs.k8s.io/docs/user/configuration. `image` takes precedence over the cluster's own. */
export function renderKindConfig(cluster: KindCluster, fleetDomain: string, image: string = imageOf(cluster)): string {
  const roles = ["control-plane", ...Array.from({ length: workersOf(cluster) }, () => "worker")];
  return `${header(cluster, "kind create cluster")}
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
name: ${cluster.name}
networking:
  # this computer only
  apiServerAddress: 127.0.0.1
  # fixed, so that clusters made side by side can't race for one
  apiServerPort: ${cluster.apiPort}
${line(cluster.podCidr, (range) => `  podSubnet: ${range}`)}${line(cluster.serviceCidr, (range) => `  serviceSubnet: ${range}`)}nodes:
${roles.map((role) => kindNode(role, image, fleetDomain)).join("")}`;
}

function kindNode(role: string, image: string, fleetDomain: string): string {
  return `  - role: ${role}
    image: ${image}
    labels:
      ${fleetLabel}: "${fleetDomain}"
`;
}

/** k3d config, https://k3d.io/stable/usage/configfile. `image` takes precedence over the cluster's own. */
export function renderK3dConfig(cluster: K3dCluster, fleetDomain: string, image: string = imageOf(cluster)): string {
  const agents = workersOf(cluster);
  // a filter that matches no node makes k3d warn
  const nodes = agents === 0 ? '["server:*"]' : '["server:*", "agent:*"]';
  return `${header(cluster, "k3d cluster create")}
apiVersion: k3d.io/v1alpha5
kind: Simple
metadata:
  name: ${cluster.name}
servers: 1
agents: ${agents}
image: ${image}
kubeAPI:
  # this computer only: k3d's own default is 0.0.0.0
  host: 127.0.0.1
  hostIP: 127.0.0.1
  # fixed, so that clusters made side by side can't race for one
  hostPort: "${cluster.apiPort}"
options:
  k3d:
    wait: true
  kubeconfig:
    updateDefaultKubeconfig: false
    switchCurrentContext: false
  k3s:
    extraArgs:
${k3sArguments(cluster).map(k3sArgument).join("")}    nodeLabels:
      - label: ${fleetLabel}=${fleetDomain}
        nodeFilters: ${nodes}
  runtime:
    labels:
      - label: ${fleetLabel}=${fleetDomain}
        nodeFilters: ["all"]
`;
}

/** Argo CD installs what a cluster needs, and the add-ons bundled with k3s would conflict with it. */
export function k3sArguments(cluster: K3dCluster): readonly string[] {
  return [
    "--disable=traefik",
    "--disable=local-storage",
    "--disable=metrics-server",
    ...(cluster.podCidr === undefined ? [] : [`--cluster-cidr=${cluster.podCidr}`]),
    ...(cluster.serviceCidr === undefined ? [] : [`--service-cidr=${cluster.serviceCidr}`]),
  ];
}

/** All of these are server flags: an agent rejects them. */
function k3sArgument(argument: string): string {
  return `      - arg: ${argument}
        nodeFilters: ["server:*"]
`;
}

function header(cluster: LocalCluster, command: string): string {
  const { provider, name } = cluster;
  return `# Written by \`bun run generate\` from clusters/${provider}.ts: change it there.
# Works with the bare program too: ${command} --config ${provider}/${name}.yaml`;
}

function line(value: string | undefined, format: (value: string) => string): string {
  return value === undefined ? "" : `${format(value)}\n`;
}
