import { checkAddonVersion, defaultAddonVersion } from "#sandbox/aws/eks/addon-versions.ts";
import { durations } from "#sandbox/aws/eks/durations.ts";
import { dropPart, findPart, keepPart } from "#sandbox/aws/eks/parts.ts";
import { installAddon, uninstallAddon } from "#sandbox/aws/eks/seed.ts";
import {
  type Addon,
  activeRecord,
  arnOf,
  inUse,
  type Location,
  type Place,
  placeOf,
  recordOf,
  secondsOf,
} from "#sandbox/aws/eks/state.ts";
import { controlPlanesOf } from "#sandbox/cloud/control-planes.ts";
import { later } from "#sandbox/cloud/later.ts";
import { type JsonObject, stringAt, stringsAt } from "#sandbox/json.ts";

/**
 * Begins to install an addon. It takes over workloads that came with the cluster.
 *
 * @param body as CreateAddon takes it, without the cluster's name
 * @throws AwsFault InvalidParameterException, InvalidRequestException, ResourceInUseException, ResourceNotFoundException
 */
export function createAddon(at: Location, name: string, body: JsonObject): void {
  const place = placeOf(at);
  const { cluster, addons } = activeRecord(place, name);
  const addonName = stringAt(body, "addonName");
  const version = stringAt(body, "addonVersion") || defaultAddonVersion(addonName, cluster.version);
  const now = secondsOf(place);
  const addon: Addon = {
    addonName,
    clusterName: name,
    status: "CREATING",
    addonVersion: checkAddonVersion(addonName, version, cluster.version),
    health: { issues: [] },
    addonArn: arnOf(place, "addon", `${name}/${addonName}/${crypto.randomUUID()}`),
    createdAt: now,
    modifiedAt: now,
    tags: stringsAt(body, "tags"),
    owner: "aws",
    publisher: "eks",
  };
  if (addons[addonName] !== undefined) throw inUse("Addon already exists.");
  resumeAddon(place, keep(place, addon));
}

/** Begins to change an addon's version. @throws AwsFault InvalidParameterException, ResourceInUseException, ResourceNotFoundException */
export function updateAddon(at: Location, name: string, addonName: string, body: JsonObject): void {
  const place = placeOf(at);
  const addon = findPart(place, name, "addons", addonName);
  const wanted = stringAt(body, "addonVersion") || addon.addonVersion;
  const pending = checkAddonVersion(addonName, wanted, recordOf(place, name).cluster.version);
  if (addon.status !== "ACTIVE") throw inUse(`Addon ${addonName} is ${addon.status}`);
  resumeAddon(place, keep(place, { ...addon, status: "UPDATING", pending }));
}

/** Begins to remove an addon with its workloads. @throws AwsFault ResourceNotFoundException */
export function deleteAddon(at: Location, name: string, addonName: string): void {
  const place = placeOf(at);
  const deleting = keep(place, { ...findPart(place, name, "addons", addonName), status: "DELETING" });
  const objects = controlPlanesOf(place.cloud).objects(recordOf(place, name).cluster.arn);
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
      dropPart(place, clusterName, "addons", addonName);
      return;
    }
    const objects = controlPlanesOf(place.cloud).objects(record.cluster.arn);
    if (status === "CREATING" && objects !== undefined) installAddon(objects, record, addonName);
    const { pending: addonVersion = addon.addonVersion, ...rest } = addon;
    keep(place, { ...rest, status: "ACTIVE", addonVersion, modifiedAt: secondsOf(place) });
  });
}

function keep(place: Place, addon: Addon): Addon {
  return keepPart(place, addon.clusterName, "addons", addon.addonName, addon);
}
