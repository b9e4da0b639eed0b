import { checkAddonVersion, defaultAddonVersion } from "#sandbox/aws/eks/addon-versions.ts";
import { controlPlanesOf } from "#sandbox/aws/eks/control-planes.ts";
import { readInput, readTags } from "#sandbox/aws/eks/input.ts";
import { installAddon, uninstallAddon } from "#sandbox/aws/eks/seed.ts";
import {
  type Addon,
  activeRecord,
  arnOf,
  type ClusterRecord,
  changeRecord,
  inUse,
  type Location,
  notFound,
  type Place,
  placeOf,
  recordOf,
  secondsOf,
  without,
} from "#sandbox/aws/eks/state.ts";
import { durations, later } from "#sandbox/aws/eks/work.ts";
import type { JsonObject } from "#sandbox/json.ts";

/**
 * Begins to install an addon. It takes over workloads that came with the cluster.
 *
 * @param body as CreateAddon takes it, without the cluster's name
 * @throws AwsFault InvalidParameterException, InvalidRequestException, ResourceInUseException, ResourceNotFoundException
 */
export function createAddon(at: Location, name: string, body: JsonObject): void {
  const place = placeOf(at);
  const { cluster, addons } = activeRecord(place, name);
  const input = readInput(body);
  const addonName = input.requiredText("addonName");
  const version = defaultAddonVersion(addonName, cluster.version);
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
    tags: readTags(input),
    owner: "aws",
    publisher: "eks",
  };
  input.end();
  if (addons[addonName] !== undefined) throw inUse("Addon already exists.");
  resumeAddon(place, keep(place, addon));
}

/** @throws AwsFault ResourceNotFoundException */
export function describeAddon(at: Location, name: string, addonName: string): Omit<Addon, "pending"> {
  const { pending: _, ...addon } = addonOf(recordOf(placeOf(at), name), addonName);
  return addon;
}

export function listAddons(at: Location, name: string): readonly string[] {
  return Object.keys(recordOf(placeOf(at), name).addons).sort();
}

/** Begins to change an addon's version. @throws AwsFault InvalidParameterException, ResourceInUseException, ResourceNotFoundException */
export function updateAddon(at: Location, name: string, addonName: string, body: JsonObject): void {
  const place = placeOf(at);
  const record = recordOf(place, name);
  const addon = addonOf(record, addonName);
  const input = readInput(body);
  const wanted = input.text("addonVersion") ?? addon.addonVersion;
  input.end();
  const pending = checkAddonVersion(addonName, wanted, record.cluster.version);
  if (addon.status !== "ACTIVE") throw inUse(`Addon ${addonName} is ${addon.status}`);
  resumeAddon(place, keep(place, { ...addon, status: "UPDATING", pending }));
}

/** Begins to remove an addon with its workloads. @throws AwsFault ResourceNotFoundException */
export function deleteAddon(at: Location, name: string, addonName: string): void {
  const place = placeOf(at);
  const record = recordOf(place, name);
  const deleting = keep(place, { ...addonOf(record, addonName), status: "DELETING" });
  const objects = controlPlanesOf(place.cloud).objects(record);
  if (objects !== undefined) uninstallAddon(objects, addonName);
  resumeAddon(place, deleting);
}

/** Finishes what is in progress, also what was in progress when the daemon ended. */
export function resumeAddon(place: Place, { clusterName, addonName, status, createdAt }: Addon): void {
  if (status === "ACTIVE") return;
  later(place.cloud, durations.addon, () => {
    const record = place.state.clusters[clusterName];
    const addon = record?.addons[addonName];
    if (record === undefined || addon?.createdAt !== createdAt || addon.status !== status) return;
    if (status === "DELETING") {
      changeRecord(place, clusterName, ({ addons }) => ({ addons: without(addons, addonName) }));
      return;
    }
    const objects = controlPlanesOf(place.cloud).objects(record);
    if (status === "CREATING" && objects !== undefined) installAddon(objects, record, addonName);
    const { pending: addonVersion = addon.addonVersion, ...rest } = addon;
    keep(place, { ...rest, status: "ACTIVE", addonVersion, modifiedAt: secondsOf(place) });
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
