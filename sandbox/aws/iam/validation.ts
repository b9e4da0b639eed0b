import { AwsFault } from "#sandbox/aws/cloud.ts";
import { checkLength, checkPattern } from "#sandbox/aws/protocol/constraints.ts";

/** The rules of IAM for names, paths and tags, in IAM's own words. */

/** @param field as the API calls it: `roleName` @throws AwsFault ValidationError */
export function checkName(field: string, name: string, maximum: number): void {
  checkLength(field, name, 0, maximum);
  if (!/^[\w+=,.@-]+$/.test(name)) {
    throw new AwsFault(
      "ValidationError",
      `The specified value for ${field} is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-`,
    );
  }
}

/** @throws AwsFault ValidationError */
export function checkPath(path: string): void {
  if (path.length <= 512 && /^(\/|\/[!-~]+\/)$/.test(path)) return;
  throw new AwsFault(
    "ValidationError",
    "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.",
  );
}

/** All tags that something would have. @throws AwsFault InvalidInput, LimitExceeded, ValidationError */
export function checkTags(tags: Readonly<Record<string, string>>): void {
  const keys = Object.keys(tags);
  if (keys.length > 50) throw new AwsFault("LimitExceeded", "The number of tags has reached the maximum limit.", 409);
  if (new Set(keys.map((key) => key.toLowerCase())).size < keys.length) {
    throw new AwsFault("InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.");
  }
  for (const [key, value] of Object.entries(tags)) {
    checkLength("tags.member.key", key, 1, 128);
    checkLength("tags.member.value", value, 0, 256);
    checkPattern("tags.member.key", key, "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+");
    if (key.toLowerCase().startsWith("aws:")) {
      throw new AwsFault("InvalidInput", "aws: prefixed tag key names are not allowed for external use.");
    }
  }
}

/** Policies are measured without the white space between their parts. */
export function sizeOfPolicy(text: string): number {
  return text.replaceAll(/\s/g, "").length;
}
