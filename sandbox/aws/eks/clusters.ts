import { bootstrapEntries } from "#sandbox/aws/eks/access-entries.ts";
import { openApiServer } from "#sandbox/aws/eks/api-servers.ts";
import { parseNewCluster } from "#sandbox/aws/eks/cluster-input.ts";
import { durations } from "#sandbox/aws/eks/durations.ts";
import {
  type Cluster,
  type ClusterRecord,
  changeCluster,
  inUse,
  type Location,
  type Place,
  placeOf,
  randomHex,
  recordOf,
} from "#sandbox/aws/eks/state.ts";
import { controlPlanesOf } from "#sandbox/cloud/control-planes.ts";
import { later } from "#sandbox/cloud/later.ts";
import type { JsonObject } from "#sandbox/json.ts";

/**
 * Begins to make a cluster: its status is CREATING, and ACTIVE after some minutes of AWS.
 *
 * @param input as CreateCluster takes it
 * @param creator ARN of the user or role, who is let in unless the input says otherwise
 * @throws AwsFault InvalidParameterException, ResourceInUseException
 */
export function createCluster(at: Location, input: JsonObject, creator?: string): Cluster {
  const place = placeOf(at);
  const { cluster, selfManagedAddons } = parseNewCluster(place, input);
  const { name } = cluster;
  if (place.state.clusters[name] !== undefined) throw inUse(`Cluster already exists with name: ${name}`);
  const record: ClusterRecord = {
    cluster,
    selfManagedAddons,
    accessEntries: bootstrapEntries(place, cluster, creator),
    podIdentities: {},
    nodeGroups: {},
    addons: {},
    nodes: [],
  };
  place.state.clusters[name] = record;
  place.cloud.save();
  finishCreation(place, record);
  return cluster;
}

/** @throws AwsFault ResourceNotFoundException */
export function describeCluster(at: Location, name: string): Cluster {
  return recordOf(placeOf(at), name).cluster;
}

export function listClusters(at: Location): readonly string[] {
  return Object.keys(placeOf(at).state.clusters).sort();
}

/**
 * Begins to delete a cluster. What its Services have asked for outside of it stays.
 *
 * @throws AwsFault ResourceNotFoundException, ResourceInUseException
 */
export function deleteCluster(at: Location, name: string): void {
  const place = placeOf(at);
  const { cluster, nodeGroups } = recordOf(place, name);
  if (Object.keys(nodeGroups).length > 0) throw inUse("Cluster has nodegroups attached");
  if (cluster.status === "CREATING" || cluster.status === "UPDATING") {
    throw inUse(`Cluster ${name} is ${cluster.status}: it can be deleted when that is done`);
  }
  if (cluster.status === "DELETING") return;
  changeCluster(place, name, { status: "DELETING" });
  finishDeletion(place, recordOf(place, name));
}

/** Goes on with what was under way when the daemon ended, and opens what answered then. */
export async function resumeCluster(place: Place, record: ClusterRecord): Promise<void> {
  if (record.cluster.status === "CREATING") return finishCreation(place, record);
  if (record.controlPlane !== undefined) await openApiServer(place, record.cluster.name);
  if (record.cluster.status === "DELETING") finishDeletion(place, record);
}

function finishCreation(place: Place, { cluster: { name, createdAt } }: ClusterRecord): void {
  later(place.cloud, durations.clusterCreate, async () => {
    if (place.state.clusters[name]?.cluster.createdAt !== createdAt) return;
    const { authority, port } = await openApiServer(place, name);
    changeCluster(place, name, {
      status: "ACTIVE",
      endpoint: `https://127.0.0.1:${port}`,
      certificateAuthority: { data: Buffer.from(authority).toString("base64") },
      identity: {
        oidc: { issuer: `https://oidc.eks.${place.region}.amazonaws.com/id/${randomHex(32).toUpperCase()}` },
      },
    });
  });
}

function finishDeletion(place: Place, { cluster: { name, createdAt } }: ClusterRecord): void {
  later(place.cloud, durations.clusterDelete, async () => {
    const record = place.state.clusters[name];
    if (record?.cluster.createdAt !== createdAt) return;
    await controlPlanesOf(place.cloud).remove(record.cluster.arn, record.controlPlane);
    delete place.state.clusters[name];
    place.cloud.save();
  });
}
