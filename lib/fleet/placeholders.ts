/** Unassigned ids to be replaced: one digit, repeated, with or without hyphens. */
const oneDigit = /^(\d)(?:-?\1)+$/;

export function isRepeatedDigit(id: string): boolean {
  return oneDigit.test(id);
}

/** Addresses reserved for documentation: https://www.rfc-editor.org/rfc/rfc5737 */
const documentationRanges = ["192.0.2.", "198.51.100.", "203.0.113."];

export function isDocumentationRange(cidr: string): boolean {
  return documentationRanges.some((prefix) => cidr.startsWith(prefix));
}
