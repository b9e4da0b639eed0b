import { AwsFault } from "#sandbox/aws/cloud.ts";
import { type RecordType, recordTypes } from "#sandbox/aws/route53/model.ts";

/** One change as it was asked for. */
export interface RecordChange {
  /** CREATE, UPSERT or DELETE. */
  readonly action: string;
  readonly name: string;
  readonly type: string;
  /** Seconds. */
  readonly ttl: number | undefined;
  readonly values: readonly string[];
}

const actions = ["CREATE", "DELETE", "UPSERT"] as const;
export type Action = (typeof actions)[number];

/** A change as the service's schema has it. */
export interface ShapedChange {
  readonly action: Action;
  readonly name: string;
  readonly type: RecordType;
  readonly ttl: number;
  readonly values: readonly string[];
}

/** Types of Route 53 that aren't kept here. */
const otherTypes = ["DS", "HTTPS", "NAPTR", "PTR", "SPF", "SSHFP", "SVCB", "TLSA"];
const largestTtl = 2_147_483_647;
const longestValue = 4_000;

/** @throws AwsFault InvalidInput; NotImplemented for a type that is only kept by the real service */
export function checkShape({ action, name, type, ttl, values }: RecordChange): ShapedChange {
  if (!isOneOf(actions, action)) throw notInEnumeration(action, actions);
  if (otherTypes.includes(type)) {
    throw new AwsFault("NotImplemented", `The sandbox's Route 53 keeps no records of type ${type}`, 501);
  }
  if (!isOneOf(recordTypes, type)) throw notInEnumeration(type, [...recordTypes, ...otherTypes].sort());
  if (ttl === undefined || values.length === 0) {
    const wanted = "[AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId]";
    const where = `[Action=${action}, Name=${name}, Type=${type}, SetIdentifier=null]`;
    throw invalidInput(`Invalid request: Expected exactly one of ${wanted}, but found none in Change with ${where}`);
  }
  if (ttl < 0) throw notFacetValid("cvc-minInclusive-valid", String(ttl), "minInclusive '0' for type 'TTL'");
  if (ttl > largestTtl)
    throw notFacetValid("cvc-maxInclusive-valid", String(ttl), `maxInclusive '${largestTtl}' for type 'TTL'`);
  const long = values.find((value) => value.length > longestValue);
  if (long !== undefined)
    throw notFacetValid("cvc-maxLength-valid", long, `maxLength '${longestValue}' for type 'RData'`);
  return { action, name, type, ttl, values };
}

function isOneOf<T extends string>(known: readonly T[], text: string): text is T {
  return known.some((one) => one === text);
}

function notInEnumeration(value: string, known: readonly string[]): AwsFault {
  const wanted = `enumeration '[${known.join(", ")}]'. It must be a value from the enumeration`;
  return notFacetValid("cvc-enumeration-valid", value, wanted);
}

function notFacetValid(rule: string, value: string, wanted: string): AwsFault {
  return invalidInput(`Invalid XML ; ${rule}: Value '${value}' is not facet-valid with respect to ${wanted}.`);
}

function invalidInput(why: string): AwsFault {
  return new AwsFault("InvalidInput", why);
}
