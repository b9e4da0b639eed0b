import { AwsFault } from "#sandbox/aws/cloud.ts";
import type { XmlValue } from "#sandbox/aws/protocol/xml.ts";
import type { RecordChange } from "#sandbox/aws/route53/change-shape.ts";
import type { RecordSet } from "#sandbox/aws/route53/model.ts";
import { compareNames, compareTexts, parseName, withoutDot } from "#sandbox/aws/route53/names.ts";
import { formatChange } from "#sandbox/aws/route53/operations/hosted-zones.ts";
import {
  type Answer,
  checkFields,
  invalidXml,
  itemsAt,
  type Operation,
  pageSize,
  type Request,
  readBody,
  zoneArn,
} from "#sandbox/aws/route53/request.ts";
import { changeRecords, listRecords } from "#sandbox/aws/route53/zones.ts";
import { objectAt, stringAt, valueAt } from "#sandbox/json.ts";

const setsPerPage = 300;
/** Of records that aren't kept here: with a routing policy, a health check, or an alias. */
const unsupported = [
  "AliasTarget",
  "CidrRoutingConfig",
  "Failover",
  "GeoLocation",
  "GeoProximityLocation",
  "HealthCheckId",
  "MultiValueAnswer",
  "Region",
  "SetIdentifier",
  "TrafficPolicyInstanceId",
  "Weight",
];

export const recordSetOperations: readonly Operation[] = [
  { name: "ChangeResourceRecordSets", method: "POST", path: "hostedzone/:id/rrset", answer: change },
  {
    name: "ListResourceRecordSets",
    method: "GET",
    path: "hostedzone/:id/rrset",
    parameters: ["name", "type", "maxitems"],
    answer: list,
  },
];

function change(request: Request): Answer {
  const { cloud, account, path } = request;
  const body = readBody(request, "ChangeResourceRecordSetsRequest");
  checkFields(body, ["ChangeBatch"], []);
  checkFields(body.ChangeBatch, ["Comment", "Changes"], []);
  const changes = itemsAt(body, "ChangeBatch", "Changes").map(parseChange);
  // Permissions come first: without them, problems of the changes stay unknown.
  request.authorize("ChangeResourceRecordSets", zoneArn(path.id ?? ""), conditionsOf(changes));
  const comment = stringAt(body, "ChangeBatch", "Comment");
  const info = changeRecords(cloud, account, path.id ?? "", changes, comment === "" ? undefined : comment);
  return { result: { ChangeInfo: formatChange(request, info) } };
}

function parseChange(change: unknown): RecordChange {
  checkFields(change, ["Action", "ResourceRecordSet"], []);
  const record = objectAt(change, "ResourceRecordSet");
  checkFields(record, ["Name", "Type", "TTL", "ResourceRecords"], unsupported);
  const ttl = valueAt(record, "TTL");
  if (ttl !== undefined && !(typeof ttl === "string" && /^-?\d{1,12}$/.test(ttl))) {
    throw invalidXml(`cvc-datatype-valid.1.2.1: '${String(ttl)}' is not a valid value for 'integer'.`);
  }
  return {
    action: stringAt(change, "Action"),
    name: stringAt(record, "Name"),
    type: stringAt(record, "Type"),
    ttl: ttl === undefined ? undefined : Number(ttl),
    values: itemsAt(record, "ResourceRecords").map((each) => stringAt(each, "Value")),
  };
}

/**
 * What policies can ask of a batch: names in lower case, with escapes, without the last dot
 * (https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/specifying-conditions-route53.html).
 */
function conditionsOf(changes: readonly RecordChange[]): Readonly<Record<string, readonly string[]>> {
  const names = changes.map(({ name }) => {
    const parsed = parseName(name);
    return parsed.kind === "name" ? withoutDot(parsed.name) : name.toLowerCase();
  });
  return {
    "route53:ChangeResourceRecordSetsNormalizedRecordNames": [...new Set(names)],
    "route53:ChangeResourceRecordSetsRecordTypes": [...new Set(changes.map(({ type }) => type))],
    "route53:ChangeResourceRecordSetsActions": [...new Set(changes.map(({ action }) => action))],
  };
}

function list(request: Request): Answer {
  const { cloud, account, path, call } = request;
  request.authorize("ListResourceRecordSets", zoneArn(path.id ?? ""));
  const size = pageSize(request, setsPerPage);
  const { searchParams } = call.url;
  const name = searchParams.get("name");
  const type = searchParams.get("type");
  if (type !== null && name === null) {
    throw new AwsFault("InvalidInput", "The input is not valid: a type needs a name");
  }
  const start = name === null ? undefined : parseName(name);
  if (start?.kind === "invalid") throw new AwsFault("InvalidInput", start.problem);
  const sets = listRecords(cloud, account, path.id ?? "").filter(
    (set) => start === undefined || (compareNames(set.name, start.name) || compareTexts(set.type, type ?? "")) >= 0,
  );
  const next = sets[size];
  return {
    result: {
      ResourceRecordSets: sets.slice(0, size).map(formatSet),
      IsTruncated: next !== undefined,
      NextRecordName: next?.name,
      NextRecordType: next?.type,
      MaxItems: String(size),
    },
  };
}

function formatSet({ name, type, ttl, values }: RecordSet): XmlValue {
  return { Name: name, Type: type, TTL: ttl, ResourceRecords: values.map((Value) => ({ Value })) };
}
