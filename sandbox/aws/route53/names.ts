/** A name, or why it is none in Route 53's words. */
export type ParsedName =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "invalid"; readonly problem: string };

const longestLabel = 63;
const longestName = 255;

/**
 * A name as Route 53 keeps it: lower case, with the last dot, and what is neither a letter, a digit, `-` nor `_` as three octal
 * digits (https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html): `*.web.example.org` becomes
 * `\052.web.example.org.`
 */
export function parseName(text: string): ParsedName {
  const invalid = (problem: string, at = text): ParsedName => ({
    kind: "invalid",
    problem: `FATAL problem: ${problem} encountered with '${at}'`,
  });
  const labels: string[] = [""];
  let length = 0;
  for (const [part] of text.replace(/\.$/, "").matchAll(/\\[0-7]{3}|./gsu)) {
    length += 1;
    if (part === ".") {
      labels.push("");
      continue;
    }
    const escaped = escapeCharacter(part);
    if (escaped === undefined) return invalid("UnsupportedCharacter (Value contains unsupported characters)");
    labels[labels.length - 1] += escaped;
  }
  for (const label of labels) {
    if (label === "") return invalid("DomainLabelEmpty (Domain label is empty)");
    // Four signs of an escape are one of the name.
    if (label.replace(/\\[0-7]{3}/g, "?").length > longestLabel)
      return invalid("DomainLabelTooLong (Domain label is too long)", label);
  }
  if (length + 2 > longestName) return invalid("DomainNameTooLong (Domain name is too long)");
  return { kind: "name", name: `${labels.join(".")}.` };
}

/** Undefined for what no name can have. */
function escapeCharacter(part: string): string | undefined {
  const code = part.length === 4 ? Number.parseInt(part.slice(1), 8) : part.codePointAt(0);
  if (code === undefined || code <= 0x20 || code > 0xff || (part.length !== 4 && code > 0x7e)) return undefined;
  const character = String.fromCharCode(code).toLowerCase();
  return /[a-z0-9_-]/.test(character) ? character : `\\${code.toString(8).padStart(3, "0")}`;
}

/** As resolvers and the condition keys of policies have it: without the last dot. */
export function withoutDot(name: string): string {
  return name.replace(/\.$/, "");
}

export function isWithin(name: string, zone: string): boolean {
  return name === zone || name.endsWith(`.${zone}`);
}

/** Route 53's order: by the labels from the right, in ASCII, with the last dot: `org.example.web.` */
export function compareNames(left: string, right: string): number {
  return compareTexts(reverseLabels(left), reverseLabels(right));
}

function reverseLabels(name: string): string {
  return `${withoutDot(name).split(".").reverse().join(".")}.`;
}

export function compareTexts(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
