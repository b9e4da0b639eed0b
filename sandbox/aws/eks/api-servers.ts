import { authenticator } from "#sandbox/aws/eks/authenticator.ts";
import { durations } from "#sandbox/aws/eks/durations.ts";
import { loadBalancerHost } from "#sandbox/aws/eks/load-balancers.ts";
import { autoMachines, nodesOf, startMachines } from "#sandbox/aws/eks/nodes.ts";
import { isAutoMode, networkDaemonSet, seedCluster } from "#sandbox/aws/eks/seed.ts";
import { changeRecord, type Place, recordOf } from "#sandbox/aws/eks/state.ts";
import { gitVersionOf } from "#sandbox/aws/eks/versions.ts";
import { AutoNodes, type AutoNodesHost } from "#sandbox/cloud/auto-nodes.ts";
import { type ControlPlane, controlPlanesOf } from "#sandbox/cloud/control-planes.ts";
import { LoadBalancers } from "#sandbox/cloud/load-balancers.ts";

/** Brings up the API server of a cluster: a new one, or the one that it had. @throws when its port is taken */
export async function openApiServer(place: Place, name: string): Promise<ControlPlane> {
  const record = recordOf(place, name);
  const { cluster, controlPlane: known } = record;
  const controlPlane = await controlPlanesOf(place.cloud).open(cluster.arn, known, {
    token: authenticator(place, name),
    version: gitVersionOf(cluster.version),
    networkDaemonSet: isAutoMode(record) ? undefined : networkDaemonSet,
    seed: (api) => seedCluster(api, recordOf(place, name)),
    controllers: [
      (api) => new LoadBalancers(api, loadBalancerHost(place, name)),
      (api) => new AutoNodes(api, autoNodesHost(place, name)),
    ],
  });
  changeRecord(place, name, () => ({ controlPlane }));
  refreshNodes(place, name);
  return controlPlane;
}

/** After any change of a cluster's machines. */
export function refreshNodes(place: Place, name: string): void {
  const record = recordOf(place, name);
  controlPlanesOf(place.cloud).showNodes(record.cluster.arn, nodesOf(place, record));
}

/** EKS Auto Mode. */
function autoNodesHost(place: Place, name: string): AutoNodesHost {
  return {
    cloud: place.cloud,
    startMs: durations.nodeStart,
    count() {
      const record = place.state.clusters[name];
      if (record === undefined || !isAutoMode(record)) return undefined;
      if (record.cluster.computeConfig?.nodePools.length === 0) return undefined;
      return record.nodes.filter(({ group }) => group === undefined).length;
    },
    start(count) {
      startMachines(place, name, autoMachines(recordOf(place, name), count));
      refreshNodes(place, name);
    },
  };
}
