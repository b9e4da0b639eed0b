import { isIPv4, isIPv6 } from "node:net";
import type { RecordType } from "#sandbox/aws/route53/model.ts";
import { parseName } from "#sandbox/aws/route53/names.ts";
import { parseCaa, parseStrings } from "#sandbox/dns/presentation.ts";

const largest16 = 65_535;
const largest32 = 2_147_483_647;
const longestString = 255;

/** What is wrong with a value of a type, in Route 53's words; undefined when nothing is. */
export function findProblem(type: RecordType, value: string): string | undefined {
  const fatal = (problem: string): string => `FATAL problem: ${problem} encountered with '${value}'`;
  const fields = value.trim().split(/\s+/);
  switch (type) {
    case "A":
      return isIPv4(value) ? undefined : fatal("ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)");
    case "AAAA":
      return isIPv6(value) && !value.includes("%")
        ? undefined
        : fatal("AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)");
    case "CNAME":
    case "NS":
      return findNameProblem(value);
    case "MX": {
      const [priority = "", host = ""] = fields;
      if (fields.length !== 2) return fatal("MXRRDATANotTwoFields (MX record doesn't have 2 fields)");
      if (!isNumber(priority, largest16)) return fatal("MXRRDATAIllegalPriority (MX priority is not a valid number)");
      return findNameProblem(host);
    }
    case "SRV": {
      if (fields.length !== 4) return fatal("SRVRRDATANotFourFields (SRV record doesn't have 4 fields)");
      if (!fields.slice(0, 3).every((field) => isNumber(field, largest16)))
        return fatal("SRVRRDATAIllegalNumber (SRV priority, weight or port is not a valid number)");
      const [, , , target = ""] = fields;
      return target === "." ? undefined : findNameProblem(target);
    }
    case "CAA": {
      const caa = parseCaa(value);
      if (caa === undefined) return fatal("CAARRDATANotThreeFields (CAA record doesn't have 3 fields)");
      if (caa.flags > 255) return fatal("CAARRDATAIllegalFlags (CAA flags is not a number from 0 to 255)");
      return caa.tag.length > longestString ? fatal("CAARRDATAIllegalTag (CAA tag is too long)") : undefined;
    }
    case "SOA": {
      const [server = "", person = "", ...numbers] = fields;
      if (numbers.length !== 5) return fatal("SOARRDATANotSevenFields (SOA record doesn't have 7 fields)");
      if (!numbers.every((field) => isNumber(field, largest32)))
        return fatal("SOARRDATAIllegalNumber (SOA record has a field that is not a valid number)");
      return findNameProblem(server) ?? findNameProblem(person);
    }
    case "TXT": {
      const strings = parseStrings(value);
      if (strings === undefined) return fatal("InvalidCharacterString (Value should be enclosed in quotation marks)");
      return strings.some((text) => Buffer.byteLength(text, "latin1") > longestString)
        ? fatal("CharacterStringTooLong (Value is too long)")
        : undefined;
    }
    default:
      return type satisfies never;
  }
}

function findNameProblem(text: string): string | undefined {
  const parsed = parseName(text);
  return parsed.kind === "name" ? undefined : parsed.problem;
}

function isNumber(text: string, largest: number): boolean {
  return /^\d{1,10}$/.test(text) && Number(text) <= largest;
}

/** Values that mean the same are the same: names in any case with or without the last dot, addresses however they are written. */
export function canonicalValue(type: RecordType, value: string): string {
  const canonicalName = (text: string): string => {
    const parsed = parseName(text);
    return parsed.kind === "name" ? parsed.name : text;
  };
  switch (type) {
    case "CNAME":
    case "NS":
      return canonicalName(value);
    case "MX":
    case "SRV":
    case "SOA": {
      const isName = (field: string): boolean => !/^\d+$/.test(field);
      return value
        .trim()
        .split(/\s+/)
        .map((field) => (isName(field) ? canonicalName(field) : String(Number(field))))
        .join(" ");
    }
    case "AAAA":
      return isIPv6(value) ? new URL(`http://[${value}]`).hostname : value;
    case "A":
    case "CAA":
    case "TXT":
      return value;
    default:
      return type satisfies never;
  }
}
