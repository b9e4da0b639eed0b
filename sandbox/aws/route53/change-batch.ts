import { AwsFault } from "#sandbox/aws/cloud.ts";
import { type Action, checkShape, type RecordChange, type ShapedChange } from "#sandbox/aws/route53/change-shape.ts";
import type { RecordSet, RecordType } from "#sandbox/aws/route53/model.ts";
import { compareNames, compareTexts, isWithin, parseName } from "#sandbox/aws/route53/names.ts";
import { canonicalValue, findProblem } from "#sandbox/aws/route53/record-values.ts";

const mostRecordsInBatch = 1_000;
const mostRecordsInSet = 400;

interface CheckedChange {
  readonly action: Action;
  readonly set: RecordSet;
}

/**
 * The records of a zone after a batch of changes, which are made one after the other, all or none.
 *
 * @param zone its name, with the last dot
 * @throws AwsFault InvalidInput, InvalidChangeBatch with every problem that was found
 */
export function applyChanges(
  zone: string,
  records: readonly RecordSet[],
  changes: readonly RecordChange[],
): readonly RecordSet[] {
  if (changes.length === 0) {
    throw new AwsFault(
      "InvalidInput",
      "Invalid XML ; cvc-complex-type.2.4.b: The content of element 'Changes' is not complete. One of 'Change' is expected.",
    );
  }
  const shaped = changes.map(checkShape);
  // An UPSERT counts twice (https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html).
  const count = changes.reduce((sum, { action, values }) => sum + values.length * (action === "UPSERT" ? 2 : 1), 0);
  if (count > mostRecordsInBatch) throw invalidBatch([`Number of records limit of ${mostRecordsInBatch} exceeded.`]);
  const { checked, problems } = checkSets(zone, shaped);
  if (problems.length > 0) throw invalidBatch(problems);
  let current = records;
  for (const change of checked) {
    const problem = findConflict(zone, current, change);
    if (problem !== undefined) problems.push(problem);
    else current = applyChange(current, change);
  }
  problems.push(...findMissing(zone, current));
  if (problems.length > 0) throw invalidBatch(problems);
  return sortRecords(current);
}

export function sortRecords(records: readonly RecordSet[]): readonly RecordSet[] {
  return records.toSorted((left, right) => compareNames(left.name, right.name) || compareTexts(left.type, right.type));
}

function invalidBatch(problems: readonly string[]): AwsFault {
  return new AwsFault("InvalidChangeBatch", `[${problems.join(", ")}]`);
}

/** Names, values, and changes that don't go together, with no regard to what the zone has. */
function checkSets(zone: string, changes: readonly ShapedChange[]) {
  const checked: CheckedChange[] = [];
  const problems: string[] = [];
  for (const { action, name: text, type, ttl, values } of changes) {
    const parsed = parseName(text);
    if (parsed.kind === "invalid") {
      problems.push(parsed.problem);
      continue;
    }
    const { name } = parsed;
    if (!isWithin(name, zone)) problems.push(`RRSet with DNS name ${name} is not permitted in zone ${zone}`);
    problems.push(...findValueProblems(name, type, values));
    const before = checked.filter(({ set }) => set.name === name && set.type === type);
    // Only a set that is removed first can come again.
    if (before.length > 1 || (before.length === 1 && (before[0]?.action !== "DELETE" || action === "DELETE"))) {
      problems.push(`The request contains an invalid set of changes for a resource record set '${type} ${name}'`);
    }
    checked.push({ action, set: { name, type, ttl, values } });
  }
  return { checked, problems };
}

function findValueProblems(name: string, type: RecordType, values: readonly string[]): readonly string[] {
  const problems = values.flatMap((value) => {
    const problem = findProblem(type, value);
    return problem === undefined ? [] : [`Invalid Resource Record: '${problem}'`];
  });
  if (values.length > mostRecordsInSet) problems.push(`Cannot have more than ${mostRecordsInSet} records in a RRSet.`);
  const canonical = values.map((value) => canonicalValue(type, value));
  const double = values.find((_, index) => canonical.indexOf(canonical[index] ?? "") < index);
  if (double !== undefined) problems.push(`Duplicate Resource Record: '${double}'`);
  if ((type === "CNAME" || type === "SOA") && values.length > 1) {
    problems.push(`RRSet of type ${type} with DNS name ${name} can have only one value.`);
  }
  return problems;
}

/** Why a change can't be made to the records as they are. */
function findConflict(zone: string, records: readonly RecordSet[], { action, set }: CheckedChange): string | undefined {
  const { name, type } = set;
  const described = `resource record set [name='${name}', type='${type}']`;
  const beside = records.filter((other) => other.name === name);
  const existing = beside.find((other) => other.type === type);
  if (action === "DELETE") {
    if (existing === undefined) return `Tried to delete ${described} but it was not found`;
    return isSame(existing, set)
      ? undefined
      : `Tried to delete ${described} but the values provided do not match the current values`;
  }
  if (action === "CREATE" && existing !== undefined) return `Tried to create ${described} but it already exists`;
  if (type === "CNAME" && name === zone)
    return `RRSet of type CNAME with DNS name ${name} is not permitted at apex in zone ${zone}`;
  if (type === "CNAME" && beside.some((other) => other.type !== "CNAME"))
    return `RRSet of type CNAME with DNS name ${name} is not permitted as it conflicts with other records with the same DNS name in zone ${zone}`;
  if (type !== "CNAME" && beside.some((other) => other.type === "CNAME"))
    return `RRSet of type ${type} with DNS name ${name} is not permitted because a conflicting RRSet of type CNAME with the same DNS name already exists in zone ${zone}`;
  return undefined;
}

function isSame(existing: RecordSet, given: RecordSet): boolean {
  const key = ({ type, values }: RecordSet): string =>
    values
      .map((value) => canonicalValue(type, value))
      .sort()
      .join("\n");
  return existing.ttl === given.ttl && key(existing) === key(given);
}

function applyChange(records: readonly RecordSet[], { action, set }: CheckedChange): readonly RecordSet[] {
  const others = records.filter(({ name, type }) => name !== set.name || type !== set.type);
  return action === "DELETE" ? others : [...others, set];
}

/** What no zone may be without. */
function findMissing(zone: string, records: readonly RecordSet[]): readonly string[] {
  const authorities = records.filter(({ type }) => type === "SOA");
  const isRight = authorities.length === 1 && authorities[0]?.name === zone;
  const hasServers = records.some(({ name, type }) => type === "NS" && name === zone);
  return [
    ...(isRight ? [] : ["A HostedZone must contain exactly one SOA record."]),
    ...(hasServers ? [] : ["A HostedZone must contain at least one NS record for the zone itself."]),
  ];
}
