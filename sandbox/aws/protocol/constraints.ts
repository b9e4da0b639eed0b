import { AwsFault } from "#sandbox/aws/cloud.ts";

/** What services check of any member, in the words that they have in common. */

/** @throws AwsFault ValidationError */
export function checkRange(field: string, value: number, least: number, most: number): void {
  if (value < least) {
    throw constraint(String(value), field, `Member must have value greater than or equal to ${least}`);
  }
  if (value > most) throw constraint(String(value), field, `Member must have value less than or equal to ${most}`);
}

/** @throws AwsFault ValidationError */
export function checkLength(field: string, value: string, least: number, most: number): void {
  if (value.length < least) {
    throw constraint(value, field, `Member must have length greater than or equal to ${least}`);
  }
  if (value.length > most) throw constraint(value, field, `Member must have length less than or equal to ${most}`);
}

/** @param pattern as AWS writes it in its messages @throws AwsFault ValidationError */
export function checkPattern(field: string, value: string, pattern: string): void {
  if (new RegExp(`^(?:${pattern})$`, "u").test(value)) return;
  throw constraint(value, field, `Member must satisfy regular expression pattern: ${pattern}`);
}

/** @param field as the API calls it: `roleName` */
export function constraint(value: string, field: string, rule: string): AwsFault {
  return new AwsFault(
    "ValidationError",
    `1 validation error detected: Value '${value}' at '${field}' failed to satisfy constraint: ${rule}`,
  );
}
