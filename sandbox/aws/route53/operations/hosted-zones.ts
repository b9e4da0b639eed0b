import { AwsFault } from "#sandbox/aws/cloud.ts";
import type { XmlValue } from "#sandbox/aws/protocol/xml.ts";
import type { ChangeInfo, HostedZone } from "#sandbox/aws/route53/model.ts";
import { compareNames, compareTexts, parseName } from "#sandbox/aws/route53/names.ts";
import {
  type Answer,
  checkFields,
  invalidXml,
  type Operation,
  pageSize,
  type Request,
  readBody,
  zoneArn,
} from "#sandbox/aws/route53/request.ts";
import {
  changeComment,
  createZone,
  deleteZone,
  getChange,
  getZone,
  isInSync,
  listZones,
} from "#sandbox/aws/route53/zones.ts";
import { objectAt, stringAt, valueAt } from "#sandbox/json.ts";

const zonesPerPage = 100;
const longestReference = 128;
const longestComment = 256;

export const hostedZoneOperations: readonly Operation[] = [
  { name: "CreateHostedZone", method: "POST", path: "hostedzone", answer: create },
  { name: "GetHostedZone", method: "GET", path: "hostedzone/:id", answer: get },
  { name: "DeleteHostedZone", method: "DELETE", path: "hostedzone/:id", answer: remove },
  { name: "UpdateHostedZoneComment", method: "POST", path: "hostedzone/:id", answer: updateComment },
  { name: "ListHostedZones", method: "GET", path: "hostedzone", parameters: ["marker", "maxitems"], answer: list },
  {
    name: "ListHostedZonesByName",
    method: "GET",
    path: "hostedzonesbyname",
    parameters: ["dnsname", "hostedzoneid", "maxitems"],
    answer: listByName,
  },
  { name: "GetChange", method: "GET", path: "change/:id", answer: change },
];

function create(request: Request): Answer {
  const { cloud, account } = request;
  request.authorize("CreateHostedZone", "*");
  const body = readBody(request, "CreateHostedZoneRequest");
  checkFields(body, ["Name", "CallerReference", "HostedZoneConfig"], ["VPC", "DelegationSetId"]);
  checkFields(body.HostedZoneConfig, ["Comment", "PrivateZone"], []);
  if (stringAt(body, "HostedZoneConfig", "PrivateZone") === "true") {
    throw new AwsFault("NotImplemented", "The sandbox's Route 53 has public zones only", 501);
  }
  const reference = stringAt(body, "CallerReference");
  if (reference === "" || reference.length > longestReference) {
    throw invalidXml(`cvc-length-valid: Value '${reference}' is not facet-valid for type 'Nonce'.`);
  }
  const made = createZone(cloud, account, {
    name: stringAt(body, "Name"),
    callerReference: reference,
    comment: commentAt(objectAt(body, "HostedZoneConfig")),
  });
  return {
    status: 201,
    headers: { location: `https://route53.amazonaws.com/2013-04-01/hostedzone/${made.zone.id}` },
    result: {
      HostedZone: formatZone(made.zone),
      ChangeInfo: formatChange(request, made.change),
      DelegationSet: { NameServers: made.zone.nameServers },
    },
  };
}

function get(request: Request): Answer {
  const { cloud, account, path } = request;
  request.authorize("GetHostedZone", zoneArn(path.id ?? ""));
  const zone = getZone(cloud, account, path.id ?? "");
  return { result: { HostedZone: formatZone(zone), DelegationSet: { NameServers: zone.nameServers } } };
}

function remove(request: Request): Answer {
  const { cloud, account, path } = request;
  request.authorize("DeleteHostedZone", zoneArn(path.id ?? ""));
  return { result: { ChangeInfo: formatChange(request, deleteZone(cloud, account, path.id ?? "")) } };
}

function updateComment(request: Request): Answer {
  const { cloud, account, path } = request;
  request.authorize("UpdateHostedZoneComment", zoneArn(path.id ?? ""));
  // Clients leave out the body when there is no comment in it.
  const body = request.call.body === "" ? {} : readBody(request, "UpdateHostedZoneCommentRequest");
  checkFields(body, ["Comment"], []);
  return { result: { HostedZone: formatZone(changeComment(cloud, account, path.id ?? "", commentAt(body))) } };
}

function commentAt(body: unknown): string | undefined {
  const comment = stringAt(body, "Comment");
  if (comment.length > longestComment) {
    throw invalidXml(`cvc-maxLength-valid: Value '${comment}' is not facet-valid for type 'ResourceDescription'.`);
  }
  return valueAt(body, "Comment") === undefined ? undefined : comment;
}

function list(request: Request): Answer {
  const { cloud, account, call } = request;
  request.authorize("ListHostedZones", "*");
  const size = pageSize(request, zonesPerPage);
  const marker = call.url.searchParams.get("marker") ?? undefined;
  const zones = listZones(cloud, account).filter(({ id }) => marker === undefined || id >= marker);
  return {
    result: {
      HostedZones: zones.slice(0, size).map(formatZone),
      Marker: marker,
      IsTruncated: zones.length > size,
      NextMarker: zones[size]?.id,
      MaxItems: String(size),
    },
  };
}

function listByName(request: Request): Answer {
  const { cloud, account, call } = request;
  request.authorize("ListHostedZonesByName", "*");
  const size = pageSize(request, zonesPerPage);
  const dnsName = call.url.searchParams.get("dnsname") ?? undefined;
  const zoneId = call.url.searchParams.get("hostedzoneid")?.replace(/^\/hostedzone\//, "");
  if (zoneId !== undefined && dnsName === undefined) {
    throw new AwsFault("InvalidInput", "A hosted zone ID is only allowed together with a DNS name");
  }
  const start = dnsName === undefined ? undefined : parseName(dnsName);
  if (start?.kind === "invalid") throw new AwsFault("InvalidDomainName", start.problem);
  const compare = (left: HostedZone, right: HostedZone): number =>
    compareNames(left.name, right.name) || compareTexts(left.id, right.id);
  const zones = listZones(cloud, account)
    .toSorted(compare)
    .filter(({ name, id }) => {
      if (start === undefined) return true;
      return (compareNames(name, start.name) || compareTexts(id, zoneId ?? "")) >= 0;
    });
  const next = zones[size];
  return {
    result: {
      HostedZones: zones.slice(0, size).map(formatZone),
      DNSName: dnsName,
      HostedZoneId: zoneId,
      IsTruncated: next !== undefined,
      NextDNSName: next?.name,
      NextHostedZoneId: next?.id,
      MaxItems: String(size),
    },
  };
}

function change(request: Request): Answer {
  const { cloud, account, path } = request;
  request.authorize("GetChange", `arn:aws:route53:::change/${path.id ?? ""}`);
  return { result: { ChangeInfo: formatChange(request, getChange(cloud, account, path.id ?? "")) } };
}

function formatZone({ id, name, callerReference, comment, records }: HostedZone): XmlValue {
  return {
    Id: `/hostedzone/${id}`,
    Name: name,
    CallerReference: callerReference,
    Config: { Comment: comment, PrivateZone: false },
    ResourceRecordSetCount: records.length,
  };
}

export function formatChange({ cloud }: Request, info: ChangeInfo): XmlValue {
  return {
    Id: `/change/${info.id}`,
    Status: isInSync(info, cloud.now()) ? "INSYNC" : "PENDING",
    SubmittedAt: info.submittedAt,
    Comment: info.comment,
  };
}
