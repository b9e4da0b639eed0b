import type { Cloud } from "#sandbox/aws/cloud.ts";
import { checkAddonVersion, defaultAddonVersion } from "#sandbox/aws/eks/addon-versions.ts";
import { controlPlanesOf } from "#sandbox/aws/eks/control-planes.ts";
import { checkTags, readInput } from "#sandbox/aws/eks/input.ts";
import { installAddon, uninstallAddon } from "#sandbox/aws/eks/seed.ts";
import {
  type Addon,
  arnOf,
  type ClusterRecord,
  changeRecord,
  inUse,
  invalidRequest,
  notFound,
  type Place,
  placeOf,
  recordOf,
  secondsOf,
  type Update,
  without,
} from "#sandbox/aws/eks/state.ts";
import { beginUpdate, finishUpdate } from "#sandbox/aws/eks/updates.ts";
import { durations, later } from "#sandbox/aws/eks/work.ts";
import type { JsonObject } from "#sandbox/json.ts";

/**
 * Begins to install an addon. One whose workloads came with the cluster takes them over.
 *
 * @param input as CreateAddon takes it, without the cluster's name
 * @throws AwsFault InvalidParameterException, InvalidRequestException, ResourceInUseException, ResourceNotFoundException
 */
export function createAddon(cloud: Cloud, account: string, region: string, name: string, body: JsonObject): Addon {
  const place = placeOf(cloud, account, region);
  const { cluster, addons } = recordOf(place, name);
  if (cluster.status !== "ACTIVE" && cluster.status !== "UPDATING") {
    throw invalidRequest(`Cluster ${name} is ${cluster.status}, and not ACTIVE`);
  }
  const input = readInput(body);
  input.skip("clientRequestToken", "resolveConflicts");
  const addonName = input.requiredText("addonName");
  const version = defaultAddonVersion(addonName, cluster.version);
  const roleArn = input.text("serviceAccountRoleArn");
  const now = secondsOf(place);
  const addon: Addon = {
    addonName,
    clusterName: name,
    status: "CREATING",
    addonVersion: checkAddonVersion(addonName, input.text("addonVersion") ?? version, cluster.version),
    health: { issues: [] },
    addonArn: arnOf(place, "addon", `${name}/${addonName}/${crypto.randomUUID()}`),
    createdAt: now,
    modifiedAt: now,
    ...(roleArn === undefined ? {} : { serviceAccountRoleArn: roleArn }),
    tags: checkTags(input.pairs("tags")),
    owner: "aws",
    publisher: "eks",
  };
  input.end();
  if (addons[addonName] !== undefined) throw inUse("Addon already exists.");
  keep(place, addon);
  resumeAddon(place, addon);
  return addon;
}

/** @throws AwsFault ResourceNotFoundException */
export function describeAddon(cloud: Cloud, account: string, region: string, name: string, addon: string): Addon {
  return addonOf(recordOf(placeOf(cloud, account, region), name), addon);
}

export function listAddons(cloud: Cloud, account: string, region: string, name: string): readonly string[] {
  return Object.keys(recordOf(placeOf(cloud, account, region), name).addons).sort();
}

/** @throws AwsFault InvalidParameterException, ResourceInUseException, ResourceNotFoundException */
export function updateAddon(
  cloud: Cloud,
  account: string,
  region: string,
  name: string,
  addonName: string,
  body: JsonObject,
): Update {
  const place = placeOf(cloud, account, region);
  const record = recordOf(place, name);
  const addon = addonOf(record, addonName);
  const input = readInput(body);
  input.skip("clientRequestToken", "resolveConflicts");
  const value = checkAddonVersion(addonName, input.text("addonVersion") ?? addon.addonVersion, record.cluster.version);
  input.end();
  const of = { kind: "addon", name: addonName } as const;
  const update = beginUpdate(place, name, "AddonUpdate", [{ type: "AddonVersion", value }], of);
  keep(place, { ...addon, status: "UPDATING" });
  resumeAddonUpdate(place, name, update);
  return update;
}

/**
 * Begins to remove an addon.
 *
 * @param preserve leave its workloads
 * @throws AwsFault ResourceNotFoundException
 */
export function deleteAddon(
  cloud: Cloud,
  account: string,
  region: string,
  name: string,
  addonName: string,
  preserve = false,
): Addon {
  const place = placeOf(cloud, account, region);
  const record = recordOf(place, name);
  const deleting = keep(place, { ...addonOf(record, addonName), status: "DELETING" });
  const objects = controlPlanesOf(cloud).objects(record);
  if (!preserve && objects !== undefined) uninstallAddon(objects, addonName);
  resumeAddon(place, deleting);
  return deleting;
}

/** Goes on with what was under way when the daemon ended. */
export function resumeAddon(place: Place, { clusterName, addonName, status, createdAt }: Addon): void {
  if (status !== "CREATING" && status !== "DELETING") return;
  later(place.cloud, durations.addon, () => {
    const record = place.state.clusters[clusterName];
    const addon = record?.addons[addonName];
    if (record === undefined || addon?.createdAt !== createdAt || addon.status !== status) return;
    if (status === "DELETING") {
      changeRecord(place, clusterName, ({ addons }) => ({ addons: without(addons, addonName) }));
      return;
    }
    const objects = controlPlanesOf(place.cloud).objects(record);
    if (objects !== undefined) installAddon(objects, record, addonName);
    keep(place, { ...addon, status: "ACTIVE" });
  });
}

export function resumeAddonUpdate(place: Place, name: string, update: Update): void {
  finishUpdate(place, name, update, durations.addon, (_place, _name, { of, params: [param] }) => {
    const addon = recordOf(place, name).addons[of?.name ?? ""];
    if (addon === undefined || param === undefined) return;
    keep(place, { ...addon, status: "ACTIVE", addonVersion: param.value, modifiedAt: secondsOf(place) });
  });
}

function addonOf({ addons, cluster }: ClusterRecord, addonName: string): Addon {
  const found = addons[addonName];
  if (found === undefined) throw notFound(`No addon: ${addonName} found in cluster: ${cluster.name}`);
  return found;
}

function keep(place: Place, addon: Addon): Addon {
  changeRecord(place, addon.clusterName, ({ addons }) => ({ addons: { ...addons, [addon.addonName]: addon } }));
  return addon;
}
