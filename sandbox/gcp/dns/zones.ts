import { randomUUID } from "node:crypto";
import { plainName } from "#sandbox/dns/presentation.ts";
import type { Behaviour, Behaviours, GcpCall, Json } from "#sandbox/gcp/api/behaviour.ts";
import { fault, unsupported } from "#sandbox/gcp/api/faults.ts";
import { pageOf } from "#sandbox/gcp/api/page.ts";
import type { Project } from "#sandbox/gcp/cloud.ts";
import { chooseNameServers } from "#sandbox/gcp/dns/name-servers.ts";
import { isAbsoluteName } from "#sandbox/gcp/dns/records.ts";
import {
  allZones,
  alreadyExists,
  below,
  dnsOf,
  findZone,
  invalidValue,
  keyOf,
  type ManagedZone,
  missing,
  notFound,
  quotaExceeded,
  quotas,
  type RecordSet,
} from "#sandbox/gcp/dns/state.ts";
import { policyBehaviours } from "#sandbox/gcp/iam/behaviours.ts";
import { removePolicy } from "#sandbox/gcp/iam/policies.ts";
import { newId } from "#sandbox/gcp/iam/state.ts";
import { stringAt, stringsAt } from "#sandbox/json.ts";

const apexTtl = 21_600;
const zoneName = /^[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const [labelKey, labelValue, maxLabels] = [/^[a-z][a-z0-9_-]{0,62}$/, /^[a-z0-9_-]{0,63}$/, 64];
const maxDescription = 1_024;

export const zoneBehaviours: Behaviours = {
  "dns.projects.get": inProject((_, { projectId, number }) => ({
    kind: "dns#project",
    id: projectId,
    number,
    quota: { kind: "dns#quota", ...quotas },
  })),
  "dns.managedZones.create": inProject(createZone),
  "dns.managedZones.get": inZone((_, { zone }) => format(zone)),
  "dns.managedZones.list": inProject((call, project) => {
    const dnsName = call.query.get("dnsName");
    const zones = Object.values(dnsOf(call.cloud, project).zones).toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const found = zones.filter((zone) => dnsName === null || zone.dnsName === dnsName.toLowerCase());
    return { kind: "dns#managedZonesListResponse", ...pageOf(call, "managedZones", found, 100, format) };
  }),
  "dns.managedZones.delete": inZone(deleteZone),
  "dns.managedZones.patch": inZone((call, found) => {
    const { name, dnsName, visibility, description, labels, cloudLoggingConfig } = found.zone;
    return change(call, found, { name, dnsName, visibility, description, labels, cloudLoggingConfig, ...call.body });
  }),
  "dns.managedZones.update": inZone((call, found) => change(call, found, call.body)),
  ...policyBehaviours("dns.managedZones", (call) => resourceOf(call)),
};

/** A zone with its project. */
export interface FoundZone {
  readonly zone: ManagedZone;
  readonly project: Project;
}

export function inZone(behave: (call: GcpCall, found: FoundZone) => Json): Behaviour {
  return (call) => behave(call, zoneOf(call));
}

function inProject(behave: (call: GcpCall, project: Project) => Json): Behaviour {
  return (call) => behave(call, projectOf(call));
}

/** @throws GcpFault 404 */
function zoneOf(call: GcpCall): FoundZone {
  const project = projectOf(call);
  const { managedZone, managedZonesId } = call.params;
  return { zone: findZone(call.cloud, project, managedZone ?? managedZonesId ?? ""), project };
}

function projectOf({ project, params }: GcpCall): Project {
  // The gateway refuses unknown projects.
  if (project === undefined) throw notFound("parameters.project", params.project ?? "");
  return project;
}

/** As policies name it. */
function resourceOf(call: GcpCall): string {
  const { zone, project } = zoneOf(call);
  return `projects/${project.projectId}/managedZones/${zone.name}`;
}

function createZone({ cloud, body }: GcpCall, project: Project): Json {
  const { zones, sets } = dnsOf(cloud, project);
  const { name, dnsName, ...fields } = readFields(body);
  if (zones[name] !== undefined) throw alreadyExists("entity.managedZone", name);
  if (Object.keys(zones).length >= quotas.managedZones) throw quotaExceeded("managedZones");
  const others = allZones(cloud).map(({ zone }) => ({ name: plainName(zone.dnsName), servers: serversOf(zone) }));
  const nameServers = chooseNameServers(plainName(dnsName), others).map((server) => `${server}.`);
  const zone: ManagedZone = {
    kind: "dns#managedZone",
    id: newId(),
    name,
    dnsName,
    ...fields,
    creationTime: cloud.now().toISOString(),
    nameServers,
  };
  zones[name] = zone;
  for (const set of apexSets(zone)) sets[keyOf(zone, set.name, set.type)] = set;
  cloud.save();
  return format(zone);
}

/** What a new zone has from the start. */
function apexSets({ dnsName, nameServers }: ManagedZone): readonly RecordSet[] {
  const apex = { kind: "dns#resourceRecordSet", name: dnsName, ttl: apexTtl, signatureRrdatas: [] } as const;
  const soa = `${nameServers[0]} cloud-dns-hostmaster.google.com. 1 21600 3600 259200 300`;
  return [
    { ...apex, type: "NS", rrdatas: nameServers },
    { ...apex, type: "SOA", rrdatas: [soa] },
  ];
}

function deleteZone(call: GcpCall, { zone, project }: FoundZone): Json {
  const { cloud } = call;
  const { zones, sets, changes } = dnsOf(cloud, project);
  const isApex = ({ name, type }: RecordSet): boolean => name === zone.dnsName && (type === "NS" || type === "SOA");
  if (!below(sets, zone).every(isApex)) {
    throw fault(
      "FAILED_PRECONDITION",
      `The resource named '${zone.name}' cannot be deleted because it contains one or more 'resource records'.`,
      { reason: "containerNotEmpty" },
    );
  }
  removePolicy(cloud, resourceOf(call));
  delete zones[zone.name];
  for (const records of [sets, changes]) {
    for (const key of Object.keys(records)) if (key.startsWith(`${zone.id}/`)) delete records[key];
  }
  cloud.save();
  return {};
}

/** PUT and PATCH, which answer an operation that is done. Labels are replaced as a whole. */
function change({ cloud, caller }: GcpCall, { zone, project }: FoundZone, body: Json): Json {
  const { name, dnsName, ...fields } = readFields(body);
  if (name !== zone.name) throw invalidValue("entity.managedZone.name", name);
  if (dnsName !== zone.dnsName) throw invalidValue("entity.managedZone.dnsName", dnsName);
  const { labels: _, ...before } = zone;
  const after: ManagedZone = { ...before, ...fields };
  dnsOf(cloud, project).zones[zone.name] = after;
  cloud.save();
  return {
    kind: "dns#operation",
    id: randomUUID(),
    startTime: cloud.now().toISOString(),
    status: "done",
    type: "update",
    user: caller.name,
    zoneContext: { oldValue: format(zone), newValue: format(after) },
  };
}

type ZoneFields = Pick<
  ManagedZone,
  "name" | "dnsName" | "description" | "labels" | "visibility" | "cloudLoggingConfig"
>;

/** What requests may set. @throws GcpFault */
function readFields(body: Json): ZoneFields {
  const at = "entity.managedZone";
  for (const field of ["name", "dnsName", "description"]) {
    if (body[field] === undefined) throw missing(`${at}.${field}`);
  }
  const [name, dnsName, description] = [
    stringAt(body, "name"),
    stringAt(body, "dnsName"),
    stringAt(body, "description"),
  ];
  if (!zoneName.test(name)) throw invalidValue(`${at}.name`, name);
  if (!isAbsoluteName(dnsName) || !dnsName.slice(0, -1).includes(".")) throw invalidValue(`${at}.dnsName`, dnsName);
  if (description.length > maxDescription) throw invalidValue(`${at}.description`, description);
  requireEmulated(body);
  const labels = stringsAt(body, "labels");
  const wrong = Object.entries(labels).find(([key, value]) => !labelKey.test(key) || !labelValue.test(value));
  if (wrong !== undefined) throw invalidValue(`${at}.labels`, wrong.join("="));
  if (Object.keys(labels).length > maxLabels)
    throw invalidValue(`${at}.labels`, `${Object.keys(labels).length} labels`);
  const logging = body.cloudLoggingConfig;
  return {
    name,
    dnsName: dnsName.toLowerCase(),
    description,
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    visibility: "public",
    cloudLoggingConfig: {
      ...(typeof logging === "object" ? logging : {}),
      kind: "dns#managedZoneCloudLoggingConfig",
    },
  };
}

function requireEmulated(body: Json): void {
  if (body.visibility === "private") throw unsupported("private zones");
  if (!["", "off"].includes(stringAt(body, "dnssecConfig", "state"))) throw unsupported("DNSSEC");
  for (const field of ["forwardingConfig", "peeringConfig", "reverseLookupConfig", "serviceDirectoryConfig"]) {
    if (body[field] !== undefined) throw unsupported(`${field} of zones`);
  }
}

function format(zone: ManagedZone): Json {
  return { ...zone };
}

/** Without their last dots. */
export function serversOf({ nameServers }: ManagedZone): readonly string[] {
  return nameServers.map(plainName);
}
